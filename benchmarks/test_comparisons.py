"""Comparisons by keys and by look-up tables: bytes from the dealer, evaluations a second."""

import time

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from sign_speed import Speed, measure_signs
from targets import Target, note

from mpc.gates.lut_comparison import fitting, folded, looked_up, make, plan_of
from mpc.ring.fixedpoint import COMPARED_BITS, EXACT_BITS
from mpc.ring.randomness import AesCtrStream, new_key

COUNT = 28_000
"""Pairs of N = 1000 points and K = 8 clusters."""


@pytest.mark.parametrize(
    ("num_bits", "ring_bits"), [(COMPARED_BITS, 8), (EXACT_BITS, 64), (64, 8), (64, 64)]
)
def test_keys(
    benchmark: BenchmarkFixture, provenance: dict[str, object], num_bits: int, ring_bits: int
) -> None:
    speed: Speed = benchmark.pedantic(
        measure_signs,
        args=(COUNT,),
        kwargs={"num_bits": num_bits, "ring_bits": ring_bits},
        rounds=3,
    )
    benchmark.extra_info.update(
        provenance,
        parties=2,
        provider="dealer",
        links="none",
        count=COUNT,
        bytes_per_key=speed.bytes_per_sign,
        generate_us=speed.generate_us,
        evaluate_us=speed.evaluate_us,
    )
    target = Target(
        what=f"comparisons of {num_bits} bits, shares of {ring_bits}: M/s evaluated by a party",
        ratio=speed.evaluations_per_second / 1e6,
        bound="no target",
        target=0.0,
        figures=f"keys of {speed.bytes_per_sign} bytes; {speed.generate_us:.2f} us to make one, "
        f"{speed.evaluate_us:.2f} us to evaluate it",
    )
    note(benchmark, target)


@pytest.mark.parametrize(
    ("num_bits", "ring_bits"), [(COMPARED_BITS, 4), (COMPARED_BITS, 8), (EXACT_BITS, 64)]
)
def test_digits(
    benchmark: BenchmarkFixture, provenance: dict[str, object], num_bits: int, ring_bits: int
) -> None:
    """One party's drawing, looking up and folding; the dealer's making and drawing for others."""
    plan = plan_of(num_bits, ring_bits)
    masks = AesCtrStream(new_key()).ring((COUNT,)).view(np.uint64)
    keys = [new_key() for _ in range(2)]
    evaluate_s: list[float] = []

    def deal_and_use() -> None:
        streams = [AesCtrStream(key) for key in keys]
        flips = [plan.flips(s.ring((plan.flips_size(COUNT),)), COUNT) for s in streams]
        fitting(
            plan, make(plan, masks, flips[0] ^ flips[1]), [streams[1].ring((plan.size(COUNT),))]
        )
        begun, stream = time.thread_time(), AesCtrStream(keys[1])
        own_flips = plan.flips(stream.ring((plan.flips_size(COUNT),)), COUNT)
        flat = stream.ring((plan.size(COUNT),)).view(np.uint64)
        words, products = plan.parts(flat, COUNT)
        bits = looked_up(plan, 1, words, masks) ^ own_flips
        folded(plan, 1, products, masks, bits)
        evaluate_s.append(time.thread_time() - begun)

    benchmark.pedantic(deal_and_use, rounds=10, warmup_rounds=2)
    evaluate_us = min(evaluate_s) / COUNT * 1e6
    deal_us = benchmark.stats.stats.min / COUNT * 1e6 - evaluate_us
    benchmark.extra_info.update(provenance, parties=2, provider="dealer", links="none", count=COUNT)
    benchmark.extra_info.update(
        bytes_per_number=plan.bytes_per_number, deal_us=deal_us, evaluate_us=evaluate_us
    )
    target = Target(
        what=f"digits of {num_bits} bits, shares of {ring_bits}: M/s evaluated by a party",
        ratio=1 / evaluate_us,
        bound="no target",
        target=0.0,
        figures=f"{plan.bytes_per_number} bytes to one party; {deal_us:.2f} us to deal one, "
        f"{evaluate_us:.2f} us to evaluate it",
    )
    note(benchmark, target)
