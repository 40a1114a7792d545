"""The dealer's tuples: right for every kind and shape, from no stream twice, as scheduled."""

import contextlib
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Literal

import numpy as np
import pytest

from mpc import ClusterJob, SecureSession
from mpc.dealer import Dealer, Expander, _segment_in, ring_matmul
from mpc.errors import FrameError, PartyError, PeerClosedError
from mpc.fixedpoint import Int64Array
from mpc.frames import REQUEST, Chain, TupleKind
from mpc.provider import DealerProvider
from mpc.randomness import AesCtrStream, new_key
from mpc.schedule import Schedule
from mpc.tuples import STEPS, TupleRequest, matmul_shape, segment_of
from tests.mpc.ends import at_once, linked

Parts = list[tuple[Int64Array, ...]]


def added(parts: Sequence[Int64Array]) -> Int64Array:
    return sum(parts[1:], start=parts[0].copy())


def xored(parts: Sequence[Int64Array]) -> Int64Array:
    total = parts[0].copy()
    for part in parts[1:]:
        total ^= part
    return total


class Deal:
    """A dealer and the providers of P parties, joined in this process."""

    def __init__(self, stack: contextlib.ExitStack, num_parties: int) -> None:
        self.chain = Chain()
        pairs = [
            stack.enter_context(linked("plain", me=f"party:{i}", peer="dealer", timeout_s=5))
            for i in range(num_parties)
        ]
        self.at_dealer = [far for _, far in pairs]
        self.dealer = Dealer(self.at_dealer)
        self.providers = [
            DealerProvider(rank, near, self.chain, num_parties=num_parties)
            for rank, (near, _) in enumerate(pairs)
        ]
        self._first = pairs[0][0]

    def parts(self, schedule: Schedule, use: Callable[[DealerProvider], object]) -> list[object]:
        """Let every party use the tuples of step `distances` of job 1, the dealer serving."""

        def party(provider: DealerProvider) -> object:
            provider.expect(1, schedule)
            provider.begin(1, "distances")
            got = use(provider)
            if provider is self.providers[0]:
                self._first._channel.sock.shutdown(2)
            return got

        served, *got = at_once([self.serve, *(lambda p=p: party(p) for p in self.providers)])
        assert not isinstance(served, Exception), served
        return got

    def serve(self) -> None:
        with contextlib.suppress(PeerClosedError):
            self.dealer.serve()


def shares(tuple_: Sequence[object]) -> tuple[Int64Array, ...]:
    return tuple(part.share.numpy().copy() for part in tuple_)  # type: ignore[attr-defined]


def dealt(
    num_parties: int, request: TupleRequest, use: Callable[[DealerProvider], object]
) -> Parts:
    """Return each party's parts of one tuple."""
    with contextlib.ExitStack() as stack:
        deal = Deal(stack, num_parties)
        got = deal.parts(Schedule(once={"distances": (request,)}), use)
    assert not any(isinstance(entry, Exception) for entry in got), got
    return [shares(entry) for entry in got]  # type: ignore[arg-type]


