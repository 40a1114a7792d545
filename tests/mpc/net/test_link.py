"""Links: frames, counts, time-outs and refusals, in the clear and through TLS."""

import json
import socket
import time
from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest

from mpc.errors import FrameError, PeerClosedError, PeerTimeoutError, TransportError
from mpc.net.frames import (
    CONTROL,
    HEADER_BYTES,
    MASKED_SUM,
    MAX_NUMBER,
    OPENED,
    SHARE,
    Header,
    RoundClock,
)
from mpc.net.link import MAX_CONTROL_BYTES, Link
from tests.mpc.ends import KINDS, concurrently, linked
from tests.mpc.relay import Relay
from tests.patience import SOON_S

Pair = tuple[Link, Link]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def pair(kind: str) -> Iterator[Pair]:
    with linked(kind) as links:
        yield links


def send_raw(link: Link, data: bytes) -> None:
    """Send bytes that are no whole frame."""
    for piece in link._channel.encode(data):
        link._channel.sock.sendall(piece)


def talk_on(link: Link) -> None:
    """Send, several times since the kernel may still take the first, and listen."""
    for _ in range(3):
        link.send(SHARE, bytes(1 << 16))
    link.recv(SHARE, num_bytes=8)


def test_ring_elements_arrive_and_are_counted_by_tag(pair: Pair) -> None:
    array = np.arange(-6, 6, dtype=np.int64).reshape(3, 4)
    pair[0].send_ring(SHARE, array, number=7)
    pair[0].send_ring(OPENED, array[0], number=7)
    assert np.array_equal(pair[1].recv_ring(SHARE, (3, 4), number=7), array)
    assert np.array_equal(pair[1].recv_ring(OPENED, (4,), number=7), array[0])
    for tag, num_bytes in ((SHARE, 96), (OPENED, 32)):
        sent, received = pair[0].counts[tag], pair[1].counts[tag]
        assert (sent.frames_sent, sent.bytes_sent) == (1, HEADER_BYTES + num_bytes)
        assert (received.frames_received, received.bytes_received) == (1, HEADER_BYTES + num_bytes)
    assert pair[0].count.bytes_sent == 2 * HEADER_BYTES + 128
    assert pair[0].count.bytes_received == 0


def test_megabytes_and_nothing_arrive_whole(pair: Pair) -> None:
    for link in pair:
        link.bear_silence(20)
    array = np.random.default_rng(0).integers(-(2**62), 2**62, size=(1 << 19))
    for sent in (array, array[:0], array[::2]):
        _, got = concurrently(
            [
                partial(pair[0].send_ring, SHARE, sent),
                partial(pair[1].recv_ring, SHARE, sent.shape),
            ]
        )
        assert np.array_equal(got, sent)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tag", "number", "size"), [(OPENED, 5, 16), (SHARE, 4, 16), (SHARE, 5, 8), (SHARE, 5, 24)]
)
def test_another_tag_number_or_size_is_refused(
    pair: Pair, tag: bytes, number: int, size: int
) -> None:
    pair[0].send(tag, bytes(size), number=number)
    with pytest.raises(FrameError, match=r"party:0 expected share 5 of 16 bytes from client:3"):
        pair[1].recv(SHARE, num_bytes=16, number=5)


def test_an_announced_gigabyte_is_refused_before_memory_is_taken(pair: Pair) -> None:
    send_raw(pair[0], Header(SHARE, 0, 0, 1 << 60).pack())
    with pytest.raises(FrameError, match=str(1 << 60)):
        pair[1].recv_any(max_bytes=4096)


def test_numbers_that_run_over_are_those_of_their_residue(pair: Pair) -> None:
    pair[0].send(SHARE, b"", number=MAX_NUMBER + 3)
    assert pair[1].recv(SHARE, num_bytes=0, number=MAX_NUMBER + 3) == b""


