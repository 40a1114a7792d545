"""An end on request: SIGTERM lets a job finish, up to a limit, and then ends the process with 0."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Ending:
    """Knows whether a job is in hand.

    Parameters
    ----------
    limit_s : float
        Longest time that a job may take to finish after the request.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._busy = self._asked = False

    def install(self) -> None:
        """Handle SIGTERM from now on; for the main thread of a process."""
        signal.signal(signal.SIGTERM, self._on_request)
        signal.signal(signal.SIGALRM, self._on_limit)

    @contextmanager
    def job(self) -> Iterator[None]:
        """Let the body finish if the end is requested meanwhile, and end then."""
        self.begin()
        try:
            yield
        finally:
            self.finish()

    def begin(self) -> None:
        """Take a job in hand, for roles whose jobs are no block of code. Idempotent."""
        self._busy = True

    def finish(self) -> None:
        """End now if the end was requested meanwhile. Idempotent."""
        if self._busy:
            self._busy = False
            signal.setitimer(signal.ITIMER_REAL, 0.0)
        if self._asked:
            raise SystemExit(0)

    def _on_request(self, signum: int, frame: FrameType | None) -> None:
        if not self._busy:
            raise SystemExit(0)
        self._asked = True
        signal.setitimer(signal.ITIMER_REAL, self._limit_s)

    def _on_limit(self, signum: int, frame: FrameType | None) -> None:
        raise SystemExit(1)