@pytest.mark.parametrize("num_parties", [2, 3, 5])
class TestTuples:
    @pytest.mark.parametrize(
        ("left", "right"),
        [((), ()), ((1,), (1,)), ((3, 4), (3, 4)), ((5, 1), (1, 7)), ((0, 3), (3,))],
    )
    def test_products(
        self, num_parties: int, left: tuple[int, ...], right: tuple[int, ...]
    ) -> None:
        parts = dealt(
            num_parties,
            TupleRequest("mul", (left, right)),
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
            TupleRequest("matmul", (left, right)),
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
                    TupleRequest("square", (shape,)),
                    lambda provider: provider.square(shape),
                ),
                strict=True,
            )
        )
        assert np.array_equal(square, r * r)
        binary = dealt(
            num_parties,
            TupleRequest("binary", (shape, (2, *shape))),
            lambda provider: provider.generate_binary_triple(shape, (2, *shape)),
        )
        a, b, c = (xored(part) for part in zip(*binary, strict=True))
        assert np.array_equal(c, a & b)
        wraps = dealt(
            num_parties, TupleRequest("wraps", (shape,)), lambda provider: provider.wrap_rng(shape)
        )
        counted = added([part[1] for part in wraps])
        whole = sum(part[0].astype(object) for part in wraps)
        assert np.array_equal(
            counted.astype(object) * 2**64, whole - added([p[0] for p in wraps]).astype(object)
        )
        bits = dealt(
            num_parties, TupleRequest("bit", (shape,)), lambda provider: provider.B2A_rng(shape)
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
            TupleRequest("truncation", ((50,),), shift),
            lambda provider: provider.truncation((50,), shift),
        )
        r, shifted, top = (added(part) for part in zip(*parts, strict=True))
        unsigned = r.view(np.uint64)
        assert np.array_equal(shifted.view(np.uint64), unsigned >> np.uint64(shift))
        assert np.array_equal(top.view(np.uint64), unsigned >> np.uint64(63))

    @pytest.mark.parametrize("bit_length", [1, 4, 9])
    def test_lookups(self, num_parties: int, bit_length: int) -> None:
        parts = dealt(
            num_parties,
            TupleRequest("lookup", ((3, 7),), bit_length),
            lambda provider: provider.lookup((3, 7), bit_length),
        )
        r, rows = (added(part) for part in zip(*parts, strict=True))
        assert rows.shape == (3, 7, 1 << bit_length)
        assert np.array_equal(rows, np.eye(1 << bit_length, dtype=np.int64)[r % (1 << bit_length)])


@pytest.mark.parametrize("ring_bits", [8, 64])
@pytest.mark.parametrize("num_bits", [2, 40, 64])
def test_keys_for_signs_give_both_parties_their_shares(
    ring_bits: Literal[8, 64], num_bits: int
) -> None:
    limit = 1 << (num_bits - 1)
    x = np.array([0, -1, 1 % limit, limit - 1, -limit, -limit // 2, limit // 3], dtype=np.int64)
    kind: TupleKind = "sign8" if ring_bits == 8 else "sign64"
    with contextlib.ExitStack() as stack:
        deal = Deal(stack, 2)
        schedule = Schedule(once={"distances": (TupleRequest(kind, ((len(x),),), num_bits),)})
        keys = deal.parts(schedule, lambda provider: provider.signs(len(x), num_bits, ring_bits))
    opened = x + sum(key.masks for key in keys)  # type: ignore[attr-defined]
    shares = [key.evaluate(opened) for key in keys]  # type: ignore[attr-defined]
    assert np.array_equal(shares[0] + shares[1], (x < 0).astype(shares[0].dtype))


def test_keys_for_signs_are_for_two_parties() -> None:
    request = TupleRequest("sign8", ((1,),), 64)
    with contextlib.ExitStack() as stack:
        deal = Deal(stack, 3)
        assert not deal.providers[0].has_signs
        with pytest.raises(FrameError, match="for 2 parties, not 3"):
            Expander([AesCtrStream(new_key()) for _ in range(3)]).sign_keys(request)


def test_large_matrix_products_are_those_of_small_ones() -> None:
    rng = np.random.default_rng(0)
    a = rng.integers(-(2**63), 2**63 - 1, size=(300, 300))
    b = rng.integers(-(2**63), 2**63 - 1, size=(300, 300))
    assert np.array_equal(ring_matmul(a, b), np.matmul(a, b))  # by torch and by NumPy


def test_every_tuple_of_a_job_is_from_another_place_of_the_streams() -> None:
    """Drawn numbers of all steps of three jobs are 64-bit numbers without a repetition."""
    key = new_key()
    steps = [*STEPS, *(f"iteration {i}" for i in range(1, 30))]
    segments = [segment_of(job, step) for job in (1, 2, 3) for step in steps]
    assert len(set(segments)) == len(segments)
    drawn = np.concatenate([AesCtrStream(key, nonce=segment).ring((500,)) for segment in segments])
    assert len(np.unique(drawn)) == len(drawn)


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
            deal = Deal(stack, 2)
            first, second = deal.parts(
                Schedule(once={"distances": schedule}), shut_after(deal, use)
            )
            assert isinstance(first, PartyError), first
            assert re.search(words, str(first)), first
            assert not isinstance(second, Exception)


def shut_after(
    deal: Deal, use: Callable[[DealerProvider], object]
) -> Callable[[DealerProvider], object]:
    def used(provider: DealerProvider) -> object:
        try:
            return use(provider)
        finally:
            if provider is deal.providers[0]:
                deal._first._channel.sock.shutdown(2)

    return used


KINDS: tuple[TupleKind, ...] = ("mul", "matmul", "square", "binary", "wraps", "bit", "truncation")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("num_parties", [2, 3])
def test_corrections_and_parts_are_uniform(num_parties: int, kind: TupleKind) -> None:
    """A correction says nothing of the tuple: it is masked by a part that party 0 does not know."""
    shapes = ((40, 40), (40, 40)) if kind in ("mul", "matmul", "binary") else ((40, 40),)
    request = TupleRequest(kind, shapes, 20)
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
        b'{"segment": 1, "tuples": [["pow", [[2]], 0]]}',
        b'{"segment": "x", "tuples": []}',
    ],
)
def test_a_malformed_request_is_a_frame_error(payload: bytes) -> None:
    with pytest.raises(FrameError):
        _segment_in(bytearray(payload))


