"""`secfpp party`: one computing party on this host."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from secfpp.cli.outcome import Outcome
from secfpp.cli.serving import Serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from mpc.consent.policy import Policy
    from mpc.roles.bootstrap import Start


@dataclass(frozen=True, kw_only=True)
class Party(Serving):
    """Be one computing party of a session across hosts.

    It waits for the other roles, does the jobs of one server after another, and goes on when a
    session fails. SIGTERM lets a job finish, and then ends it with 0.
    """

    rank: int
    """Which party: 0, 1, ... as in the network file."""
    policy: Path | None = None
    """File that says which jobs this party allows; see `secfpp policy`. Default: own means of
    clusters of at least 3 owners, jobs of at least 5, and no evaluation."""

    def execute(self) -> Outcome:
        """Serve."""
        return self.serve(f"party:{self.rank}")

    def allowed(self) -> Policy:
        """Return what this party allows."""
        from mpc.consent.policy import Policy, read_policy

        return Policy() if self.policy is None else read_policy(self.policy)

    def program(self) -> Callable[[Start], None]:
        """Return what connects to the other roles, and does jobs."""
        from mpc.roles.party import run_party

        return run_party
