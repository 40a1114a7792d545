"""The dealer's tuples: right for every kind and shape, from no stream twice, as scheduled."""

import contextlib
import re
import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from mpc.engine.correlations import SignKeys
from mpc.errors import FrameError, PartyError
from mpc.fss.correction_words import RingArray
from mpc.gates.lut_comparison import Bits, folded, looked_up
from mpc.gates.pairs import CHUNK, differences
from mpc.net.frames import TupleKind
from mpc.preprocessing.expander import Expander, ring_matmul
from mpc.preprocessing.fss_keys import FEW_ENTRIES, by_points, digit_requests, sign_requests
from mpc.preprocessing.mask_refs import MaskRef
from mpc.preprocessing.provider import DealerProvider
from mpc.preprocessing.requests import TupleRequest
from mpc.preprocessing.schedule import Schedule
from mpc.ring.fixedpoint import Int64Array
from mpc.ring.randomness import AesCtrStream, new_key
from mpc.roles.dealer import _segment_in
from tests.mpc.deals import Deal, added, dealt, xored


@pytest.mark.parametrize("num_parties", [2, 3, 5])
class TestTuples:
    @pytest.mark.parametrize(
        ("left", "right"),
        [((), ()), ((1,), (1,)), ((3, 4), (3, 4)), ((5, 1), (1, 7)), ((4, 3), (3,))],
    )
    def test_products(
        self, num_parties: int, left: tuple[int, ...], right: tuple[int, ...]
    ) -> None:
        parts = dealt(
            num_parties,
            [TupleRequest("mul", (left, right))],
            lambda provider: provider.generate_additive_triple(left, right, "mul"),
        )
        a, b, c = (added(part) for part in zip(*parts, strict=True))
        with np.errstate(over="ignore"):
            assert np.array_equal(c, a * b)

    @pytest.mark.parametrize(
        ("left", "right"),
        [((1, 1), (1, 1)), ((3, 4), (4, 5)), ((2, 3, 4), (4, 2)), ((8, 300), (300, 8))],
    )
    def test_matrix_products(
        self, num_parties: int, left: tuple[int, ...], right: tuple[int, ...]
    ) -> None:
        parts = dealt(
            num_parties,
            [TupleRequest("matmul", (left, right))],
            lambda provider: provider.generate_additive_triple(left, right, "matmul"),
        )
        a, b, c = (added(part) for part in zip(*parts, strict=True))
        assert np.array_equal(c, np.matmul(a, b))

    @pytest.mark.parametrize("shape", [(1,), (5, 3), (9000,)])
    def test_unary(self, num_parties: int, shape: tuple[int, ...]) -> None:
        r, square = (
            added(part)
            for part in zip(
                *dealt(
                    num_parties,
                    [TupleRequest("square", (shape,))],
                    lambda provider: provider.square(shape),
                ),
                strict=True,
            )
        )
        assert np.array_equal(square, r * r)
        binary = dealt(
            num_parties,
            [TupleRequest("binary", (shape, (2, *shape)))],
            lambda provider: provider.generate_binary_triple(shape, (2, *shape)),
        )
        a, b, c = (xored(part) for part in zip(*binary, strict=True))
        assert np.array_equal(c, a & b)
        wraps = dealt(
            num_parties,
            [TupleRequest("wraps", (shape,))],
            lambda provider: provider.wrap_rng(shape),
        )
        counted = added([part[1] for part in wraps])
        whole = sum(part[0].astype(object) for part in wraps)
        assert np.array_equal(
            counted.astype(object) * 2**64, whole - added([p[0] for p in wraps]).astype(object)
        )
        bits = dealt(
            num_parties, [TupleRequest("bit", (shape,))], lambda provider: provider.B2A_rng(shape)
        )
        bit = added([part[0] for part in bits])
        assert np.array_equal(bit, xored([part[1] for part in bits]))
        assert set(np.unique(bit)) <= {0, 1}
        if bit.size > 1000:
            assert 0.4 < bit.mean() < 0.6

    @pytest.mark.parametrize("shift", [1, 20, 62])
    def test_truncations(self, num_parties: int, shift: int) -> None:
        parts = dealt(
            num_parties,
            [TupleRequest("truncation", ((50,),), shift)],
            lambda provider: provider.truncation((50,), shift),
        )
        r, shifted, top = (added(part) for part in zip(*parts, strict=True))
        unsigned = r.view(np.uint64)
        assert np.array_equal(shifted.view(np.uint64), unsigned >> np.uint64(shift))
        assert np.array_equal(top.view(np.uint64), unsigned >> np.uint64(63))

    @pytest.mark.parametrize("bit_length", [1, 4, 9])
    def test_lookups(self, num_parties: int, bit_length: int) -> None:
        """From entries, or for two parties from keys where those are shorter."""
        kind: TupleKind = "point" if by_points(21, bit_length, num_parties == 2) else "lookup"
        parts = dealt(
            num_parties,
            [TupleRequest(kind, ((3, 7),), bit_length)],
            lambda provider: provider.lookup((3, 7), bit_length),
        )
        r, rows = (added(part) for part in zip(*parts, strict=True))
        assert rows.shape == (3, 7, 1 << bit_length)
        assert np.array_equal(rows, np.eye(1 << bit_length, dtype=np.int64)[r % (1 << bit_length)])


