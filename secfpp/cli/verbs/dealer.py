"""`secfpp dealer`: the source of correlated randomness on this host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from secfpp.cli.outcome import Outcome
from secfpp.cli.serving import Serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from mpc.roles.bootstrap import Start


@dataclass(frozen=True, kw_only=True)
class Dealer(Serving):
    """Be the dealer of a session across hosts. The dealer never gets a share of any data.

    It must run where no party's operator can read its memory: together with one party it can unmask
    everything.
    """

    def execute(self) -> Outcome:
        """Serve."""
        return self.serve("dealer")

    def program(self) -> Callable[[Start], None]:
        """Return what accepts the parties, and serves them until they close the session."""
        from mpc.roles.dealer import serve

        return serve
