"""Links: frames, time-outs, refusals, counts, and exchanges larger than any socket buffer."""

import socket
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from mpc.channel import PlainChannel
from mpc.communicator import MeshCommunicator
from mpc.errors import FrameError, PeerClosedError, PeerTimeoutError
from mpc.frames import HEADER_BYTES, Chain
from mpc.reception import listen
from mpc.transport import Link


@pytest.fixture
def pair() -> Iterator[tuple[Link, Link]]:
    with listen() as listener:
        client = socket.create_connection(listener.getsockname(), timeout=5)
        server, _ = listener.accept()
    links = (
        Link(PlainChannel(client), me="client:3", peer="party:0", timeout_s=0.3),
        Link(PlainChannel(server), me="party:0", peer="client:3", timeout_s=0.3),
    )
    yield links
    for link in links:
        link.close()


def test_ring_elements_arrive_and_are_counted(pair: tuple[Link, Link]) -> None:
    array = np.arange(12, dtype=np.int64).reshape(3, 4)
    pair[0].send_ring(b"SHAR", array)
    assert np.array_equal(pair[1].recv_ring(b"SHAR", (3, 4)), array)
    assert (pair[0].count.bytes_sent, pair[0].count.frames_sent) == (HEADER_BYTES + 96, 1)
    assert (pair[1].count.bytes_received, pair[1].count.frames_received) == (HEADER_BYTES + 96, 1)


def test_silence_ends_at_the_time_out_and_names_both_ends(pair: tuple[Link, Link]) -> None:
    started = time.monotonic()
    with pytest.raises(PeerTimeoutError, match=r"client:3 was silent towards party:0 for 0\.3 s"):
        pair[1].recv(b"SHAR", num_bytes=8)
    assert time.monotonic() - started < 2


def test_half_a_frame_is_silence_or_a_closed_peer(pair: tuple[Link, Link]) -> None:
    pair[0]._channel.sock.sendall(b"SHAR\x10")
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
        link.bear_silence(20)
    tensor = torch.arange(4_000_000)
    sums: dict[int, torch.Tensor] = {}

    def party(rank: int) -> None:
        sums[rank] = MeshCommunicator(rank, {1 - rank: pair[rank]}, Chain()).all_reduce(tensor)

    threads = [threading.Thread(target=party, args=(rank,), daemon=True) for rank in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert torch.equal(sums[0], 2 * tensor)
    assert torch.equal(sums[1], 2 * tensor)
