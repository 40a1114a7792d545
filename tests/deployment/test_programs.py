"""A federation of programs: parties, dealer, server and six clients with images of their own."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mpc import PlainSession
from mpc.consent.chain import read_ledger
from mpc.consent.compare import differences
from secfpp.deployment.client import LoadedClient, federation_of, load_client
from secfpp.deployment.config import FederationConfig, load_federation
from secfpp.federation.cohort import Cohort
from secfpp.federation.round import begin, run_round
from secfpp.learning.losses import Shards
from secfpp.methods.shared.clustered import ClusteredExchange
from secfpp.seeds import Seeds
from tests.deployment.folders import CLIENTS, make_client_folders, write_settings
from tests.deployment.programs import Programs
from tests.mpc.deployment import ROLES, ledger_of, make_credentials, running

pytestmark = pytest.mark.slow

EVERYBODY = [f"client:{number}" for number in range(CLIENTS)]


@dataclass
class Deployed:
    """Parties and dealer that stay, and what clients and server need."""

    certs: Path
    folders: list[Path]

    def programs(self, root: Path, settings: Path) -> Programs:
        files = ("--config", settings, "--network", self.certs / "network.json")
        return Programs(root, (*files, "--certs", self.certs), CLIENTS)


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    root = tmp_path_factory.mktemp("federation")
    certs = make_credentials(root / "certs", clients=CLIENTS)
    folders = make_client_folders(root)
    with running(certs):
        yield Deployed(certs, folders)


@pytest.fixture
def programs(deployed: Deployed, tmp_path: Path) -> Iterator[Programs]:
    programs = deployed.programs(tmp_path, write_settings(tmp_path / "federation.json"))
    yield programs
    programs.end()


def simulated(config: FederationConfig, folders: list[Path]) -> np.ndarray:
    """Return the accuracies of every client after each round of a simulation, in one process."""
    loaded = [load_client(folder, config, device="cpu") for folder in folders]
    exchange = ClusteredExchange(
        session=PlainSession(),
        clustering=config.clustering,
        label="simulation",
        seed=Seeds(config.seed).number("first centres"),
    )
    everybody = replace(loaded[0], cohort=joined(loaded))
    federation = federation_of(config, everybody, exchange)
    state = begin(federation, everybody.initial_TW)
    rounds = []
    for _ in range(config.training.rounds):
        result = run_round(federation, state, np.arange(len(folders), dtype=np.int64))
        state = result.state
        rounds.append(result.scores.own_mix_N)
    return np.stack(rounds, axis=1)


def joined(loaded: list[LoadedClient]) -> Cohort:
    """Return all clients in one cohort; each tests on its own images."""
    cohorts = [client.cohort for client in loaded]

    def together(name: str) -> Shards:
        parts = [getattr(cohort, name) for cohort in cohorts]
        return Shards(
            features_NBE=torch.cat([part.features_NBE for part in parts]),
            labels_NB=torch.cat([part.labels_NB for part in parts]),
            mask_NB=torch.cat([part.mask_NB for part in parts]),
        )

    return replace(
        cohorts[0],
        domain_names=tuple(map(str, range(len(cohorts)))),
        domain_N=np.arange(len(cohorts), dtype=np.int64),
        label_mix_NC=torch.cat([cohort.label_mix_NC for cohort in cohorts]),
        train=together("train"),
        validation=together("validation"),
        test_features_GSE=torch.cat([cohort.test_features_GSE for cohort in cohorts]),
        test_labels_GS=torch.cat([cohort.test_labels_GS for cohort in cohorts]),
    )


def test_programs_reach_what_the_simulation_reaches(
    deployed: Deployed, programs: Programs, tmp_path: Path
) -> None:
    for number, folder in enumerate(deployed.folders):
        programs.client(number, folder)
    programs.server()
    code, said = programs.wait("server")
    assert code == 0, said
    for role in EVERYBODY:
        code, said = programs.wait(role)
        assert code == 0, said
    config = load_federation(tmp_path / "federation.json")
    reached = [
        [line["own_mix"] for line in programs.lines(role, "metrics.jsonl")] for role in EVERYBODY
    ]
    np.testing.assert_allclose(reached, simulated(config, deployed.folders), atol=0.02)
    rounds = programs.lines("server", "rounds.jsonl")
    assert [line["clients"] for line in rounds] == [CLIENTS] * 4
    assert [line["start"] for line in rounds] == ["fresh", "warm", "warm", "warm"]
    verified(deployed, programs)


def verified(deployed: Deployed, programs: Programs) -> None:
    """See that the ledgers of all roles agree on every job of this server."""
    kept = [programs.folder(role) / "ledger.jsonl" for role in ("server", *EVERYBODY)]
    ledgers = [
        read_ledger(path) for path in (*kept, *(ledger_of(deployed.certs, r) for r in ROLES))
    ]
    assert list(differences(ledgers)) == []


def test_a_client_and_the_server_are_killed_and_come_back(
    deployed: Deployed, programs: Programs
) -> None:
    for number, folder in enumerate(deployed.folders):
        programs.client(number, folder)
    programs.server()
    programs.until(
        lambda: len(programs.lines("client:2", "metrics.jsonl")) >= 1, "no round of client:2"
    )
    programs.kill("client:2")
    programs.kill("server")
    before = len(programs.lines("server", "rounds.jsonl"))
    programs.client(2, deployed.folders[2])
    programs.server()
    code, said = programs.wait("server")
    assert code == 0, said
    for role in EVERYBODY:
        code, said = programs.wait(role)
        assert code == 0, said
    rounds = programs.lines("server", "rounds.jsonl")
    assert 1 <= before < 4
    assert [line["round"] for line in rounds] == [1, 2, 3, 4]
    assert rounds[before]["start"] == "fresh"  # the new server keeps nothing of the last one
    for role in EVERYBODY:
        assert programs.lines(role, "metrics.jsonl")[-1]["round"] == 4
    verified(deployed, programs)


def test_a_client_with_other_settings_declines_by_name(
    deployed: Deployed, programs: Programs, tmp_path: Path
) -> None:
    other = write_settings(tmp_path / "other.json", payload_bound=32.0)
    stranger = deployed.programs(tmp_path, other)
    try:
        for number, folder in enumerate(deployed.folders[:-1]):
            programs.client(number, folder)
        stranger.client(5, deployed.folders[5])
        programs.server()
        code, said = programs.wait("server")
        assert code == 3
        assert "client:5 refuses label" in said
        code, said = stranger.wait("client:5")
        assert code == 3
        assert "label" in said
    finally:
        stranger.end()


def test_a_client_s_folder_is_of_one_federation(
    deployed: Deployed, programs: Programs, tmp_path: Path
) -> None:
    folder = programs.folder("client:0")
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"classes": ["one", "two"]}))
    programs.client(0, deployed.folders[0])
    code, said = programs.wait("client:0")
    assert code != 0
    assert "of a federation with other settings" in said