def test_shapes_that_do_not_fit_are_a_frame_error() -> None:
    with contextlib.ExitStack() as stack:
        deal = Deal(stack, 2)
        bad = '{"segment": 1, "tuples": [["mul", [[2], [3]], 0]]}'
        deal._first.send(REQUEST, bad.encode())
        with pytest.raises(FrameError, match="cannot serve a request of party:0"):
            deal.dealer.serve()
    with pytest.raises(FrameError, match="matrices are needed"):
        matmul_shape((3,), (3, 4))


def points(seed: int, n: int = 12) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 5)) / 8


@pytest.mark.slow
@pytest.mark.parametrize("reveal", ["own-mean", "assignments", "distances"])
@pytest.mark.parametrize("start", [None, (0, 5, 7)], ids=["farthest-first", "given rows"])
def test_what_a_rehearsal_says_is_what_a_job_asks_for(
    secure_session: SecureSession, reveal: str, start: tuple[int, ...] | None
) -> None:
    """The provider raises where it is not; whatever the schedule misses would fail the job."""
    for n, min_size, iterations, evaluate in (
        (3, 1, 1, False),
        (12, 1, 2, True),
        (12, 3, 20, False),
        (70, 3, 3, True),
    ):
        if start is not None and n < 12:
            continue
        job = ClusterJob(
            k=3,
            reveal=reveal,  # type: ignore[arg-type]
            init_rows=start,
            min_cluster_size=min_size,
            iterations=iterations,
            evaluate=evaluate,
        )
        result = secure_session.cluster(job, points(n, n), points(1, n))
        assert result.means_NM.shape == (n, 5)


@pytest.mark.slow
def test_the_dealer_streams_ahead(secure_session: SecureSession) -> None:
    """Rounds with the dealer are no more than two a step, however many tuples a step needs."""
    rounds = {}
    for n, k in ((6, 2), (60, 2), (60, 6)):
        job = ClusterJob(k=k, iterations=1)
        rounds[n, k] = secure_session.cluster(
            job, points(0, n), points(0, n)
        ).traffic.rounds_offline
    assert len(set(rounds.values())) == 1, rounds
    assert max(rounds.values()) <= 8, rounds


@pytest.mark.slow
def test_the_dealer_hears_and_says_as_much_for_other_inputs(secure_session: SecureSession) -> None:
    """Cases of one iteration: the number of iterations is public."""
    counts = []
    for seed in range(3):
        job = ClusterJob(k=3, iterations=1)
        traffic = secure_session.cluster(job, points(seed), points(seed + 9)).traffic
        (dealer,) = [asdict(role) for role in traffic.roles if role.role == "dealer"]
        counts.append(
            {name: dealer[name] for name in dealer if "seconds" not in name and "wire" not in name}
        )
    assert counts[0] == counts[1] == counts[2]
    assert counts[0]["bytes_sent"] > 1000