def test_two_parties_look_up_by_keys_where_those_are_shorter_and_entries_are_many() -> None:
    for bit_length in range(1, 14):
        entries = TupleRequest("lookup", ((100,),), bit_length)
        keys = TupleRequest("point", ((100,),), bit_length)
        shorter = 2 * keys.key_bytes < 8 * 100 * entries.out_shape[-1]
        many = 100 << bit_length > FEW_ENTRIES
        assert by_points(100, bit_length, True) == (shorter and many), bit_length
        assert not by_points(100, bit_length, False)
    assert by_points(21, 9, True)
    assert not by_points(1, 9, True)


class Opening:
    """Adds up what two parties open to each other, each in a thread."""

    def __init__(self, x: Int64Array) -> None:
        self._sum = x.copy()
        self._lock, self._barrier = threading.Lock(), threading.Barrier(2, timeout=20)

    def __call__(self, keys: SignKeys) -> RingArray:
        """Open x + r, and evaluate there."""
        with self._lock:
            self._sum += keys.masks
        self._barrier.wait()
        return keys.evaluate(self._sum)


def evaluated(
    x: Int64Array, requests: list[TupleRequest], ask: Callable[[DealerProvider], SignKeys]
) -> list[RingArray]:
    """Return two parties' shares of signs of x, by keys from a dealer."""
    opening = Opening(x)
    with contextlib.ExitStack() as stack:
        schedule = Schedule(once={"distances": tuple(requests)})
        shares = Deal(stack, 2).parts(schedule, lambda provider: opening(ask(provider)))
    assert not any(isinstance(share, Exception) for share in shares), shares
    return shares  # type: ignore[return-value]


