"""A data owner's links to all parties: made when they are needed, and anew when they break."""

import secrets
import time
from typing import Final

from mpc.errors import (
    Cause,
    PeerClosedError,
    PeerTimeoutError,
    RefusedError,
    TransportError,
)
from mpc.net.addresses import Addresses
from mpc.net.handshake import Identity, connect
from mpc.net.link import Link
from mpc.session.data_owner import DataOwner

_RANDOM: Final = secrets.SystemRandom()
_TICK_S: Final = 0.2
_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 5.0


class NoJobYetError(PeerTimeoutError):
    """Raise when no job came within the time that the caller gave."""


class OwnerLinks:
    """Connects, waits, and hangs up.

    Parameters
    ----------
    me : Identity
    addresses : Addresses
    timeout_s : float
        Longest silence of a party that has something to say, and longest time for which a party
        may refuse this owner, because it believes that an older link of it stands.
    """

    def __init__(self, me: Identity, addresses: Addresses, *, timeout_s: float) -> None:
        self._me = me
        self._addresses = addresses
        self._timeout_s = timeout_s
        self._owner: DataOwner | None = None
        self.heard = 0
        """Number of the last job that was heard on these links; 0 on new ones."""

    @property
    def standing(self) -> DataOwner | None:
        """The links, if they stand."""
        return self._owner

    def connected(self, deadline: float | None) -> DataOwner:
        """Return the links to all parties; try until they stand, with growing random pauses.

        Parameters
        ----------
        deadline : float or None
            Monotonic seconds; None: try for ever.

        Raises
        ------
        NoJobYetError
            The deadline passed.
        RefusedError
            A party refuses this owner for `timeout_s`.
        """
        pause = _FIRST_PAUSE_S
        refused_until = time.monotonic() + self._timeout_s
        while self._owner is None:
            try:
                self._owner = self._connect()
            except TransportError as error:
                if isinstance(error, RefusedError) and time.monotonic() > refused_until:
                    raise
                if deadline is not None and time.monotonic() + pause > deadline:
                    what = f"{self._me.role} cannot reach the parties: {error}"
                    raise NoJobYetError(what) from None
                time.sleep(_RANDOM.uniform(0.5, 1.0) * pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)
        return self._owner

    def _connect(self) -> DataOwner:
        parties = self._addresses.parties

        def reach(rank: int) -> Link:
            peer = f"party:{rank}"
            return connect(parties[rank], me=self._me, peer=peer, timeout_s=self._timeout_s)

        owner = DataOwner.connected(self._me.role, len(parties), reach)
        self.heard = 0
        return owner

    def await_announcement(self, link: Link, deadline: float | None) -> None:
        """Wait for the next job; raise if any party hangs up, or the deadline passes."""
        while not link.readable_within(_TICK_S):
            self._check()
            if deadline is not None and time.monotonic() > deadline:
                raise NoJobYetError(f"no job was announced to {self._me.role} in time")

    def wait_briefly(self, link: Link) -> None:
        """Wait for a party that should have something to say."""
        self.wait(link, time.monotonic() + self._timeout_s)

    def wait(self, link: Link, deadline: float) -> None:
        """Wait for a party in a job; raise if any party hangs up, or the deadline passes."""
        while not link.readable_within(_TICK_S):
            self._check()
            if time.monotonic() > deadline:
                raise PeerTimeoutError(
                    f"{link.peer} was silent towards {self._me.role} in a job",
                    cause=Cause(silent=link.peer),
                )

    def hang_up(self) -> None:
        """Close all links; the next use connects anew."""
        if self._owner is not None:
            self._owner.close()
        self._owner = None

    def _check(self) -> None:
        for link in () if self._owner is None else self._owner.links:
            if link.hung_up() and not link.readable_within(0):
                raise PeerClosedError(f"{link.peer} hung up on {self._me.role}")
