"""The exceptions of `mpc`, as one tree.

::

    MpcError                    exit code 1
     +-- InputError             2   an input is refused; nothing was shared
     |    +-- BudgetError       2   a value or a sum does not fit the fixed-point range
     |    +-- PolicyError       2   the reveal policy does not allow what was asked
     |    +-- InsecureError     2   an insecure shortcut was requested without `insecure_dev`
     +-- LedgerError            1   a ledger was changed, or cannot be written
     +-- TransportError         3   a link failed
     |    +-- PeerClosedError  3   the peer closed its socket
     |    +-- PeerTimeoutError 3   the peer stayed silent past the time-out
     |    +-- FrameError       3   the peer sent an unexpected frame
     |    +-- PeerFailedError  3   the peer reported why it cannot go on
     |         +-- DeclinedError 3  a data owner declines a job
     |    +-- RefusedError     3   one end refuses the other: certificate, session or role
     +-- SessionError           3   a group of processes could not start or go on
          +-- ProcessDiedError  3   a party or the dealer ended; the message has its last output
          +-- PartyError        3   a party refused or failed a job; the message says why
          +-- NoAnswerError     3   a party did not answer in time
          +-- OwnerError        3   data owners did not send what a job needs
          +-- ConsentError      3   a party or a data owner does not allow a job
"""

from collections.abc import Mapping
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


class LedgerError(MpcError):
    """Raise when a ledger's chain is broken, ledgers contradict one another, or writing fails."""


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
    """Raise when the peer's last frame says why it cannot go on.

    Parameters
    ----------
    words : str
    cause : Cause, optional
    refusals : tuple of mapping
        What the peer does not allow, as in `ConsentError`.
    """

    def __init__(
        self,
        words: str = "",
        *,
        cause: Cause | None = None,
        refusals: tuple[Mapping[str, object], ...] = (),
    ) -> None:
        super().__init__(words, cause=cause)
        self.refusals = refusals


class DeclinedError(PeerFailedError):
    """Raise when a data owner declines a job; its link goes on."""


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


class ConsentError(SessionError):
    """Raise when a party or a data owner does not allow a job; nothing was opened.

    Parameters
    ----------
    words : str
    refusals : tuple of mapping
        Role, field, what was asked, and what is allowed.
    job : int
        Number of the job; 0 if it is the caller's.
    """

    def __init__(
        self, words: str = "", *, refusals: tuple[Mapping[str, object], ...] = (), job: int = 0
    ) -> None:
        super().__init__(words)
        self.refusals = refusals
        self.job = job


class NoAnswerError(SessionError):
    """Raise when a party did not answer the server in time."""