def test_silence_ends_at_the_time_out_and_names_both_ends(pair: Pair) -> None:
    started = time.monotonic()
    with pytest.raises(PeerTimeoutError, match=r"client:3 was silent towards party:0 for 0\.3 s"):
        pair[1].recv(SHARE, num_bytes=8)
    assert 0.2 < time.monotonic() - started < SOON_S


@pytest.mark.slow
def test_a_peer_that_does_not_read_is_silence(pair: Pair) -> None:
    started = time.monotonic()
    with pytest.raises(PeerTimeoutError, match="party:0 was silent towards client:3"):
        pair[0].send(SHARE, bytes(1 << 26))
    assert time.monotonic() - started < SOON_S


def test_half_a_frame_is_silence_then_a_closed_peer(pair: Pair) -> None:
    send_raw(pair[0], b"SHAR\x10")
    with pytest.raises(PeerTimeoutError, match="client:3 was silent towards party:0"):
        pair[1].recv(SHARE, num_bytes=16)
    pair[0].close()
    with pytest.raises(PeerClosedError, match="client:3 closed its connection to party:0"):
        pair[1].recv(SHARE, num_bytes=16)


def test_a_closed_socket_shows_at_once_and_names_the_peer(kind: str) -> None:
    with linked(kind, timeout_s=2 * SOON_S) as (near, far):
        near.close()
        started = time.monotonic()
        assert far.readable_within(SOON_S)
        assert far.hung_up()
        with pytest.raises(PeerClosedError, match="client:3 closed its connection to party:0"):
            far.recv(SHARE, num_bytes=8)
        with pytest.raises(TransportError, match=r"party:0 .*client:3"):
            talk_on(far)
        assert time.monotonic() - started < SOON_S


def test_who_closed_after_speaking_has_hung_up_although_there_is_something_to_read(
    kind: str,
) -> None:
    with linked(kind) as (near, far):
        assert not far.hung_up()
        near.send(SHARE, bytes(8))
        assert not far.hung_up()
        near.close()
        assert far.hung_up()


def test_a_record_changed_on_the_way_is_an_error_not_a_number() -> None:
    relays: list[Relay] = []
    armed: list[bool] = []

    def flip(direction: str, data: bytes) -> bytes:
        return data[:-1] + bytes([data[-1] ^ 1]) if armed and direction == "there" else data

    def through(port: int) -> int:
        relays.append(Relay(port, flip))
        return relays[0].port

    for kind in KINDS:
        relays.clear()
        armed.clear()
        with linked(kind, through=through, timeout_s=5) as (near, far):
            armed.append(True)
            near.send(SHARE, bytes(8))
            if kind == "plain":  # the relay does what it should
                assert far.recv(SHARE, num_bytes=8) == bytes(7) + b"\x01"
                continue
            with pytest.raises(TransportError, match=r"party:0 to client:3 broke.*MAC"):
                far.recv(SHARE, num_bytes=8)
            with pytest.raises(TransportError, match=r"party:0 .*client:3"):
                talk_on(far)
        relays[0].close()


def test_records_left_out_on_the_way_are_an_error() -> None:
    relays: list[Relay] = []
    swallowed: list[bytes] = []

    def swallow(direction: str, data: bytes) -> bytes:
        if direction == "there" and swallowed == [b"armed"]:
            swallowed.append(data)
            return b""
        return data

    def through(port: int) -> int:
        relays.append(Relay(port, swallow))
        return relays[0].port

    with linked("tls", through=through, timeout_s=5) as (near, far):
        swallowed.append(b"armed")
        near.send(SHARE, bytes(8), number=1)
        deadline = time.monotonic() + SOON_S
        while len(swallowed) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        near.send(SHARE, bytes(8), number=2)
        with pytest.raises(TransportError, match="party:0 to client:3 broke"):
            far.recv(SHARE, num_bytes=8, number=2)
    relays[0].close()


@pytest.mark.parametrize("payload", [b"{", b"[1]", b"\xff", b"", b"[" * 100_000, b"NaN"])
def test_control_must_be_a_json_object(pair: Pair, payload: bytes) -> None:
    pair[0].send(CONTROL, payload)
    with pytest.raises(FrameError, match=r"party:0 .*JSON.* from client:3"):
        pair[1].recv_json(CONTROL)


