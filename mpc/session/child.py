"""A child process of a group.

Children read settings and credentials from standard input, write their port to standard output and
errors to standard error. A child ends when its input closes, so no child outlives this process. See
`mpc.roles.loader` for the fork. If the loader is killed, children go on; how one ends is not known
then, only that it has ended.
"""

import contextlib
import json
import os
import select
import signal
import socket
import time
from io import FileIO
from typing import IO, Final

from mpc.errors import Cause, ProcessDiedError, SessionError
from mpc.roles.bootstrap import FAILED_EXIT_CODE
from mpc.session.loader import LastLines, Loader, pipe

_PACKET_BYTES: Final = 64
_TICK_S: Final = 0.01
_ABOUT_TO_END_S: Final = 5.0


class Child:
    """One child process and the last lines of its standard error.

    Parameters
    ----------
    role : str
        Also the name of the process.
    module : str
        What it runs: the function `main` of this module.
    loader : Loader
        Forks it; see `wait_until_born`.
    """

    def __init__(self, role: str, module: str, loader: Loader) -> None:
        self.role = role
        self._loader = loader
        its_input, self._input = pipe()
        self._output, its_output = pipe()
        errors, its_errors = pipe()
        self._status, its_status = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._last_lines = LastLines(errors)
        with its_input, its_output, its_errors, its_status:
            ends = (its_input, its_output, its_errors, its_status)
            try:
                loader.fork(role, module, [end.fileno() for end in ends])
            except BaseException:
                self.hang_up()
                self._status.close()
                raise
        self._pid: int | None = None
        self._life: FileIO | None = None
        self._exit_code: int | None = None
        self._is_watched = True
        self._cause: Cause | None = None

    def wait_until_born(self, deadline: float) -> None:
        """Wait until the loader has forked it.

        Raises
        ------
        ProcessDiedError
            The loader ended before.
        SessionError
            The deadline (monotonic seconds) passed.
        """
        if not _is_readable(self._status, deadline - time.monotonic()):
            raise SessionError(f"{self.role} was not started in time")
        packet, descriptors, _, _ = socket.recv_fds(self._status, _PACKET_BYTES, 1)
        if not packet:
            raise self._loader.death()
        self._status.setblocking(False)
        self._pid, self._life = int(packet), FileIO(descriptors[0])

    @property
    def pid(self) -> int:
        """Process number."""
        if self._pid is None:
            raise SessionError(f"{self.role} was not started")
        return self._pid

    @property
    def exit_code(self) -> int | None:
        """The negative signal number if a signal killed it.

        None while it runs, and if nobody knows because the loader ended before it.
        """
        if self._exit_code is None and self._is_watched and self._life is not None:
            with contextlib.suppress(BlockingIOError):  # it runs
                if packet := self._status.recv(_PACKET_BYTES):
                    self._exit_code = int(packet)
                self._is_watched = False
        return self._exit_code

    @property
    def has_ended(self) -> bool:
        """Whether it has ended."""
        if self._life is None:
            return False
        if self.exit_code is not None or self._life.closed:
            return True
        return not self._is_watched and _is_readable(self._life)

    def tell(self, value: object) -> None:
        """Write one JSON line to its standard input."""
        try:
            self._input.write(json.dumps(value).encode() + b"\n")
            self._input.flush()
        except OSError as error:
            self._raise_if_dead_soon()
            raise SessionError(f"{self.role} did not take its settings: {error}") from None

    def read_port(self, deadline: float) -> int:
        """Wait for the port on its standard output."""
        if not _is_readable(self._output, deadline - time.monotonic()):
            raise SessionError(f"{self.role} named no port in time")
        line = self._output.readline()
        if not line.strip().isdigit():  # it has ended or is about to end
            self._raise_if_dead_soon()
            raise SessionError(f"{self.role} closed its output and named no port")
        return int(line)

    def _raise_if_dead_soon(self) -> None:
        """Raise `ProcessDiedError` if it ends within 5 seconds."""
        if self._ends_within(_ABOUT_TO_END_S):
            raise self.death()

    def _ends_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not self.has_ended:
            if time.monotonic() > deadline:
                return False
            time.sleep(_TICK_S)
        return True

    def death(self) -> ProcessDiedError:
        """Return the error that names the process and its exit."""
        return ProcessDiedError(self.exit_report(), cause=self.cause)

    def exit_report(self) -> str:
        """Describe the exit: the process, its exit code or signal, and its last lines of output."""
        return self._last_lines.report(f"{self.role} (pid {self.pid})", self.exit_code)

    def is_echo(self) -> bool:
        """Whether it ended only because another process ended."""
        return self.exit_code == 0 or self.cause.lost != ""

    @property
    def cause(self) -> Cause:
        """The cause of its end that it wrote to standard output; empty if it wrote none.

        A process that a signal killed, or that ended with a traceback, wrote none.
        """
        if self._cause is None and self.has_ended:
            wrote = self.exit_code in (FAILED_EXIT_CODE, None)
            self._cause = self._said() if wrote else Cause()
        return self._cause or Cause()

    def _said(self) -> Cause:
        try:
            os.set_blocking(self._output.fileno(), False)  # it has ended: what it wrote is there
            return Cause.from_json(json.loads(self._output.read() or b""))
        except (OSError, ValueError, KeyError, TypeError):  # incomplete output or a closed pipe
            return Cause()

    def hang_up(self) -> None:
        """Close its input, which makes it end, and its output."""
        for end in (self._input, self._output):
            with contextlib.suppress(OSError):  # the child may have ended
                end.close()

    def end(self, grace_s: float) -> None:
        """Hang up, and kill it if it still runs after the grace period."""
        self.hang_up()
        if self._life is not None and not self._life.closed:
            if not self._ends_within(grace_s):
                with contextlib.suppress(ProcessLookupError):  # it has ended just now
                    signal.pidfd_send_signal(self._life.fileno(), signal.SIGKILL)
                self._ends_within(_ABOUT_TO_END_S)
            self._life.close()
            self._last_lines.wait()
        self._is_watched = False
        self._status.close()


def _is_readable(source: IO[bytes] | FileIO | socket.socket, within_s: float = 0.0) -> bool:
    """Wait until something can be read, which may be the end."""
    poll = select.poll()  # unlike `select.select`, it takes any number of a descriptor
    poll.register(source, select.POLLIN)
    return bool(poll.poll(max(within_s, 0.0) * 1000))
