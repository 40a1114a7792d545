"""`secfpp server`: what drives the rounds of a federation, without data."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from secfpp.cli.console import say
from secfpp.cli.outcome import Outcome
from secfpp.cli.tables import table
from secfpp.cli.watching import Watched
from secfpp.report.kit.text import seconds, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from secfpp.deployment.server import ServerRound


@dataclass(frozen=True, kw_only=True)
class Server(Watched):
    """Drive the rounds of a federation whose clients are programs of their own.

    The server holds no data and no key of a client. Started again after a kill, it goes on after
    the last finished round.
    """

    config: Path
    """The federation's settings, the same file as all clients'."""
    network: Path
    """File of addresses, the same on every host."""
    certs: Path
    """Folder with the server's certificate and key, and ca.pem."""
    out: Path
    """Folder of finished rounds and of the server's ledger; continued if it exists."""
    clients: int
    """Begin a round as soon as so many clients are connected."""
    round_wait_s: float = 60.0
    """Begin a round with the quorum of the settings if not all are connected after so long."""
    wait_s: float = 600.0
    """Longest wait for the quorum."""
    model: str | None = None
    """Where the model lies on this host, if elsewhere than the settings say."""
    timeout_s: float = 60.0
    """Seconds after which a silent party counts as dead."""
    job_timeout_s: float = 600.0
    """Longest time that one job may take."""

    def execute(self) -> Outcome:
        """Count what clients share, then drive every round that is left."""
        from mpc.net.addresses import read_addresses
        from mpc.session.session import join_session
        from secfpp.deployment.config import load_federation
        from secfpp.deployment.lengths import lengths_of
        from secfpp.deployment.server import Patience, run_server

        config = load_federation(self.config)
        if self.model is not None:
            config = replace(config, model=self.model)
        lengths = lengths_of(config)
        rounds = run_server(
            config,
            lengths,
            lambda: join_session(
                self.network,
                self.certs,
                timeout_s=self.timeout_s,
                job_timeout_s=self.job_timeout_s,
            ),
            self.out,
            patience=Patience(
                clients=self.clients, round_wait_s=self.round_wait_s, wait_s=self.wait_s
            ),
            observe=_observe,
            say=say,
            on_event=self.watch(
                "server", read_addresses(self.network).session, certs=self.certs, ready=True
            ),
        )
        record = {**asdict(lengths), "rounds": [asdict(each) for each in rounds]}
        return Outcome(record=record, shown=(_table(rounds),))


def _observe(record: ServerRound) -> None:
    say(f"round {record.round} done: {record.clients} clients, {record.start} start")


def _table(rounds: Sequence[ServerRound]) -> RenderableType:
    drawn = table("Rounds", "round", "clients", "jobs", "start", "iterations", "seconds", "a party")
    for each in rounds:
        drawn.add_row(
            str(each.round),
            str(each.clients),
            str(each.attempts),
            each.start,
            str(each.iterations),
            seconds(each.seconds),
            size(each.bytes_party_max),
        )
    return drawn
