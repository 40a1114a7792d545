"""What each data owner has spent of its privacy budget, as a ledger of a role says.

A job's noise is rho-zCDP for each owner that takes part, and rho adds up over jobs, whatever they
release. A party writes `spent` before anything is opened, so that what it forgets in a sudden end
is never a release. An owner writes it before it shares: it counts a job that was given up later.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mpc.errors import LedgerError
from mpc.jobs.accounting import epsilon_of

SPENT = "spent"
"""Event of a ledger, with `owners` and `rho`."""


@dataclass(kw_only=True, slots=True)
class Spending:
    """The rho of each owner, and the number of jobs with noise that it took part in."""

    rho: dict[str, float] = field(default_factory=dict)
    jobs: dict[str, int] = field(default_factory=dict)

    def add(self, owners: Iterable[str], rho: float) -> None:
        """Add a job's rho to each of its owners."""
        for owner in owners:
            self.rho[owner] = self.rho.get(owner, 0.0) + rho
            self.jobs[owner] = self.jobs.get(owner, 0) + 1

    def add_line(self, values: Mapping[str, object]) -> None:
        """Add a line of a ledger, if its event is `spent`.

        Raises
        ------
        LedgerError
            The line is malformed.
        """
        if values.get("event") != SPENT:
            return
        owners, rho = values.get("owners"), values.get("rho")
        if not isinstance(owners, list) or not isinstance(rho, float) or not rho > 0:
            raise LedgerError(f"line {values.get('line')}: what was spent is malformed")
        self.add(map(str, owners), rho)

    def epsilon_with(self, owner: str, rho: float, delta: float) -> float:
        """Return an owner's epsilon if it spends a further rho."""
        return epsilon_of(self.rho.get(owner, 0.0) + rho, delta)
