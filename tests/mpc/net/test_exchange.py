"""Exchanges that cannot dead-lock, and inputs from many of whom some fail."""

import contextlib
import select
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from mpc.engine.communicator import MeshCommunicator
from mpc.errors import FrameError, PeerClosedError, PeerTimeoutError, TransportError
from mpc.net.exchange import collect, drive, exchange
from mpc.net.frames import CONTROL, HEADER_BYTES, MASKED_SUM, SHARE, Header, RoundClock
from mpc.net.link import SMALL_BYTES, Link, raw_view
from mpc.ring.fixedpoint import Int64Array
from tests.mpc.ends import KINDS, concurrently, linked
from tests.patience import SOON_S

SIZES = (0, 8, SMALL_BYTES - HEADER_BYTES - 4, SMALL_BYTES, SMALL_BYTES + 8, 32 << 20)
Mesh = list[dict[int, Link]]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@contextlib.contextmanager
def mesh(kind: str, num_parties: int, timeout_s: float = 30) -> Iterator[Mesh]:
    """Link every party to every other; all links of a party note depths in one chain."""
    chains = [RoundClock() for _ in range(num_parties)]
    peers: Mesh = [{} for _ in range(num_parties)]
    with contextlib.ExitStack() as stack:
        for low in range(num_parties):
            for high in range(low + 1, num_parties):
                peers[high][low], peers[low][high] = stack.enter_context(
                    linked(
                        kind,
                        me=f"party:{high}",
                        peer=f"party:{low}",
                        timeout_s=timeout_s,
                        chains=(chains[high], chains[low]),
                    )
                )
        yield peers


