"""Two ends of one connection in this process, in the clear or through TLS."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import cache

from mpc.net.certificates import Authority, Credentials, certificate_name
from mpc.net.channel import Channel, PlainChannel, handshake
from mpc.net.frames import RoundClock
from mpc.net.handshake import listen
from mpc.net.link import Link
from mpc.net.tls import context_of

KINDS = ("plain", "tls")
PATIENCE_S = 20.0


@cache
def authority() -> Authority:
    return Authority.create()


@cache
def credentials(role: str) -> Credentials:
    return authority().issue(role)


def secured(sock: socket.socket, kind: str, *, me: str, peer: str, accepts: bool) -> Channel:
    if kind == "plain":
        return PlainChannel(sock)
    context = context_of(credentials(me), server_side=accepts)
    name = None if accepts else certificate_name(peer)
    return handshake(sock, context, server_side=accepts, peer_name=name, timeout_s=PATIENCE_S)


def sockets(through: Callable[[int], int] = lambda port: port) -> tuple[socket.socket, ...]:
    """Connect two sockets; `through` returns the port to connect to instead of the listener's."""
    with listen() as listener:
        port = through(listener.getsockname()[1])
        client = socket.create_connection(("127.0.0.1", port), timeout=5)
        server, _ = listener.accept()
    client.settimeout(None)
    return client, server


@contextlib.contextmanager
def linked(
    kind: str,
    *,
    me: str = "client:3",
    peer: str = "party:0",
    timeout_s: float = 0.3,
    chains: tuple[RoundClock | None, RoundClock | None] = (None, None),
    through: Callable[[int], int] = lambda port: port,
) -> Iterator[tuple[Link, Link]]:
    """Yield the links of `me`, who connected, and of `peer`, who accepted."""
    client, server = sockets(through)
    for role in (me, peer):
        credentials(role)  # before the threads: they must see the same ones
    channels: dict[str, Channel] = {}

    def accept() -> None:
        channels[peer] = secured(server, kind, me=peer, peer=me, accepts=True)

    def connect() -> None:
        channels[me] = secured(client, kind, me=me, peer=peer, accepts=False)

    for outcome in concurrently([accept, connect]):
        if isinstance(outcome, Exception):
            raise outcome
    links = (
        Link(channels[me], me=me, peer=peer, timeout_s=timeout_s, clock=chains[0]),
        Link(channels[peer], me=peer, peer=me, timeout_s=timeout_s, clock=chains[1]),
    )
    try:
        yield links
    finally:
        for link in links:
            link.close()


def concurrently(bodies: Sequence[Callable[[], object]], within_s: float = 60) -> list[object]:
    """Run each body in a thread of its own; return what each returned or raised."""
    results: list[object] = [TimeoutError("still running")] * len(bodies)

    def run(index: int) -> None:
        try:
            results[index] = bodies[index]()
        except Exception as error:
            results[index] = error

    threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(len(bodies))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=within_s)
    return results
