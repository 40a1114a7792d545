"""Links: frames, time-outs, refusals, counts, and exchanges larger than any socket buffer."""

import socket
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from mpc.communicator import MeshCommunicator
from mpc.errors import FrameError, PeerClosedError, PeerTimeoutError, TransportError
from mpc.transport import Link, accept, connect, listen


@pytest.fixture
def pair() -> Iterator[tuple[Link, Link]]:
    with listen() as listener:
        client = socket.create_connection(listener.getsockname(), timeout=5)
        server, _ = listener.accept()
    links = (
        Link(client, me="client:3", peer="party:0", timeout_s=0.3),
        Link(server, me="party:0", peer="client:3", timeout_s=0.3),
    )
    yield links
    for link in links:
        link.close()


def test_ring_elements_arrive_and_are_counted(pair: tuple[Link, Link]) -> None:
    array = np.arange(12, dtype=np.int64).reshape(3, 4)
    pair[0].send_ring(b"SHAR", array)
    assert np.array_equal(pair[1].recv_ring(b"SHAR", (3, 4)), array)
    assert (pair[0].count.bytes_sent, pair[0].count.frames_sent) == (12 + 96, 1)
    assert (pair[1].count.bytes_received, pair[1].count.frames_received) == (12 + 96, 1)


def test_silence_ends_at_the_time_out_and_names_both_ends(pair: tuple[Link, Link]) -> None:
    started = time.monotonic()
    with pytest.raises(PeerTimeoutError, match=r"client:3 was silent towards party:0 for 0\.3 s"):
        pair[1].recv(b"SHAR", num_bytes=8)
    assert time.monotonic() - started < 2


def test_half_a_frame_is_silence_or_a_closed_peer(pair: tuple[Link, Link]) -> None:
    pair[0]._sock.sendall(b"SHAR\x10")
    with pytest.raises(PeerTimeoutError):
        pair[1].recv(b"SHAR", num_bytes=16)
    pair[0].close()
    with pytest.raises(PeerClosedError, match="client:3 closed its connection to party:0"):
        pair[1].recv(b"SHAR", num_bytes=16)


@pytest.mark.parametrize(("tag", "size"), [(b"OPEN", 16), (b"SHAR", 8)])
def test_another_tag_or_size_is_refused(pair: tuple[Link, Link], tag: bytes, size: int) -> None:
    pair[0].send(tag, bytes(size))
    with pytest.raises(FrameError, match="party:0 expected .* client:3"):
        pair[1].recv(b"SHAR", num_bytes=16)


def test_control_must_be_a_json_object(pair: tuple[Link, Link]) -> None:
    for payload in (b"{", b"[1]", b"\xff"):
        pair[0].send(b"CTRL", payload)
        with pytest.raises(FrameError):
            pair[1].recv_json(b"CTRL")


def test_both_sides_sending_megabytes_do_not_block_each_other(pair: tuple[Link, Link]) -> None:
    for link in pair:
        link._sock.settimeout(20)
    tensor = torch.arange(4_000_000)
    sums: dict[int, torch.Tensor] = {}

    def party(rank: int) -> None:
        sums[rank] = MeshCommunicator(rank, {1 - rank: pair[rank]}).all_reduce(tensor)

    threads = [threading.Thread(target=party, args=(rank,), daemon=True) for rank in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert torch.equal(sums[0], 2 * tensor)
    assert torch.equal(sums[1], 2 * tensor)


def test_only_holders_of_the_token_are_let_in() -> None:
    with listen() as listener:
        port = listener.getsockname()[1]
        stranger = connect(port, me="client:0", peer="party:0", token="guess", timeout_s=5)
        friend = connect(port, me="client:0", peer="party:0", token="token", timeout_s=5)
        links = accept(listener, me="party:0", token="token", expected=["client:0"], timeout_s=5)
        friend.send(b"SHAR", b"12345678")
        assert links["client:0"].recv(b"SHAR", num_bytes=8) == b"12345678"
        with pytest.raises(PeerTimeoutError, match="client:1 did not connect to party:0"):
            accept(listener, me="party:0", token="token", expected=["client:1"], timeout_s=0.2)
    with pytest.raises(TransportError, match="client:0 cannot reach party:0"):
        connect(port, me="client:0", peer="party:0", token="token", timeout_s=1)
    for link in (stranger, friend, links["client:0"]):
        link.close()
