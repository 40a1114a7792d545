"""The exceptions of `mpc`, as one tree.

::

    MpcError                    exit code 1
     +-- InputError             2   an input is refused; nothing was shared
     |    +-- BudgetError       2   a value or a sum does not fit the fixed-point range
     |    +-- PolicyError       2   the reveal policy does not allow what was asked
     |    +-- InsecureError     2   an insecure shortcut was requested without `insecure_dev`
     +-- TransportError         3   a link failed
     |    +-- PeerClosedError  3   the peer closed its socket
     |    +-- PeerTimeoutError 3   the peer stayed silent past the time-out
     |    +-- FrameError       3   the peer sent an unexpected frame
     |    +-- PeerFailedError  3   the peer reported why it cannot go on
     |    +-- RefusedError     3   one end refuses the other: certificate, session or role
     +-- SessionError           3   a group of processes could not start or go on
          +-- ProcessDiedError  3   a party or the dealer ended; the message has its last output
          +-- PartyError        3   a party refused or failed a job; the message says why
          +-- NoAnswerError     3   a party did not answer in time
          +-- OwnerError        3   data owners did not send what a job needs
"""

from dataclasses import dataclass
from typing import ClassVar, Self


@dataclass(frozen=True, slots=True)
class Cause:
    """The other process that caused an error; both names are empty if there is none."""

    lost: str = ""
    """The role whose connection closed or broke."""
    silent: str = ""
    """The role that was silent past a time-out."""

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Rebuild a cause that another process sent.

        Raises
        ------
        TypeError, KeyError
            It is malformed.
        """
        if not isinstance(value, dict):
            raise TypeError(f"a cause is an object, not {value!r:.40}")
        return cls(lost=str(value["lost"]), silent=str(value["silent"]))


class MpcError(Exception):
    """Base class of the errors that `mpc` raises.

    Parameters
    ----------
    words : str
    cause : Cause, optional
        By default this process caused the error itself.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, words: str = "", *, cause: Cause | None = None) -> None:
        super().__init__(words)
        self.cause = cause or Cause()


class InputError(MpcError, ValueError):
    """Raise when an input is not valid for the job, before any share is made."""

    exit_code: ClassVar[int] = 2


class BudgetError(InputError):
    """Raise when a value does not fit the fixed-point budget; the message has the limit."""


class PolicyError(InputError):
    """Raise when a reveal policy forbids what was asked."""


class InsecureError(InputError):
    """Raise when an insecure shortcut is requested without `insecure_dev`."""


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
    """Raise when the peer's last frame says why it cannot go on."""


class RefusedError(TransportError):
    """Raise when one end refuses the connection of the other."""


class PrecisionWarning(UserWarning):
    """Warn that some rows differ by less than the precision of fixed point."""


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