def ring(num_bytes: int, seed: int) -> Int64Array:
    drawn = np.random.default_rng(seed).integers(-(2**63), 2**63 - 1, size=num_bytes // 8)
    return drawn.astype(np.int64)


def send_raw(link: Link, data: bytes) -> None:
    for piece in link._channel.encode(data):
        link._channel.sock.sendall(piece)


@pytest.mark.slow
@pytest.mark.parametrize("num_bytes", SIZES)
@pytest.mark.parametrize("num_parties", [2, 3])
def test_everybody_gets_everybody_s_bytes(kind: str, num_parties: int, num_bytes: int) -> None:
    sent = [ring(num_bytes, seed) for seed in range(num_parties)]
    rounds = 1 if num_bytes > 1 << 20 else 3

    def party(rank: int, links: list[Link]) -> list[list[Int64Array]]:
        return [exchange(links, MASKED_SUM, sent[rank], number=i) for i in range(rounds)]

    with mesh(kind, num_parties) as peers:
        bodies = [
            lambda rank=rank: party(rank, list(peers[rank].values())) for rank in range(num_parties)
        ]
        for rank, got in enumerate(concurrently(bodies)):
            assert isinstance(got, list), got
            for of_round in got:
                for other, array in zip(peers[rank], of_round, strict=True):
                    assert np.array_equal(array, sent[other])
        for rank in range(num_parties):
            for link in peers[rank].values():
                whole = rounds * (sent[0].nbytes + HEADER_BYTES)
                assert link.count.bytes_sent == link.count.bytes_received == whole
                assert link.clock.depth == rounds


def test_small_frames_before_large_ones_are_not_lost(kind: str) -> None:
    """What TLS read ahead must not be waited for at the socket."""
    sizes = [8, SMALL_BYTES + 8, 8, 1 << 20, 0, 16]

    def party(links: list[Link]) -> list[int]:
        return [
            exchange(links, MASKED_SUM, ring(size, 0), number=i)[0].nbytes
            for i, size in enumerate(sizes)
        ]

    with mesh(kind, 2) as peers:
        bodies = [lambda rank=rank: party(list(peers[rank].values())) for rank in range(2)]
        expected = [ring(size, 0).nbytes for size in sizes]
        assert concurrently(bodies) == [expected, expected]


def test_the_communicator_adds_megabytes_up(kind: str) -> None:
    tensor = torch.arange(1_000_000)
    with mesh(kind, 3) as peers:
        bodies = [
            lambda rank=rank: MeshCommunicator(rank, peers[rank], RoundClock()).all_reduce(tensor)
            for rank in range(3)
        ]
        for total in concurrently(bodies):
            assert isinstance(total, torch.Tensor), total
            assert torch.equal(total, 3 * tensor)


@pytest.mark.parametrize("num_bytes", [8, 32 << 20])
def test_a_peer_that_dies_in_the_middle_is_named_at_once(kind: str, num_bytes: int) -> None:
    with mesh(kind, 2) as peers:
        near, far = peers[0][1], peers[1][0]
        data = raw_view(ring(num_bytes, 1)).tobytes()
        half = Header(MASKED_SUM, 1, 0, num_bytes).pack() + data[: num_bytes // 2]

        def die() -> None:
            if num_bytes > SMALL_BYTES:
                far._recv_exactly(num_bytes // 4)
            half_sent = threading.Thread(target=lambda: send_quietly(far, half), daemon=True)
            half_sent.start()
            time.sleep(0.2)
            far._channel.sock.shutdown(2)

        outcome, _ = concurrently(
            [lambda: exchange([near], MASKED_SUM, ring(num_bytes, 0), number=1), die]
        )
        assert isinstance(outcome, PeerClosedError), outcome  # and not its silence
        assert "party:0" in str(outcome)
        assert "party:1" in str(outcome)


def send_quietly(link: Link, data: bytes) -> None:
    with contextlib.suppress(OSError, TransportError):
        send_raw(link, data)


@pytest.mark.slow
def test_a_peer_that_stops_reading_is_silence(kind: str) -> None:
    with mesh(kind, 2, timeout_s=0.5) as peers:
        started = time.monotonic()
        with pytest.raises(PeerTimeoutError, match=r"party:1 was silent towards party:0 for 0\.5"):
            exchange([peers[0][1]], MASKED_SUM, ring(32 << 20, 0), number=1)
        assert time.monotonic() - started < SOON_S


def test_a_peer_with_another_shape_or_round_is_refused(kind: str) -> None:
    for theirs, number in ((ring(1 << 20, 1)[:-1], 1), (ring(1 << 20, 1), 2)):
        with mesh(kind, 2, timeout_s=2) as peers:
            outcomes = concurrently(
                [
                    lambda: exchange([peers[0][1]], MASKED_SUM, ring(1 << 20, 0), number=1),  # noqa: B023
                    lambda: exchange([peers[1][0]], MASKED_SUM, theirs, number=number),  # noqa: B023
                ]
            )
            assert all(isinstance(outcome, TransportError) for outcome in outcomes), outcomes
            assert any("party:0 expected masked sum 1" in str(outcome) for outcome in outcomes)


Behaviour = Callable[[Link, Int64Array], None]


def silence(link: Link, share: Int64Array) -> None:
    pass


def garbage(link: Link, share: Int64Array) -> None:
    send_quietly(link, b"\xff" * 4096)


def half(link: Link, share: Int64Array) -> None:
    whole = Header(SHARE, 5, 0, share.nbytes).pack() + raw_view(share).tobytes()
    send_quietly(link, whole[: len(whole) // 2])


def closing(link: Link, share: Int64Array) -> None:
    link.close()


def half_then_closing(link: Link, share: Int64Array) -> None:
    half(link, share)
    link.close()


def good(link: Link, share: Int64Array) -> None:
    link.send_ring(SHARE, share, number=5)


def late_then_good(link: Link, share: Int64Array) -> None:
    for number, size in ((2, 3), (4, 200_000), (4, 0)):
        link.send_ring(SHARE, np.full(size, -1, dtype=np.int64), number=number)
    good(link, share)


def slow_and_good(link: Link, share: Int64Array) -> None:
    whole = Header(SHARE, 5, 0, share.nbytes).pack() + raw_view(share).tobytes()
    for start in range(0, len(whole), 1 + len(whole) // 8):
        send_quietly(link, whole[start : start + 1 + len(whole) // 8])
        time.sleep(0.05)


def early(link: Link, share: Int64Array) -> None:
    link.send_ring(SHARE, share, number=6)


def wrong_size(link: Link, share: Int64Array) -> None:
    link.send_ring(SHARE, share[1:], number=5)


def wrong_tag(link: Link, share: Int64Array) -> None:
    link.send(CONTROL, raw_view(share), number=5)


def flood_of_late_ones(link: Link, share: Int64Array) -> None:
    """Never the frame that is wanted, always one of an older job."""
    endless = Header(SHARE, 1, 0, 1 << 62).pack()
    late = Header(SHARE, 1, 0, 1 << 16).pack() + bytes(1 << 16)
    until = time.monotonic() + 2 * SOON_S
    with contextlib.suppress(OSError, TransportError):
        while time.monotonic() < until:
            send_raw(link, late)
        send_raw(link, endless)


FAILING: dict[Behaviour, tuple[type[TransportError], str]] = {
    silence: (PeerTimeoutError, "silent"),
    garbage: (FrameError, "expected share 5"),
    half: (PeerTimeoutError, "silent"),
    closing: (PeerClosedError, "closed its connection"),
    half_then_closing: (PeerClosedError, "closed its connection"),
    early: (FrameError, "got share 6"),
    wrong_size: (FrameError, "got share 5"),
    wrong_tag: (FrameError, "got control 5"),
}
SENDING: tuple[Behaviour, ...] = (good, late_then_good, slow_and_good)


@pytest.mark.slow
@pytest.mark.parametrize("num_rows", [1, pytest.param(4000, marks=pytest.mark.slow)])
def test_shares_of_the_good_arrive_and_the_others_are_named(kind: str, num_rows: int) -> None:
    behaviours = [*FAILING, *SENDING, good]
    shares = [ring(8 * 12 * num_rows, i).reshape(num_rows, 12) for i in range(len(behaviours))]
    with contextlib.ExitStack() as stack:
        links = [
            stack.enter_context(linked(kind, me=f"client:{i}", timeout_s=5))
            for i in range(len(behaviours))
        ]
        for i, behave in enumerate(behaviours):
            threading.Thread(target=behave, args=(links[i][0], shares[i]), daemon=True).start()
        started = time.monotonic()
        arrived, failed = collect(
            {far: (num_rows, 12) for _, far in links},
            SHARE,
            number=5,
            silence_s=4,
            within_s=4,
        )
        assert time.monotonic() - started < SOON_S
        for i, behave in enumerate(behaviours):
            far = links[i][1]
            if behave in FAILING:
                kind_of_error, words = FAILING[behave]
                assert isinstance(failed[far], kind_of_error), (behave, failed[far])
                assert words in str(failed[far])
                assert f"client:{i}" in str(failed[far])
                assert far not in arrived
            else:
                assert far not in failed, (behave, failed[far])
                assert np.array_equal(arrived[far], shares[i])


@pytest.mark.slow
def test_who_floods_us_with_late_frames_keeps_nobody_waiting(kind: str) -> None:
    share = ring(8 * 4096, 0)
    with (
        linked(kind, me="client:1", timeout_s=5) as (flooding, near),
        linked(kind, me="client:2", timeout_s=5) as (decent, far),
    ):
        threading.Thread(target=flood_of_late_ones, args=(flooding, share), daemon=True).start()
        decent.send_ring(SHARE, share, number=5)
        started = time.monotonic()
        arrived, failed = collect(
            dict.fromkeys((near, far), share.shape),
            SHARE,
            number=5,
            silence_s=2,
            within_s=2,
        )
        assert time.monotonic() - started < SOON_S
        assert list(failed) == [near]
        assert np.array_equal(arrived[far], share)


class Idle:
    """Has something to read for ever, and is never through."""

    events = select.POLLIN

    def __init__(self, link: Link) -> None:
        self.link = link

    def step(self) -> bool:
        return False


def test_a_deadline_holds_for_links_that_always_have_something(kind: str) -> None:
    with linked(kind, timeout_s=5) as (near, far):
        near.send(SHARE, bytes(64))
        outcome = concurrently([lambda: drive([Idle(far)], silence_s=60, within_s=0.3)], SOON_S)
        assert isinstance(outcome[0], dict), outcome
        assert isinstance(outcome[0][far], PeerTimeoutError)


def test_late_frames_are_skipped_up_to_a_limit(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mpc.net.exchange._MAX_SKIPPED_BYTES", 1000)
    for size, arrives in ((100, True), (400, False)):
        with linked(kind, timeout_s=SOON_S) as (near, far):
            for number in (1, 2, 3, 5):
                near.send(SHARE, bytes(size if number < 5 else 8), number=number)
            got, failed = collect({far: (1,)}, SHARE, number=5, silence_s=SOON_S, within_s=SOON_S)
            assert (far in got) == arrives
            assert (far in failed) != arrives


def test_nobody_to_wait_for_is_no_wait() -> None:
    assert collect({}, SHARE, number=1, silence_s=60, within_s=60) == ({}, {})