def test_control_is_limited_in_size_and_checked_for_tag_and_number(pair: Pair) -> None:
    pair[0].send_json(CONTROL, {"do": "x" * 100}, number=3)
    assert pair[1].recv_json(CONTROL, number=3) == {"do": "x" * 100}
    pair[0].send_json(CONTROL, {}, number=3)
    with pytest.raises(FrameError, match="expected control 4"):
        pair[1].recv_json(CONTROL, number=4)
    pair[0].send_json(SHARE, {})
    with pytest.raises(FrameError, match="expected control 0"):
        pair[1].recv_json(CONTROL)
    send_raw(pair[0], Header(CONTROL, 0, 0, MAX_CONTROL_BYTES + 1).pack())
    with pytest.raises(FrameError, match=f"expected control 0 of {MAX_CONTROL_BYTES} bytes"):
        pair[1].recv_json(CONTROL)


def test_what_is_no_ascii_arrives_in_control(pair: Pair) -> None:
    value = {"why": "\u00fc \u2028", "n": [1, 2.5, None, True]}
    pair[0].send_json(CONTROL, value)
    assert pair[1].recv_json(CONTROL) == json.loads(json.dumps(value))


def test_depth_is_the_longest_chain_of_dependent_messages(kind: str) -> None:
    ours, theirs = RoundClock(), RoundClock()
    with linked(kind, chains=(ours, theirs), timeout_s=5) as (near, far):
        for _ in range(3):  # three at once are one round
            near.send(MASKED_SUM, b"")
        for _ in range(3):
            far.recv(MASKED_SUM, num_bytes=0)
        assert (ours.depth, theirs.depth) == (0, 1)
        far.send(MASKED_SUM, b"")
        near.recv(MASKED_SUM, num_bytes=0)
        assert (ours.depth, theirs.depth) == (2, 1)
        near.send(MASKED_SUM, b"")
        far.send(MASKED_SUM, b"")  # crosses the other: not dependent on it
        near.recv(MASKED_SUM, num_bytes=0)
        far.recv(MASKED_SUM, num_bytes=0)
        assert (ours.depth, theirs.depth) == (2, 3)


def test_a_depth_that_a_peer_made_up_breaks_nothing(pair: Pair) -> None:
    send_raw(pair[0], Header(SHARE, 0, MAX_NUMBER - 1, 0).pack())
    pair[1].recv(SHARE, num_bytes=0)
    pair[1].send(OPENED, b"")
    pair[0].recv(OPENED, num_bytes=0)


def test_the_kernel_counts_at_least_what_we_count(pair: Pair) -> None:
    for link in pair:
        link.bear_silence(10)
        link.start_counting()
    array = np.arange(50_000, dtype=np.int64)
    concurrently(
        [lambda: pair[0].send_ring(SHARE, array), lambda: pair[1].recv_ring(SHARE, array.shape)]
    )
    counted = pair[0].count.bytes_sent
    assert counted == pair[1].count.bytes_received == array.nbytes + HEADER_BYTES
    there, here = pair[0].wire, pair[1].wire
    assert there is not None
    assert here is not None
    assert counted < there.sent  # by far, if a busy machine makes the kernel send some of it again
    assert counted < here.received < 1.2 * counted
    assert there.received < 0.1 * counted  # acknowledgements


def test_start_counting_forgets_what_was_before(pair: Pair) -> None:
    pair[0].send(SHARE, bytes(1000))
    pair[1].recv(SHARE, num_bytes=1000)
    for link in pair:
        link.start_counting()
        assert not link.count.any
        wire = link.wire
        assert wire is not None
        assert (wire.sent, wire.received) == (0, 0)


def test_links_of_another_family_than_tcp_have_no_wire_count() -> None:
    from mpc.net.tcp_info import wire_count

    left, right = socket.socketpair()
    with left, right:
        assert wire_count(left) is None
