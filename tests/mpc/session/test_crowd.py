"""However many strangers wait at a door, who can prove its role gets in at once.

Strangers are borne for ten minutes here: nobody gets in because others had to leave in time.
"""

import contextlib
import select
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from mpc.net.addresses import Address
from mpc.net.handshake import LOOPBACK, Identity, Reception, connect, listen
from mpc.net.link import allow_open_files
from tests.mpc.ends import KINDS, credentials

CROWD = 400
PLACES = 128
SESSION = "a session"
GENEROUS_S = 60.0


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    allow_open_files(3 * CROWD)
    monkeypatch.setattr("mpc.net.handshake.HANDSHAKE_TIMEOUT_S", 600.0)


def identity(role: str, kind: str) -> Identity:
    shown = credentials(role) if kind == "tls" else None
    return Identity(role=role, session=SESSION, credentials=shown)


@pytest.fixture(params=KINDS)
def revealer(request: pytest.FixtureRequest) -> Iterator[tuple[str, Address, Reception]]:
    kind = str(request.param)
    listener = listen()
    address = Address(LOOPBACK, listener.getsockname()[1])
    reception = Reception(
        listener, me=identity("party:0", kind), admits=lambda role: True, timeout_s=GENEROUS_S
    )
    yield kind, address, reception
    reception.close()


def waiting(address: Address, count: int, stack: contextlib.ExitStack) -> list[socket.socket]:
    """Connect so many strangers, who say nothing."""
    made = []
    for _ in range(count):
        sock = socket.create_connection((address.host, address.port), timeout=GENEROUS_S)
        made.append(stack.enter_context(sock))
    return made


def sent_away(strangers: Sequence[socket.socket]) -> list[bool]:
    poller = select.poll()
    for sock in strangers:
        poller.register(sock, select.POLLIN)
    gone = {number for number, _ in poller.poll(0)}
    return [sock.fileno() in gone for sock in strangers]


def enter(address: Address, role: str, kind: str, stack: contextlib.ExitStack) -> None:
    link = connect(
        address,
        me=identity(role, kind),
        peer="party:0",
        timeout_s=GENEROUS_S,
        within_s=GENEROUS_S,
    )
    stack.callback(link.close)


def test_hundreds_of_silent_strangers_keep_nobody_out(
    revealer: tuple[str, Address, Reception],
) -> None:
    """The oldest make place for those who come, and no others."""
    kind, address, reception = revealer
    with contextlib.ExitStack() as stack:
        strangers = waiting(address, CROWD, stack)
        for number in range(3):
            enter(address, f"client:{number}", kind, stack)
        roles = [f"client:{number}" for number in range(3)]
        links = reception.wait_for(roles, timeout_s=GENEROUS_S)
        gone = sent_away(strangers)
        assert gone == sorted(gone, reverse=True)  # the first to come are those who left
        assert CROWD - PLACES <= sum(gone) <= CROWD - PLACES + 3
        assert not any(link.hung_up() for link in links.values())


def test_who_is_in_never_makes_place(revealer: tuple[str, Address, Reception]) -> None:
    kind, address, reception = revealer
    with contextlib.ExitStack() as stack:
        enter(address, "client:3", kind, stack)
        waiting(address, CROWD, stack)
        enter(address, "client:4", kind, stack)
        links = reception.wait_for(["client:3", "client:4"], timeout_s=GENEROUS_S)
        assert not any(link.hung_up() for link in links.values())


def test_as_many_as_there_are_places_wait_undisturbed(
    revealer: tuple[str, Address, Reception],
) -> None:
    kind, address, reception = revealer
    with contextlib.ExitStack() as stack:
        strangers = waiting(address, PLACES - 1, stack)
        enter(address, "client:3", kind, stack)
        reception.wait_for(["client:3"], timeout_s=GENEROUS_S)
        assert not any(sent_away(strangers))


@pytest.mark.slow
def test_more_strangers_than_files_keep_nobody_out() -> None:
    """Where no more sockets can be opened, the oldest stranger makes place, too."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.mpc.programs.small_reception", "64"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert process.stdout is not None
    try:
        address = Address(LOOPBACK, int(process.stdout.readline()))
        with contextlib.ExitStack() as stack:
            waiting(address, 200, stack)
            enter(address, "client:3", "plain", stack)
            assert process.stdout.readline() == "client:3\n"
    finally:
        process.kill()
        process.communicate()
