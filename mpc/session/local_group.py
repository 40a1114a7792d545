"""Parties and dealer as child processes: start, supervision and end.

Children are spawned, not forked. They read settings and credentials from standard input, write
their port to standard output and errors to standard error. A child ends when its input closes, so
no child outlives this process.
"""

import contextlib
import json
import os
import secrets
import select
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from mpc.errors import Cause, NoAnswerError, ProcessDiedError, SessionError
from mpc.net.addresses import Address
from mpc.net.certificates import Authority, Credentials
from mpc.net.handshake import LOOPBACK, Identity, connect
from mpc.net.link import Link
from mpc.roles.bootstrap import FAILED_EXIT_CODE, START_TIMEOUT_S

_LAST_LINES: Final = 5
_ECHO_S: Final = 1.0


class Child:
    """One child process and the last lines of its standard error."""

    def __init__(self, role: str, module: str) -> None:
        self.role = role
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(),
            start_new_session=True,
        )
        self._cause: Cause | None = None
        self._last_lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    @property
    def pid(self) -> int:
        """Process number."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; the negative signal number if a signal killed it."""
        return self._process.poll()

    def tell(self, value: object) -> None:
        """Write one JSON line to its standard input."""
        pipe = self._process.stdin
        if pipe is not None:
            try:
                pipe.write(json.dumps(value).encode() + b"\n")
                pipe.flush()
            except OSError as error:
                self._raise_if_dead_soon()
                raise SessionError(f"{self.role} did not take its settings: {error}") from None

    def read_port(self, deadline: float) -> int:
        """Wait for the port on its standard output."""
        pipe = self._process.stdout
        left = max(deadline - time.monotonic(), 0.0)
        if pipe is None or not select.select([pipe], [], [], left)[0]:
            raise SessionError(f"{self.role} named no port in time")
        line = pipe.readline()
        if not line.strip().isdigit():  # it has ended or is about to end
            self._raise_if_dead_soon()
            raise SessionError(f"{self.role} closed its output and named no port")
        return int(line)

    def _raise_if_dead_soon(self) -> None:
        """Raise `ProcessDiedError` if it ends within 5 seconds."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=5)
            raise self.death()

    def death(self) -> ProcessDiedError:
        """Return the error that names the process and its exit."""
        return ProcessDiedError(self.exit_report(), cause=self.cause)

    def exit_report(self) -> str:
        """Describe the exit: the process, its exit code or signal, and its last lines of output."""
        self._listener.join(timeout=1.0)
        code = self.exit_code
        if code is not None and code < 0:
            how = f"was killed by {signal.Signals(-code).name}"
        else:
            how = f"ended with exit code {code}"
        lines = " | ".join(self._last_lines)
        return f"{self.role} (pid {self.pid}) {how}" + (f"; last words: {lines}" if lines else "")

    def is_echo(self) -> bool:
        """Whether it ended only because another process ended."""
        return self.exit_code == 0 or self.cause.lost != ""

    @property
    def cause(self) -> Cause:
        """The cause of its end that it wrote to standard output; empty if it wrote none.

        A process that a signal killed, or that ended with a traceback, wrote none.
        """
        if self._cause is None and self.exit_code is not None:
            self._cause = Cause() if self.exit_code != FAILED_EXIT_CODE else self._said()
        return self._cause or Cause()

    def _said(self) -> Cause:
        pipe = self._process.stdout
        try:
            if pipe is None:
                return Cause()
            os.set_blocking(pipe.fileno(), False)  # it has ended: what it wrote is there
            return Cause.from_json(json.loads(pipe.read() or b""))
        except (OSError, ValueError, KeyError, TypeError):  # incomplete output or a closed pipe
            return Cause()

    def hang_up(self) -> None:
        """Close its input, which makes it end, and its output."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # the child may have ended
                    pipe.close()

    def end(self, grace_s: float) -> None:
        """Hang up, and kill it if it still runs after the grace period."""
        self.hang_up()
        try:
            self._process.wait(timeout=grace_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(timeout=10)
        self._listener.join(timeout=1.0)

    def _listen(self) -> None:
        pipe = self._process.stderr
        if pipe is not None:
            with pipe:
                self._last_lines.extend(line.decode(errors="replace").rstrip() for line in pipe)


class ProcessGroup:
    """P parties and, unless CrypTen's insecure provider is used, a dealer.

    Parameters
    ----------
    num_parties : int
    timeout_s : float
        Longest silence of a peer.
    job_timeout_s : float
        Longest time that one job may take.
    provider : {"dealer", "tfp"}
    tls : bool
        Whether links use TLS 1.3, with an authority made for this group; else plain TCP.
    party_module, dealer_module : str
        Modules that a party and the dealer run; tests replace them.
    """

    def __init__(
        self,
        num_parties: int,
        *,
        timeout_s: float,
        job_timeout_s: float = 600.0,
        provider: str = "dealer",
        tls: bool = True,
        party_module: str = "mpc.roles.party",
        dealer_module: str = "mpc.roles.dealer",
    ) -> None:
        self.num_parties = num_parties
        self.session = secrets.token_hex(32)
        self.timeout_s = timeout_s
        self.children: list[Child] = []
        self._tls = tls
        self._authority = Authority.create() if tls else None
        self._latest: Identity | None = None
        settings: dict[str, object] = {
            "session": self.session,
            "num_parties": num_parties,
            "timeout_s": timeout_s,
            "job_timeout_s": job_timeout_s,
            "provider": provider,
        }
        roles = [(f"party:{rank}", party_module) for rank in range(num_parties)]
        if provider == "dealer":
            roles.append(("dealer", dealer_module))
        try:
            for rank, (role, module) in enumerate(roles):
                own = {"role": role, "rank": rank, "credentials": self._credentials_json(role)}
                self.children.append(Child(role, module))
                self.children[-1].tell({**settings, **own})
            deadline = time.monotonic() + START_TIMEOUT_S
            self.ports = [child.read_port(deadline) for child in self.children]
            for child in self.children:
                child.tell(self.ports)
        except BaseException:
            self.end()
            raise

    def connect(self, me: str, rank: int) -> Link:
        """Open a link from this process, acting as role `me`, to a party."""
        return connect(
            Address(LOOPBACK, self.ports[rank]),
            me=self.identity(me),
            peer=f"party:{rank}",
            timeout_s=self.timeout_s,
            within_s=START_TIMEOUT_S,
        )

    @property
    def pids(self) -> dict[str, int]:
        """Process number of each role."""
        return {child.role: child.pid for child in self.children}

    def identity(self, role: str) -> Identity:
        """Return the identity of a role; the latest one is cached."""
        if self._latest is None or self._latest.role != role:
            credentials = self._credentials(role)
            self._latest = Identity(role=role, session=self.session, credentials=credentials)
        return self._latest

    def _credentials(self, role: str) -> Credentials | None:
        if not self._tls:
            return None
        if self._authority is None:
            raise SessionError(f"{role} is not certified any more: the session has ended")
        return self._authority.issue(role)

    def _credentials_json(self, role: str) -> dict[str, str] | None:
        credentials = self._credentials(role)
        return None if credentials is None else credentials.as_json()

    def wait_readable(self, link: Link, deadline: float) -> None:
        """Wait until a link is readable; raise if a child ends meanwhile.

        Raises
        ------
        ProcessDiedError
            A child ended; detected within a fraction of a second.
        SessionError
            The deadline (monotonic seconds) passed, or a child ended because this process was
            silent.
        """
        while not link.readable_within(0.1):
            self._check_while_waiting_for(link)
            if time.monotonic() > deadline:
                raise NoAnswerError(f"{link.peer} gave no answer to {link.me} in time")

    def _check_while_waiting_for(self, link: Link) -> None:
        """Check; if a child ended because `link.me` was silent, name the awaited peer."""
        try:
            self.check()
        except ProcessDiedError as error:
            if error.cause.silent != link.me:
                raise
            raise SessionError(f"{link.peer} was silent towards {link.me}; {error}") from None

    def check(self) -> None:
        """Raise `ProcessDiedError` if a child has ended; it names the first cause."""
        if all(child.exit_code is None for child in self.children):
            return
        deadline = time.monotonic() + _ECHO_S
        while True:  # the first to end may be an echo of one that is about to end
            time.sleep(0.1)
            dead = [child for child in self.children if child.exit_code is not None]
            causes = [child for child in dead if not child.is_echo()]
            late = time.monotonic() > deadline
            if late or any(not child.cause.silent for child in causes):
                raise _first_cause(causes or dead).death()

    def raise_if_dead(self, within_s: float = 4.0) -> None:
        """After a link broke: raise `ProcessDiedError` if a child ends within `within_s`."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            self.check()
            time.sleep(0.05)

    def end(self, grace_s: float = 2.0) -> None:
        """End every child and drop every private key.

        References to the keys of the authority and the roles are dropped, and with them their TLS
        contexts. Python cannot overwrite strings: key bytes may stay in memory until it is reused,
        and the system may have written them to swap.
        """
        self._authority = self._latest = None
        deadline = time.monotonic() + grace_s
        for child in self.children:
            child.hang_up()
        for child in self.children:
            child.end(max(deadline - time.monotonic(), 0.1))


def _first_cause(ended: Sequence[Child]) -> Child:
    """Return a child that no silence ended; else one whose awaited peer did not itself wait."""
    waiting = {child.role for child in ended if child.cause.silent}
    return min(ended, key=lambda child: (bool(child.cause.silent), child.cause.silent in waiting))


def _environment() -> dict[str, str]:
    """Return this process's environment with `mpc` importable and one OpenMP thread."""
    here = str(Path(__file__).parents[2])
    paths: Sequence[str] = [here, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
