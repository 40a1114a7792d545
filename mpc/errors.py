"""What can go wrong in `mpc`, as one tree.

::

    MpcError                    exit code 1
     +-- InputError             2   an input is refused; nothing was shared
     |    +-- BudgetError       2   a value, or a sum of them, would leave the fixed-point range
     |    +-- PolicyError       2   the reveal policy does not allow what was asked
     |    +-- InsecureError     2   a shortcut for debugging was asked for without saying so
     +-- TransportError         3   a link failed
     |    +-- PeerClosedError   3   the other end closed its socket
     |    +-- PeerTimeoutError  3   the other end stayed silent past the time-out
     |    +-- FrameError        3   the other end sent something else than expected
     |    +-- PeerFailedError   3   the other end said why it cannot go on
     |    +-- RefusedError      3   one end does not let the other in: certificate, session or role
     +-- SessionError           3   a group of processes could not start or go on
          +-- ProcessDiedError  3   a party or the dealer ended; says which, and its last words
          +-- PartyError        3   a party refused or failed a job; says which, and why
          +-- NoAnswerError     3   a party did not answer in time; says which
          +-- OwnerError        3   data owners did not hand in what a job needs; says who
"""

from dataclasses import dataclass
from typing import ClassVar, Self


@dataclass(frozen=True, slots=True)
class Cause:
    """Whose fault an error is, where it is another process's; empty names are nobody's."""

    lost: str = ""
    """The role whose connection closed or broke."""
    silent: str = ""
    """The role that was silent past a time-out."""

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Rebuild what another process sent.

        Raises
        ------
        TypeError, KeyError
            It is malformed.
        """
        if not isinstance(value, dict):
            raise TypeError(f"a cause is an object, not {value!r:.40}")
        return cls(lost=str(value["lost"]), silent=str(value["silent"]))


class MpcError(Exception):
    """Root of every error that `mpc` raises on purpose.

    Parameters
    ----------
    words : str
    cause : Cause, optional
        By default the error is of this process's own making.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, words: str = "", *, cause: Cause | None = None) -> None:
        super().__init__(words)
        self.cause = cause or Cause()


class InputError(MpcError, ValueError):
    """Raise before any share is made: an input is not what the job needs."""

    exit_code: ClassVar[int] = 2


class BudgetError(InputError):
    """Raise when a value does not fit the fixed-point budget; the message has the limit."""


class PolicyError(InputError):
    """Raise when a reveal policy forbids what was asked."""


class InsecureError(InputError):
    """Raise when an insecure shortcut is asked for without `insecure_dev`."""


class TransportError(MpcError):
    """Raise when a link fails; the message names both ends."""

    exit_code: ClassVar[int] = 3


class PeerClosedError(TransportError):
    """Raise when the peer closed its socket."""


class PeerTimeoutError(TransportError):
    """Raise when the peer stayed silent past the time-out."""


class FrameError(TransportError):
    """Raise when a frame has the wrong tag, size or content."""


class PeerFailedError(TransportError):
    """Raise when the peer said, as its last words, why it cannot go on."""


class RefusedError(TransportError):
    """Raise when one end does not let the other in."""


class PrecisionWarning(UserWarning):
    """Warn that what distinguishes some rows is below the precision of fixed point."""


class SessionError(MpcError):
    """Raise when a session cannot start or go on."""

    exit_code: ClassVar[int] = 3


class ProcessDiedError(SessionError):
    """Raise when a computing party or the dealer ended by itself."""


class PartyError(SessionError):
    """Raise when a party reports that it could not do a job."""


class OwnerError(SessionError):
    """Raise when data owners fail a job; the session stays usable without them."""


class NoAnswerError(SessionError):
    """Raise when a party did not answer the server in time."""
