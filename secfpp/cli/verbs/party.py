"""`secfpp party`: one computing party on this host."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from secfpp.cli.outcome import Outcome
from secfpp.cli.serving import Serving
from secfpp.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mpc.consent.policy import Policy
    from mpc.roles.bootstrap import Start

RANK_VARIABLES = ("RANK", "JOB_COMPLETION_INDEX")


@dataclass(frozen=True, kw_only=True)
class Party(Serving):
    """Be one computing party of a session across hosts.

    It waits for the other roles, does the jobs of one server after another, and goes on when a
    session fails. SIGTERM lets a job finish, and then ends it with 0.
    """

    rank: int | None = None
    """Which party: 0, 1, ... as in the network file. None: the environment variable RANK, or
    JOB_COMPLETION_INDEX, as job schedulers set them."""
    policy: Path | None = None
    """File that says which jobs this party allows; see `secfpp policy`. Default: own means of
    clusters of at least 3 owners, jobs of at least 5, and no evaluation."""

    def execute(self) -> Outcome:
        """Serve."""
        return self.serve(f"party:{_rank_in(os.environ) if self.rank is None else self.rank}")

    def allowed(self) -> Policy:
        """Return what this party allows."""
        from mpc.consent.policy import Policy, read_policy

        return Policy() if self.policy is None else read_policy(self.policy)

    def program(self) -> Callable[[Start], None]:
        """Return what connects to the other roles, and does jobs."""
        from mpc.roles.party import run_party

        return run_party


def _rank_in(environment: Mapping[str, str]) -> int:
    """Return the rank that a job scheduler gave this process."""
    for name in RANK_VARIABLES:
        value = environment.get(name)
        if value is not None:
            if not value.isdecimal():
                raise ConfigError(f"{name}={value!r} in the environment is no rank; say --rank")
            return int(value)
    raise ConfigError(f"say --rank, or set {' or '.join(RANK_VARIABLES)} in the environment")
