"""Links of data owners that come and go: a party takes little memory for each, and keeps none."""

import gc
import os
import tracemalloc
from collections.abc import Iterator
from contextlib import ExitStack
from weakref import ref

import pytest

from mpc.net.addresses import Address
from mpc.net.frames import SHARE
from mpc.net.handshake import LOOPBACK, Identity, Reception, connect, listen
from mpc.net.link import Link
from tests.mpc.ends import KINDS, concurrently, credentials, linked
from tests.patience import SOON_S

OWNERS = [f"client:{number}" for number in range(30)]
MOST_BYTES = 64_000
"""Of Python's memory, for both ends of a link."""


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def identity(role: str, kind: str) -> Identity:
    shown = credentials(role) if kind == "tls" else None
    return Identity(role=role, session="a session", credentials=shown)


@pytest.fixture
def reception(kind: str) -> Iterator[Reception]:
    me = identity("party:0", kind)
    with ExitStack() as stack:
        door = Reception(listen(), me=me, admits=OWNERS.__contains__, timeout_s=SOON_S)
        stack.callback(door.close)
        yield door


def entered(reception: Reception, kind: str) -> list[Link]:
    """Let all owners in, and return both ends of every link."""
    address = Address(LOOPBACK, reception._listener.getsockname()[1])
    own = [
        connect(address, me=identity(role, kind), peer="party:0", timeout_s=SOON_S, within_s=SOON_S)
        for role in OWNERS
    ]
    return [*own, *reception.wait_for(OWNERS, timeout_s=SOON_S).values()]


def test_owners_that_hung_up_leave_nothing(reception: Reception, kind: str) -> None:
    for _ in range(3):
        links = entered(reception, kind)
        kept = [ref(link) for link in links]
        for link in links[: len(OWNERS)]:
            link.close()
        reception.drop_ended(OWNERS)
        del link, links
        gc.collect()
        assert [each() for each in kept] == [None] * len(kept)


def test_an_idle_link_takes_little(reception: Reception, kind: str) -> None:
    for role in OWNERS:
        identity(role, kind)  # certificates are issued once
    tracemalloc.start()
    try:
        links = entered(reception, kind)
        gc.collect()
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    for link in links:
        link.close()
    assert taken < MOST_BYTES * len(OWNERS)


@pytest.mark.parametrize("size", [1, (1 << 13) - 1, 1 << 13, 1 << 15, 5_000_001])
def test_long_frames_arrive_whole_after_short_ones(kind: str, size: int) -> None:
    """The buffer grows while reads fill it."""
    sent = [os.urandom(count) for count in (3, size, 5, size, size, 7)]
    with linked(kind, timeout_s=SOON_S) as (client, party):

        def send() -> None:
            for payload in sent:
                client.send(SHARE, payload)

        def receive() -> list[bytearray]:
            return [party.recv(SHARE, num_bytes=len(payload)) for payload in sent]

        _, received = concurrently([send, receive])
    assert received == sent