@pytest.mark.parametrize("num_bits", [2, 32, 40, 64])
def test_keys_for_signs_give_both_parties_their_shares(num_bits: int) -> None:
    limit = 1 << (num_bits - 1)
    x = np.array([0, -1, 1 % limit, limit - 1, -limit, -limit // 2, limit // 3], dtype=np.int64)
    request = TupleRequest("sign64", ((len(x),),), num_bits)
    shares = evaluated(x, [request], lambda provider: provider.signs(len(x), num_bits))
    assert np.array_equal(shares[0] + shares[1], (x < 0).astype(np.uint64))


@pytest.mark.parametrize("blocks", [(2,), (4,), (1, 3, 2)], ids=str)
@pytest.mark.parametrize("num_bits", [5, 32, 40, 64])
def test_keys_for_duels_compare_all_pairs_of_masked_candidates(
    num_bits: int, blocks: tuple[int, ...]
) -> None:
    rng, limit = np.random.default_rng(num_bits), 1 << (num_bits - 2)
    x = rng.integers(-limit, limit, size=(6, sum(blocks)))
    x[0] = 0
    request = TupleRequest("sign8", (x.shape, blocks), num_bits)
    shares = evaluated(x, [request], lambda provider: provider.pair_signs(len(x), blocks, num_bits))
    assert np.array_equal(shares[0] + shares[1], (differences(x, blocks) < 0).astype(np.uint8))


@pytest.mark.parametrize(
    ("kind", "count", "blocks"),
    [
        ("sign64", CHUNK, ()),
        ("sign64", 2 * CHUNK + 3, ()),
        ("sign8", 700, (9, 5, 1)),
    ],
)
def test_many_keys_come_in_chunks(kind: TupleKind, count: int, blocks: tuple[int, ...]) -> None:
    requests = list(sign_requests(kind, count, 12, blocks))
    assert sum(request.shapes[0][0] for request in requests) == count
    assert max(request.num_signs for request in requests) <= CHUNK
    shape = (count, *requests[0].shapes[0][1:])
    x = np.random.default_rng(0).integers(-512, 512, size=shape)

    def ask(provider: DealerProvider) -> SignKeys:
        return provider.pair_signs(count, blocks, 12) if blocks else provider.signs(count, 12)

    shares = evaluated(x, requests, ask)
    whole = replace(requests[0], shapes=(shape, *requests[0].shapes[1:]))
    found = shares[0] + shares[1]
    assert np.array_equal(found, (whole.compared(x) < 0).astype(found.dtype))


@pytest.mark.parametrize("num_parties", [2, 3])
@pytest.mark.parametrize(
    ("kind", "count", "blocks"),
    [("digits64", 40, ()), ("digits8", 20, (2, 3)), ("digits8", 700, (9, 5, 1))],
)
def test_tables_of_digits_are_of_a_kept_mask(
    kind: TupleKind, count: int, blocks: tuple[int, ...], num_parties: int
) -> None:
    """Each chunk is of its own rows; only party 0 is sent anything."""
    shape = (count, sum(blocks)) if blocks else (count,)
    x = np.random.default_rng(0).integers(-512, 512, size=shape)
    asked = list(digit_requests(kind, count, 12, blocks, MaskRef("distances", 0)))
    assert max(request.num_signs for request in asked) <= CHUNK
    noted = TupleRequest("mask", (shape,))
    table = Exchanged(x, num_parties)

    def use(provider: DealerProvider) -> list[RingArray]:
        mask = provider.mask(shape)
        opened = table.summed(mask.share.numpy())
        shares = []
        for request, flips, flat in provider.digits(kind, count, 12, mask.id, blocks):
            z = request.compared(opened).view(np.uint64)
            words, products = request.plan.parts(flat, len(z))
            party, plan = provider._party, request.plan
            bits = table.xored(looked_up(plan, party, words, z) ^ flips)
            shares.append(folded(plan, party, products, z, bits))
        return shares

    with contextlib.ExitStack() as stack:
        deal = Deal(stack, num_parties)
        got = deal.parts(Schedule(once={"distances": (noted, *asked)}), use)
        sent = [link.counts for link in deal.at_dealer[1:]]
        assert not any(b"CDG8" in counts or b"CD64" in counts for counts in sent)
    assert not any(isinstance(shares, Exception) for shares in got), got
    found = added([np.concatenate(shares) for shares in got])  # type: ignore[call-overload]
    gaps = differences(x, blocks) if blocks else x
    assert np.array_equal(found, gaps < 0)


class Exchanged:
    """Combines what parties open to each other, each in a thread; one opening after the other."""

    def __init__(self, x: Int64Array, num_parties: int) -> None:
        self._x = x
        self._given: list[Int64Array | Bits] = []
        self._lock = threading.Lock()
        self._barrier = threading.Barrier(num_parties, timeout=20)

    def summed(self, share: Int64Array) -> Int64Array:
        return np.add(self._x, added(self._all(share)))  # type: ignore[arg-type]

    def xored(self, share: Bits) -> Bits:
        return xored(self._all(share))  # type: ignore[arg-type,return-value]

    def _all(self, share: Int64Array | Bits) -> list[Int64Array | Bits]:
        with self._lock:
            self._given.append(share)
        self._barrier.wait()
        given = list(self._given)
        if self._barrier.wait() == 0:
            self._given.clear()
        self._barrier.wait()
        return given


def test_a_candidate_too_many_for_a_chunk_is_a_chunk_of_its_own() -> None:
    blocks = (255,)
    requests = list(sign_requests("sign8", 3, 40, blocks))
    assert [request.shapes for request in requests] == [((1, 255), blocks)] * 3


@pytest.mark.parametrize("kind", ["sign8", "sign64", "point"])
def test_keys_are_for_two_parties(kind: TupleKind) -> None:
    request = TupleRequest(kind, ((1, 2),), 9)
    expander = Expander([AesCtrStream(new_key()) for _ in range(3)])
    with pytest.raises(FrameError, match="for 2 parties, not 3"):
        expander.point_keys(request) if kind == "point" else expander.sign_keys(request)
    with contextlib.ExitStack() as stack:
        assert not Deal(stack, 3).providers[0].has_keys


def test_large_matrix_products_are_those_of_small_ones() -> None:
    rng = np.random.default_rng(0)
    a = rng.integers(-(2**63), 2**63 - 1, size=(300, 300))
    b = rng.integers(-(2**63), 2**63 - 1, size=(300, 300))
    assert np.array_equal(ring_matmul(a, b), np.matmul(a, b))  # by torch and by NumPy


@pytest.mark.parametrize("rank", [0, 1])
def test_no_step_begins_twice(rank: int) -> None:
    request = TupleRequest("square", ((1,),))
    schedule = Schedule(once={"distances": (request,)}, iterations=((request,),), limit=3)
    with contextlib.ExitStack() as stack:
        provider = Deal(stack, 2).providers[rank]
        for job in (4, 5):
            provider.expect(job, schedule)
            for step in ("distances", "iteration 1", "iteration 2"):
                provider.begin(job, step)
            for step in ("distances", "iteration 1", "iteration 2"):
                with pytest.raises(
                    PartyError, match=f"party:{rank} would use the masks of '{step}'"
                ):
                    provider.begin(job, step)
        with pytest.raises(PartyError, match="would use the masks of 'iteration 3' twice"):
            provider.begin(4, "iteration 3")


def test_what_was_not_scheduled_or_is_otherwise_is_refused() -> None:
    request = TupleRequest("square", ((2,),))

    def use(provider: DealerProvider) -> object:
        provider.square((2,))
        return provider.square((3,))

    for schedule, words in (
        ((request,), "no more tuples"),
        ((request, request), r"where .*\(\(3,\),\).* is needed"),
    ):
        with contextlib.ExitStack() as stack:
            first, second = Deal(stack, 2).parts(Schedule(once={"distances": schedule}), use)
            assert isinstance(first, PartyError), first
            assert re.search(words, str(first)), first
            assert not isinstance(second, Exception)


KINDS: tuple[TupleKind, ...] = (
    "mul",
    "matmul",
    "square",
    "binary",
    "wraps",
    "bit",
    "truncation",
    "lookup",
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("num_parties", [2, 3])
def test_corrections_and_parts_are_uniform(num_parties: int, kind: TupleKind) -> None:
    """A correction says nothing of the tuple: it is masked by a part that party 0 does not know."""
    shapes = ((40, 40), (40, 40)) if kind in ("mul", "matmul", "binary") else ((40, 40),)
    request = TupleRequest(kind, shapes, 3 if kind == "lookup" else 20)
    streams = [AesCtrStream(new_key()) for _ in range(num_parties)]
    drawn = np.concatenate([Expander(streams).correction(request).reshape(-1) for _ in range(20)])
    counts = np.bincount(drawn.view(np.uint8), minlength=256)
    expected = counts.sum() / 256
    chi_square = float(((counts - expected) ** 2 / expected).sum())
    assert 130 < chi_square < 420  # 255 degrees of freedom: 255 +- 23


@pytest.mark.parametrize(
    "payload",
    [
        b"{",
        b"[]",
        b'{"segment": 1}',
        b'{"segment": 1, "tuples": 5}',
        b'{"segment": 1, "tuples": [["mul", [[2]]]]}',
        b'{"segment": 1, "tuples": [["mul", [[2], [2]], 0]]}',
        b'{"segment": 1, "tuples": [["pow", [[2]], 0, [], ""]]}',
        b'{"segment": 1, "tuples": [["mask", [[2]], 0, 5, ""]]}',
        b'{"segment": 1, "tuples": [["mask", 2, 0, ["a"], ""]]}',
        b'{"segment": "x", "tuples": []}',
        b'{"segment": 16777216.0, "tuples": []}',
        b'{"segment": true, "tuples": []}',
        b'{"segment": -1, "tuples": []}',
        b'{"segment": 1, "tuples": []}',
        b'{"segment": 16777222, "tuples": []}',
        b'{"segment": 33554431, "tuples": []}',
        b'{"segment": 72057594037927936, "tuples": []}',
        b'{"segment": 1e999, "tuples": []}',
        b'{"segment": 16777216, "tuples": [["mul", [[2], [Infinity]], 0, [], ""]]}',
        b'{"segment": 16777216, "tuples": [["mul", [[2], [2.0]], 0, [], ""]]}',
        b'{"segment": 16777216, "tuples": [["mul", [[2], [2]], "0", [], ""]]}',
        b'{"segment": 16777216, "tuples": [["mul", [[2], [2]], 0, [], 0]]}',
        b'{"segment": 16777216, "tuples": [["mul", [[2], [2]], 0, [], "", 1]]}',
        b'{"segment": 16777216, "tuples": [[["mul"], [[2], [2]], 0, [], ""]]}',
        b'{"segment": 16777216, "tuples": "mul"}',
        b"[" * 100_000,
    ],
)
def test_a_malformed_request_is_a_frame_error(payload: bytes) -> None:
    with pytest.raises(FrameError, match="dealer got a malformed request of party:0"):
        _segment_in(bytearray(payload))
