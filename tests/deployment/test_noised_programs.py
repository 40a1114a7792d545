"""A federation of programs with a budget: parties add noise, and clients insist on it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from mpc import ClusterJob
from mpc.consent.chain import read_ledger
from mpc.consent.compare import differences
from mpc.consent.terms import Terms
from mpc.errors import ConsentError
from mpc.session.owner import Owner, OwnResult
from secfpp.deployment.config import FederationConfig, label_of, load_federation
from secfpp.deployment.exchange import OwnerExchange
from secfpp.deployment.lengths import Lengths
from secfpp.deployment.orders import KeptClusters, next_order
from secfpp.errors import ConfigError
from secfpp.methods.interface import Contribution
from tests.deployment.folders import CLIENTS, make_client_folders, write_settings
from tests.deployment.programs import Programs
from tests.mpc.consent.examples import terms
from tests.mpc.deployment import ROLES, ledger_of, make_credentials, running
from tests.patience import SOON_S

LENGTHS = Lengths(dim=3, payload=2, model="ab")
NAMES = [f"client:{number}" for number in range(CLIENTS)]
BUDGET = {"epsilon": 4.0}
INSIDE = {"dp_clip_norm": 0.5}


@pytest.fixture
def config(tmp_path: Path) -> FederationConfig:
    path = write_settings(tmp_path / "federation.json", privacy=BUDGET, inside=INSIDE)
    return load_federation(path)


class Scripted:
    """An owner to whom one job is announced; the mean of its cluster is what it sent."""

    role = "client:0"

    def __init__(self, announced: Terms) -> None:
        self.announced = announced

    def await_job(self, within_s: float) -> Terms:
        return self.announced

    def share(self, terms: Terms, points: np.ndarray, payload: np.ndarray) -> None:
        self.points, self.payload = points, payload

    def fetch(self, terms: Terms) -> OwnResult:
        return OwnResult(mean_RM=self.payload, size_R=np.array([3]))

    def decline(self, terms: Terms, field: str, *, asked: object, allowed: object) -> None:
        raise ConsentError(
            f"{field} {asked} but {allowed}", refusals=({"role": self.role, "field": field},)
        )


def announced(config: FederationConfig, job: ClusterJob) -> Terms:
    return replace(terms(), job=job, owners=CLIENTS, points=CLIENTS, dim=3, payload=2)


Exchange = Callable[[ClusterJob], tuple[np.ndarray, Scripted]]


@pytest.fixture
def exchange(config: FederationConfig) -> Exchange:
    """Return what a client makes of an announced job, and what it shared."""

    def take_part(job: ClusterJob) -> tuple[np.ndarray, Scripted]:
        owner = Scripted(announced(config, job))
        made = OwnerExchange(
            owner=cast(Owner, owner), config=config, model="ab", wait_s=1.0, say=print
        )
        given = Contribution(
            round_index=0,
            clients_n=np.array([0]),
            num_clients=1,
            descriptor_nD=np.ones((1, 3)),
            before_nM=np.array([[10.0, 20.0]]),
            update_nM=np.array([[13.0, 24.0]]),
        )
        return made(given).update_rM, owner

    return take_part


def test_the_server_orders_clusters_once_a_session(config: FederationConfig) -> None:
    kept, found = KeptClusters(), []
    for number, names in enumerate([NAMES[:5], NAMES[:5], NAMES[:4], NAMES, NAMES], start=1):
        order = next_order(config, LENGTHS, number, names, kept)
        found.append((order.job.guarantee, order.dim))
        if order.job.guarantee == "means":
            kept.clients, kept.k = frozenset(names), 2
    anew, given = ("means", 3), ("known-assignment", 1)
    assert found == [anew, given, given, anew, given]


def test_a_client_sends_a_clipped_step_and_moves_by_the_mean(
    config: FederationConfig, exchange: Exchange
) -> None:
    kept = KeptClusters(clients=frozenset(NAMES), k=2)
    job = next_order(config, LENGTHS, 2, NAMES, kept).job
    update, owner = exchange(job)
    assert np.allclose(owner.payload, [[0.3, 0.4]])
    assert not owner.points.any()
    assert np.allclose(update, [[10.3, 20.4]])


def test_a_noised_size_counts_as_what_is_known_of_it(
    config: FederationConfig, exchange: Exchange
) -> None:
    """The prior of 6 clients in 2 clusters is 3, and so is the released size."""
    update, owner = exchange(next_order(config, LENGTHS, 1, NAMES, KeptClusters()).job)
    assert owner.points.all()
    assert np.allclose(update, [[10.3, 20.4]])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"guarantee": "none", "epsilon": None, "noise_multiplier": None}, "guarantee"),
        ({"noise_multiplier": 0.01, "epsilon": None}, "epsilon"),
        ({"payload_bound": 1.0}, "payload_bound"),
        ({"rows_per_owner": 2}, "rows_per_owner"),
        ({"min_cluster_size": 1}, "min_cluster_size"),
    ],
)
def test_a_client_declines_a_job_of_another_budget(
    changes: dict[str, object], field: str, config: FederationConfig, exchange: Exchange
) -> None:
    kept = KeptClusters(clients=frozenset(NAMES), k=2)
    for clusters in (kept, KeptClusters()):
        job = next_order(config, LENGTHS, 2, NAMES, clusters).job
        given = {**changes}
        if clusters is kept and changes.get("guarantee") == "none":
            given |= {"start": "fresh", "size_share": None}
        with pytest.raises(ConsentError) as caught:
            exchange(replace(job, **given))  # type: ignore[arg-type]
        assert field in {str(each["field"]) for each in caught.value.refusals} | {field}
        assert caught.value.refusals


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"inside": {"dp_guarantee": "pipeline"}}, "inside.dp_guarantee='pipeline'"),
        ({"privacy": {"epsilon": 0}}, "privacy.epsilon=0"),
        ({"privacy": {"delta": 0.5}}, "privacy.delta=0.5"),
        ({"clustering": {"k": 2, "reveal": "assignments"}}, "clustering.reveal"),
    ],
)
def test_a_budget_that_cannot_be_kept_is_refused(
    tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    path = write_settings(tmp_path / "federation.json", **{"privacy": BUDGET, **changes})
    with pytest.raises(ConfigError, match=words):
        load_federation(path)


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[Programs]:
    """Parties and dealer that run; the programs that a test starts end after it."""
    certs = make_credentials(tmp_path / "certs", clients=CLIENTS)
    settings = write_settings(tmp_path / "federation.json", privacy=BUDGET)
    files = ("--config", settings, "--network", certs / "network.json", "--certs", certs)
    programs = Programs(tmp_path, files, CLIENTS)
    with running(certs):
        yield programs
        programs.end()


@pytest.mark.slow
def test_programs_of_a_federation_spend_a_budget(programs: Programs, tmp_path: Path) -> None:
    for number, folder in enumerate(make_client_folders(tmp_path / "images")):
        programs.client(number, folder)
    programs.server()
    for role in ("server", *NAMES):
        code, said = programs.wait(role, 6 * SOON_S)
        assert code == 0, said
    config = load_federation(tmp_path / "federation.json")
    ordered = [
        line["terms"]
        for line in programs.lines("server", "ledger.jsonl")
        if line.get("event") == "ordered"
    ]
    assert [each["guarantee"] for each in ordered] == ["means", *["known-assignment"] * 3]
    assert all(
        each["label"] == label_of(config, each["label"].split("model ")[1].split(",")[0], n)
        for n, each in enumerate(ordered, start=1)
    )
    kept = [programs.folder(role) / "ledger.jsonl" for role in ("server", *NAMES)]
    kept += [ledger_of(tmp_path / "certs", role) for role in ROLES]
    assert list(differences([read_ledger(path) for path in kept])) == []
    for role in NAMES:
        rounds = programs.lines(role, "metrics.jsonl")
        assert [line["round"] for line in rounds] == [1, 2, 3, 4]
