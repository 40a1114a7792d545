"""`secfpp dealer`: the source of correlated randomness on this host, for one session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from secfpp.cli.outcome import Outcome
from secfpp.cli.serving import Serving

if TYPE_CHECKING:
    from mpc.roles.bootstrap import Start


@dataclass(frozen=True, kw_only=True)
class Dealer(Serving):
    """Be the dealer of a session across hosts: it never gets a share of anybody's data.

    Must run where no party's operator can read its memory: with one party it unmasks everything.
    """

    def execute(self) -> Outcome:
        """Serve."""
        return self.serve("dealer")

    def live(self, start: Start) -> None:
        """Let the parties in, then deal until they hang up."""
        from mpc.roles.dealer import serve

        serve(start)
