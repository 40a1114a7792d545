"""What a session needs of its parties and dealer, wherever they run."""

from typing import Protocol

from mpc.net.link import Link


class PartyGroup(Protocol):
    """Parties and dealer of a session: child processes, or processes on other hosts."""

    num_parties: int
    timeout_s: float
    session: str

    def connect(self, me: str, rank: int) -> Link:
        """Open a link from this process, acting as role `me`, to a party."""

    def wait_readable(self, link: Link, deadline: float) -> None:
        """Wait for a link until a deadline (monotonic seconds); raise if a process died."""

    def check(self) -> None:
        """Raise if a process died."""

    def raise_if_dead(self) -> None:
        """After a link broke: raise if the reason is that a process died."""

    def end(self) -> None:
        """End the processes that this process started."""

    @property
    def pids(self) -> dict[str, int]:
        """Process number of each role that runs on this machine."""
