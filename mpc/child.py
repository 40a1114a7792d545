"""The first and last moments of a child process: a party or the dealer.

A child gets its settings and the session's token on standard input (never in argv), opens a
listener, prints the port, and reads everybody's ports. When standard input closes, its parent is
gone and it ends at once: no orphans. Its standard error is its last words, which the parent keeps.
"""

import json
import os
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mpc.errors import MpcError
from mpc.transport import listen

FAILED_EXIT_CODE: Final = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Bootstrap:
    """What a child knows before it meets the others."""

    listener: socket.socket
    token: str
    rank: int
    """0 .. P - 1 for a party; P for the dealer."""
    num_parties: int
    timeout_s: float
    provider: str
    """`dealer`, or `tfp`: CrypTen's insecure first-party provider."""
    ports: tuple[int, ...]
    """Of the parties in rank order, then of the dealer if there is one."""


def bootstrap() -> Bootstrap:
    """Exchange settings and ports with the parent, then watch for its end."""
    settings = json.loads(sys.stdin.readline())
    listener = listen()
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    ports = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    return Bootstrap(listener=listener, ports=tuple(ports), **settings)


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os._exit(0)


def serve_process(role: str, body: Callable[[Bootstrap], None]) -> int:
    """Run a child's life; return its exit code.

    Errors of this package become one line on standard error: they never hold a secret, which a
    traceback with values might.
    """
    try:
        body(bootstrap())
    except MpcError as error:
        sys.stderr.write(f"{role}: {error}\n")
        return FAILED_EXIT_CODE
    return 0
