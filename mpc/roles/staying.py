"""One session after another, in one process: how a party and the dealer stay.

A role that stays outlives its sessions. When one fails, because a role died or fell silent, it
listens anew and forms the next one, with fresh keys.
"""

import time
from collections.abc import Callable
from typing import Final

from mpc.consent.chain import Ledger
from mpc.errors import LedgerError, MpcError
from mpc.roles.bootstrap import Start

_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 5.0
_LASTED_S: Final = 10.0
"""After a session that lasted so long, the next pause is short again."""


def serve_sessions(start: Start, ledger: Ledger, one_session: Callable[[Start], bool]) -> None:
    """Serve sessions until one says that it was the last; a role that does not stay serves one.

    Parameters
    ----------
    start : Start
    ledger : Ledger
        Gets a line for every session that failed.
    one_session : callable
        Serves a session, and returns whether another one is to follow.

    Raises
    ------
    MpcError
        A session failed, and the role does not stay; or the ledger cannot be written.
    """
    pause = _FIRST_PAUSE_S
    while True:
        began = time.monotonic()
        try:
            if not one_session(start) or not start.stays:
                return
        except LedgerError:
            raise
        except MpcError as error:
            if not start.stays:
                raise
            ledger.write("session ended", why=str(error))
            start.say(f"{start.identity.role}: the session ended: {error}; waiting for a new one")
        lasted = time.monotonic() - began > _LASTED_S
        pause = _FIRST_PAUSE_S if lasted else min(2 * pause, _LONGEST_PAUSE_S)
        time.sleep(pause)
        start = start.listening_again()
