"""The first and last moments of a child process: a party or the dealer.

A child gets its settings and credentials on standard input (never in argv), opens a
listener, prints the port, and reads everybody's ports. When standard input closes, its parent is
gone and it ends at once: no orphans. Its standard error is its last words, which the parent keeps.
"""

import json
import os
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final, NoReturn

from mpc.errors import MpcError
from mpc.net.addresses import Address
from mpc.net.certificates import Credentials
from mpc.net.handshake import LOOPBACK, Identity, listen

FAILED_EXIT_CODE: Final = 3
START_TIMEOUT_S: Final = 180.0
"""Longest time until all processes of a session have met: they load torch and CrypTen meanwhile."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """What a party or the dealer knows before it meets the others."""

    listener: socket.socket
    identity: Identity
    rank: int
    """0 .. P - 1 for a party; P for the dealer."""
    num_parties: int
    timeout_s: float
    """Longest silence of a peer."""
    job_timeout_s: float
    """Longest time that one job may take."""
    provider: str
    """`dealer`, or `tfp`: CrypTen's insecure first-party provider."""
    addresses: tuple[Address, ...]
    """Of the parties in rank order, then of the dealer if there is one."""
    start_timeout_s: float = START_TIMEOUT_S


def bootstrap() -> Start:
    """Exchange settings and ports with the parent, then watch for its end."""
    settings = json.loads(sys.stdin.readline())
    listener = listen()
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    ports = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    credentials = settings["credentials"]
    return Start(
        listener=listener,
        identity=Identity(
            role=settings["role"],
            session=settings["session"],
            credentials=None if credentials is None else Credentials.from_json(credentials),
        ),
        rank=settings["rank"],
        num_parties=settings["num_parties"],
        timeout_s=settings["timeout_s"],
        job_timeout_s=settings["job_timeout_s"],
        provider=settings["provider"],
        addresses=tuple(Address(LOOPBACK, port) for port in ports),
    )


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os._exit(0)


def serve_process(role: str, body: Callable[[Start], None]) -> NoReturn:
    """Run a child's life, and end with its exit code.

    Errors of this package become one line on standard error: they never hold a secret, which a
    traceback with values might. Their causes go to standard output, as data. The process ends
    without taking the interpreter down, which keeps a core busy for a second where torch is loaded.
    """
    code = 0
    try:
        body(bootstrap())
    except MpcError as error:
        sys.stderr.write(f"{role}: {error}\n")
        sys.stdout.write(json.dumps(asdict(error.cause)) + "\n")
        sys.stdout.flush()
        code = FAILED_EXIT_CODE
    sys.stderr.flush()
    os._exit(code)
