"""The circuits for 2 to 5 parties, each a thread of this process, against NumPy."""

import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mpc.engine.context import Party
from mpc.protocols import boolean
from mpc.ring.fixedpoint import Int64Array
from mpc.session.data_owner import split

EDGES = [0, 1, -1, 2, -2, 1 << 40, -(1 << 40), (1 << 62) - 1, 1 << 62, -(1 << 62), (1 << 63) - 1]
numbers = st.sampled_from(EDGES) | st.integers(-(1 << 63) + 1, (1 << 63) - 1)
Circuit = Callable[[Int64Array], Int64Array]


class Parties:
    """P threads that open to each other; every one derives the same tuples from their number."""

    def __init__(self, num_parties: int) -> None:
        self.num_parties = num_parties
        self.opened: list[Int64Array] = []
        self._me = threading.local()
        self._barrier = threading.Barrier(num_parties, timeout=20)
        self._sent: list[Sequence[Int64Array]] = [()] * num_parties

    def run(self, circuit: Circuit, x: Int64Array) -> list[Int64Array]:
        """Run a circuit on fresh shares of x; return each party's result."""
        self.opened = []

        def party(rank: int, share: Int64Array) -> Int64Array:
            self._me.rank, self._me.tuples = rank, 0
            return circuit(share)

        with ThreadPoolExecutor(self.num_parties) as pool:
            return list(pool.map(party, range(self.num_parties), split(x, self.num_parties)))

    @property
    def rank(self) -> int:
        return self._me.rank  # type: ignore[no-any-return]

    def open_bits(self, masked: Sequence[Int64Array]) -> list[Int64Array]:
        self._sent[self._me.rank] = masked
        self._barrier.wait()
        opened = [np.bitwise_xor.reduce(parts) for parts in zip(*self._sent, strict=True)]
        if self._barrier.wait() == 0:
            self.opened.append(np.concatenate([words.reshape(-1) for words in opened]))
        return opened

    @property
    def provider(self) -> "Parties":
        return self

    def generate_binary_triple(
        self, size0: Sequence[int], size1: Sequence[int]
    ) -> list[SimpleNamespace]:
        rng = self._tuple()
        a, b = (_words(rng, size, self.num_parties) for size in (size0, size1))
        whole = np.bitwise_xor.reduce(a) & np.bitwise_xor.reduce(b)
        c = _words(rng, whole.shape, self.num_parties)
        c[0] ^= np.bitwise_xor.reduce(c) ^ whole
        return [self._mine(parts) for parts in (a, b, c)]

    def B2A_rng(self, size: Sequence[int]) -> list[SimpleNamespace]:  # noqa: N802
        rng = self._tuple()
        xor = _words(rng, size, self.num_parties)
        ring = _words(rng, size, self.num_parties)
        ring[0] -= ring.sum(axis=0) - (np.bitwise_xor.reduce(xor) & 1)
        return [self._mine(ring), self._mine(xor)]

    def _tuple(self) -> np.random.Generator:
        self._me.tuples += 1
        return np.random.default_rng(self._me.tuples)

    def _mine(self, parts: Int64Array) -> SimpleNamespace:
        array = parts[self._me.rank]
        return SimpleNamespace(share=SimpleNamespace(numpy=lambda: array))


def _words(rng: np.random.Generator, size: Sequence[int], parties: int) -> Int64Array:
    return rng.integers(-(1 << 63), 1 << 63, size=(parties, *size), dtype=np.int64)


@pytest.fixture(scope="module", params=[2, 3, 4, 5], ids=lambda count: f"{count}-party")
def parties(request: pytest.FixtureRequest) -> Parties:
    return Parties(request.param)


def as_party(parties: Parties) -> Party:
    """It has what circuits ask of a party."""
    return cast(Party, parties)


def evaluate(
    parties: Parties,
    circuit: Callable[[Party, Int64Array, int], Int64Array],
    x: Int64Array,
    bits: int,
) -> list[int]:
    planes = parties.run(lambda share: circuit(as_party(parties), share, bits), x)
    found: list[int] = boolean.unpack(np.bitwise_xor.reduce(planes), len(x)).tolist()
    return found


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(values=st.lists(numbers, min_size=1, max_size=130))
def test_any_64_bit_numbers(parties: Parties, values: list[int]) -> None:
    x = np.array(values, dtype=np.int64)
    assert evaluate(parties, boolean.negative, x, 64) == (x < 0).tolist()


def test_all_short_numbers_at_every_length(parties: Parties) -> None:
    for bits in range(2, 10):
        x = np.tile(np.arange(-(1 << (bits - 1)) + 1, 1 << (bits - 1)), 3)
        assert evaluate(parties, boolean.negative, x, bits) == (x < 0).tolist(), bits


def test_lengths_that_are_no_lengths_are_refused(parties: Parties) -> None:
    for bits in (1, 65):
        with pytest.raises(ValueError, match="bits"):
            evaluate(parties, boolean.negative, np.arange(3), bits)


def test_each_length_at_its_own_edges(parties: Parties) -> None:
    for bits in range(10, 65, 3):
        top = (1 << (bits - 1)) - 1
        x = np.array([0, 1, -1, top, -top, top // 2, -top // 2], dtype=np.int64)
        assert evaluate(parties, boolean.negative, x, bits) == (x < 0).tolist(), bits


def test_all_pairs_of_two_parties_short_shares() -> None:
    block = Parties(2)
    a, b = (part.reshape(-1) for part in np.meshgrid(np.arange(64), np.arange(64)))
    shares = {0: a, 1: b}

    def carry(_: Int64Array) -> Int64Array:
        return boolean.negative(as_party(block), shares[block.rank], 7)

    planes = block.run(carry, a)
    assert boolean.unpack(planes[0] ^ planes[1], len(a)).tolist() == (a + b >= 64).tolist()


def test_bits_become_ring_elements(parties: Parties) -> None:
    bits = np.random.default_rng(0).integers(0, 2, size=100, dtype=np.uint8)

    def circuit(_: Int64Array) -> Int64Array:
        mine = bits if parties.rank == 1 else np.zeros_like(bits)
        return boolean.to_ring(as_party(parties), mine)

    shares = parties.run(circuit, np.zeros(100, dtype=np.int64))
    assert np.array_equal(sum(shares), bits)


def test_rounds_are_those_of_the_table(parties: Parties) -> None:
    x, saved = np.arange(5), parties.num_parties - 2
    for bits in (2, 5, 7, 8, 33, 64):
        if parties.num_parties == 2:
            sign = 1 + math.ceil(math.log2(math.ceil((bits - 1) / 4)))
        else:
            sign = saved + 1 + math.ceil(math.log2(bits - 1))
        evaluate(parties, boolean.negative, x, bits)
        assert len(parties.opened) == sign, bits


def test_what_is_opened_looks_like_tosses_of_a_coin(parties: Parties) -> None:
    for x in (np.zeros(6400, dtype=np.int64), np.full(6400, -1)):
        evaluate(parties, boolean.negative, x, 64)
        bits = np.unpackbits(np.concatenate(parties.opened).view(np.uint8))
        assert abs(bits.mean() - 0.5) * 2 * math.sqrt(len(bits)) < 6


@given(st.integers(1, 200))
def test_packing_and_unpacking_are_inverse(n: int) -> None:
    bits = np.random.default_rng(n).integers(0, 2, size=(3, n), dtype=np.uint8)
    words = boolean.pack(bits)
    assert words.shape == (3, -(-n // 64))
    assert np.array_equal(boolean.unpack(words, n), bits)
