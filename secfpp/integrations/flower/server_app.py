"""The Flower ServerApp: it does what `secfpp server` does, and lets Flower tell the clients.

It runs on the server's host, with the server's credentials to the parties. Its settings are keys of
the app's run configuration.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

from mpc.session.session import join_session
from secfpp.config.checks import require, require_positive
from secfpp.config.tree import from_json, to_json
from secfpp.deployment.config import load_federation
from secfpp.deployment.folder import open_folder
from secfpp.deployment.lengths import lengths_of
from secfpp.deployment.server import Patience, run_server
from secfpp.experiment.record_folder import RecordFolder
from secfpp.integrations.flower.gathering import FlowerGathering
from secfpp.integrations.flower.runs import keep_run, kept_run, new_run

__all__ = ["ServerSettings", "app"]

app = ServerApp()


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """Keys of the run configuration; a hyphen there is an underscore here."""

    config: str
    """File of the federation's settings."""
    network: str
    """File of addresses."""
    certs: str
    """Folder with the server's certificate and key, and ca.pem."""
    out: str
    """Folder of finished rounds and of the server's ledger; continued if it exists."""
    clients: int
    """Begin a round as soon as so many clients are connected."""
    round_wait_s: float = 60.0
    """Begin a round with the quorum of the settings if not all are connected after so long."""
    wait_s: float = 600.0
    """Longest wait for the quorum."""
    reply_wait_s: float = 60.0
    """Longest wait for answers after a round."""
    timeout_s: float = 60.0
    """Seconds after which a silent party counts as dead."""
    job_timeout_s: float = 600.0
    """Longest time that one job may take."""
    model: str = ""
    """Where the model lies on the server's host, if elsewhere than the settings say."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        for name in ("config", "network", "certs", "out"):
            require(getattr(self, name) != "", name, "", "set: say -c with flwr run")
        require(self.clients >= 1, "clients", self.clients, "at least 1")
        for each in fields(self):
            if each.name.endswith("_s"):
                require_positive(each.name, getattr(self, each.name))

    @classmethod
    def of(cls, run_config: Mapping[str, bool | float | int | str]) -> "ServerSettings":
        """Return the settings of a run configuration.

        Raises
        ------
        ConfigError
            A key is unknown or missing, or a value is out of range.
        """
        return from_json(cls, {key.replace("-", "_"): each for key, each in run_config.items()})


@app.main()
def drive(grid: Grid, context: Context) -> None:
    """Drive every round that is left."""
    settings = ServerSettings.of(context.run_config)
    config = load_federation(Path(settings.config))
    if settings.model:
        config = replace(config, model=settings.model)
    folder = open_folder(Path(settings.out), config)
    say = logging.getLogger("flwr").info
    lengths = lengths_of(config)
    most_s = settings.wait_s + settings.job_timeout_s
    gathering = FlowerGathering(
        grid=grid,
        request={
            "run": _run_in(RecordFolder(folder)),
            "settings": json.dumps(to_json(config)),
            "model": lengths.model,
            "within_s": most_s,
        },
        folder=RecordFolder(folder),
        clients=settings.clients,
        reply_wait_s=settings.reply_wait_s,
        ttl_s=most_s + settings.reply_wait_s,
        say=say,
    )
    run_server(
        config,
        lengths,
        lambda: join_session(
            Path(settings.network),
            Path(settings.certs),
            timeout_s=settings.timeout_s,
            job_timeout_s=settings.job_timeout_s,
        ),
        folder,
        patience=Patience(
            clients=settings.clients, round_wait_s=settings.round_wait_s, wait_s=settings.wait_s
        ),
        gathering=gathering,
        observe=lambda record: say(f"round {record.round} done: {record.clients} clients"),
        say=say,
    )


def _run_in(folder: RecordFolder) -> str:
    """Return the name of this server's run, which is drawn once and kept."""
    run = kept_run(folder)
    if run is None:
        run = new_run()
        keep_run(folder, run)
    return run
