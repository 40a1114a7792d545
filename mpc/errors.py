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

from typing import ClassVar


class MpcError(Exception):
    """Root of every error that `mpc` raises on purpose."""

    exit_code: ClassVar[int] = 1


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
