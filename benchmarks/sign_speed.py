"""How fast signs are, on one core of this machine: for benchmarks."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mpc.fss.sign import evaluate_sign, generate_sign
from mpc.ring.randomness import AesCtrStream, new_key


@dataclass(frozen=True, kw_only=True, slots=True)
class Speed:
    """What signs of one shape cost.

    Parameters
    ----------
    count : int
        Signs in a batch.
    num_bits, ring_bits : int
        Bit length of the numbers and of the shares.
    bytes_per_sign : int
        Correction words, to each party.
    generate_us, evaluate_us : float
        Processor time a sign in microseconds, the best of all repetitions; evaluation by one party.
    """

    count: int
    num_bits: int
    ring_bits: int
    bytes_per_sign: int
    generate_us: float
    evaluate_us: float

    @property
    def evaluations_per_second(self) -> float:
        """Signs that one party evaluates in a second."""
        return 1e6 / self.evaluate_us


def measure_signs(
    count: int, *, num_bits: int = 64, ring_bits: int = 8, repetitions: int = 5
) -> Speed:
    """Measure the generation and evaluation of a batch of signs.

    Parameters
    ----------
    count : int
        Signs in a batch, from 1.
    num_bits : int
        2..64.
    ring_bits : int
        8 or 64.
    repetitions : int
        Batches, from 1.

    Raises
    ------
    InputError
        A number of bits is out of its range.
    """
    stream = AesCtrStream(new_key())
    seeds_0, seeds_1 = stream.ring((count, 2)), stream.ring((count, 2))
    masks, masked = stream.ring((2, count)).view(np.uint64)
    words = generate_sign(masks, seeds_0, seeds_1, num_bits=num_bits, ring_bits=ring_bits)

    def grow() -> None:
        generate_sign(masks, seeds_0, seeds_1, num_bits=num_bits, ring_bits=ring_bits)

    return Speed(
        count=count,
        num_bits=num_bits,
        ring_bits=ring_bits,
        bytes_per_sign=words.layout.bytes_per_tree,
        generate_us=_best_s(grow, repetitions) / count * 1e6,
        evaluate_us=_best_s(lambda: evaluate_sign(0, seeds_0, words, masked), repetitions)
        / count
        * 1e6,
    )


def _best_s(action: Callable[[], object], repetitions: int) -> float:
    """Return the least processor time of an action in seconds."""
    times_s = []
    for _ in range(repetitions):
        start = time.thread_time()
        action()
        times_s.append(time.thread_time() - start)
    return min(times_s)
