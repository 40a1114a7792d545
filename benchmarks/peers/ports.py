"""Ports for programs that want to be told."""

import socket

from mpc.net.handshake import listen

_LOW, _HIGH = 14_000, 30_000
"""Below those that the kernel gives out by itself."""


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback address that nobody listens on now."""
    listeners = [listen() for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


def free_range(count: int, *, after: int = _LOW) -> int:
    """Return the first of some ports in a row that nobody listens on now.

    Raises
    ------
    RuntimeError
        There are none.
    """
    for first in range(after, _HIGH, count):
        if all(_is_free(port) for port in range(first, first + count)):
            return first
    raise RuntimeError(f"no {count} free ports in a row between {after} and {_HIGH}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
