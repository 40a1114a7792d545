"""Start and end of a child process: a party or the dealer.

A child reads its settings and credentials from standard input (never argv), opens a listener,
prints the port, and reads the ports of all processes. When standard input closes, its parent has
ended, and it ends at once. The parent keeps the last lines of its standard error.
"""

import json
import os
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final, NoReturn

from mpc.consent.chain import Listener
from mpc.consent.policy import Policy
from mpc.errors import MpcError
from mpc.net.addresses import Address
from mpc.net.certificates import Credentials
from mpc.net.handshake import LOOPBACK, Identity, listen
from mpc.roles.ending import Ending

FAILED_EXIT_CODE: Final = 3
START_TIMEOUT_S: Final = 180.0
"""Longest time until all processes are connected; they load torch and CrypTen meanwhile."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """Settings of a party or the dealer before it connects to the others."""

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
    place: tuple[str, int] = ("", 0)
    """Host and port of the listener."""
    addresses: tuple[Address, ...]
    """Addresses of the parties in rank order, then of the dealer if there is one."""
    start_timeout_s: float = START_TIMEOUT_S
    policy: Policy = field(default_factory=Policy.of_simulation)
    """What a party allows; of a process that was started by the session's user: everything."""
    stays: bool = False
    """Whether the role waits for the next server, and forms a new session when one has failed."""
    ending: Ending | None = None
    """How the process ends on request; None: at once."""
    say: Callable[[str], None] = lambda line: None
    """Is told, in a line, why a session failed, if the role stays."""
    ledger: Path | None = None
    """File of this role's ledger; None: it keeps none, and reports what it opened to the server."""
    on_event: Listener = lambda event, values: None
    """Is told of every event of the ledger."""

    def listening_again(self) -> "Start":
        """Return the same settings with a new listener at the same address."""
        host, port = self.place[:2]
        return replace(self, listener=listen(host, port))


def bootstrap() -> Start:
    """Exchange settings and ports with the parent, then watch whether it ends."""
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
    """Run a child process, and end it with its exit code.

    Errors of this package become one line on standard error. Their messages hold no secrets,
    whereas a traceback with values might. Their causes go to standard output as JSON. The process
    ends without interpreter shutdown, which takes a second of CPU time if torch is loaded.
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
