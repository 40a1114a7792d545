"""`secfpp client`: one client of a federation on its owner's host."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from secfpp.cli.console import say
from secfpp.cli.outcome import Outcome
from secfpp.cli.watching import Watched
from secfpp.config.workload import DeviceName

if TYPE_CHECKING:
    from mpc.session.owner import Owner
    from secfpp.deployment.client import ClientRound, LoadedClient
    from secfpp.deployment.config import FederationConfig
    from secfpp.experiment.run_folder import RunFolder


@dataclass(frozen=True, kw_only=True)
class Client(Watched):
    """Be one client of a federation, with images, prompt and key of its own, until its last round.

    It trains, checks every job against its policy, shares, fetches its cluster's mean, personalises
    and evaluates. Started again after a kill, it goes on from its folder.
    """

    data: Path
    """Folder with `train/CLASS/*.jpg|png`, and if there are any `validation/` and `test/` alike."""
    config: Path
    """The federation's settings, the same file as all others'."""
    network: Path
    """File of addresses, the same on every host."""
    certs: Path
    """Folder with this client's certificate and key, and ca.pem."""
    role: str
    """Role in the certificate, e.g. client:3 or client:north_hospital."""
    out: Path
    """Folder of this client's state, accuracies and ledger; continued if it exists."""
    policy: Path | None = None
    """File that says which jobs this client takes part in; see `secfpp policy`. Default: own means
    of clusters of at least 3 owners, jobs of at least 5, and no evaluation."""
    model: str | None = None
    """Where the model lies on this host, if elsewhere than the settings say."""
    device: DeviceName = "auto"
    """Where the prompt is trained."""
    cache_dir: Path | None = None
    """Folder that caches image features. None: the user's cache folder."""
    timeout_s: float = 60.0
    """Seconds after which a silent party counts as dead."""
    wait_s: float = 3600.0
    """Longest wait for a round."""
    listen: Path | None = None
    """Unix socket on which a Flower ClientApp says when a round begins; see the guide on Flower.
    The program then stays until it is ended. None: take part in every round, and end with the last
    one."""
    socket_group: str | None = None
    """Group whose members may use the socket, too. None: this user alone."""
    share_metrics: bool = False
    """Answer on the socket with accuracies and losses, which the server then sees."""

    def execute(self) -> Outcome:
        """Load all, then take part in every round, or in those that are asked for."""
        from mpc.consent.policy import Policy, read_policy
        from mpc.net.addresses import read_addresses
        from mpc.session.owner import Owner
        from secfpp.deployment.client import load_client, run_client
        from secfpp.deployment.config import load_federation
        from secfpp.deployment.folder import open_folder
        from secfpp.experiment.run_folder import RunFolder

        config = load_federation(self.config)
        if self.model is not None:
            config = replace(config, model=self.model)
        policy = Policy() if self.policy is None else read_policy(self.policy)
        addresses = read_addresses(self.network)
        folder = RunFolder(open_folder(self.out, config))
        loaded = load_client(self.data, config, device=self.device, cache_dir=self.cache_dir)
        rounds: list[ClientRound] = []
        with Owner(
            self.role,
            addresses,
            self.certs,
            policy=policy,
            ledger=self.out / "ledger.jsonl",
            timeout_s=self.timeout_s,
            on_event=self.watch(self.role, addresses.session, certs=self.certs, ready=True),
        ) as owner:
            say(f"{self.role}: {loaded.cohort.train.mask_NB.sum().item()} training images")
            if self.listen is not None:
                self._serve(self.listen, config, loaded, owner, folder)
            run_client(
                config,
                loaded,
                owner,
                folder,
                wait_s=self.wait_s,
                observe=lambda record: _observe(rounds, record),
                say=say,
            )
        record = {"role": self.role, "rounds": [asdict(each) for each in rounds]}
        return Outcome(record=record, shown=(f"{self.role}: done; see {self.out}",))

    def _serve(
        self,
        path: Path,
        config: FederationConfig,
        loaded: LoadedClient,
        owner: Owner,
        folder: RunFolder,
    ) -> NoReturn:
        """Take part in the rounds that are asked for on the socket, until SIGTERM."""
        from secfpp.deployment.client import TakingPart
        from secfpp.integrations.flower.local_socket import answering
        from secfpp.integrations.flower.rounds import RoundsOnRequest

        part = TakingPart.begin(config, loaded, owner, folder, wait_s=self.wait_s, say=say)
        rounds = RoundsOnRequest(
            config=config,
            part=part,
            owner=owner,
            wait_s=self.wait_s,
            shares_metrics=self.share_metrics,
            say=say,
            observe=lambda record: _observe([], record),
        )
        with answering(path, rounds.answer, group=self.socket_group, say=say):
            say(f"{self.role} listens on {path}")
            rounds.serve()


def _observe(rounds: list[ClientRound], record: ClientRound) -> None:
    rounds.append(record)
    accuracy = "" if record.own_mix is None else f", accuracy {record.own_mix:.3f} on its own mix"
    mean = "" if record.opened else "; no mean was opened to it"
    say(f"round {record.round} done{accuracy}{mean}")
