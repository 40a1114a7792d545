"""Parties, dealer and server on hosts of their own: addresses, certificates, and one's death."""

import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.cli.command import secfpp
from tests.mpc.hosts import Hosts, joined, kill, wait_for_connections
from tests.patience import SOON_S

pytestmark = pytest.mark.slow

PLACES = {"party:0": "p0", "party:1": "p1", "dealer": "d"}
OWNERS = 4
FIRST_PORT = 7000


@dataclass(frozen=True)
class Deployment:
    """Hosts, and the folder that stands for what was copied to each."""

    hosts: Hosts
    folder: Path

    def serve(self, role: str, *more: str | Path) -> subprocess.Popen[str]:
        """Start a party or the dealer on its host."""
        policy = ("--policy", self.folder / "policy.json")
        verb = ("dealer",) if role == "dealer" else ("party", "--rank", role[-1], *policy)
        ledger = ("--once", "--ledger", self.folder / f"{PLACES[role]}.jsonl")
        files = more or self._certs()
        return self.hosts.start(PLACES[role], *verb, *self._network(), *ledger, *files)

    def serve_all(self) -> dict[str, subprocess.Popen[str]]:
        """Start both parties and the dealer."""
        return {role: self.serve(role) for role in PLACES}

    def cluster(self, input_path: Path, *more: str | Path) -> subprocess.Popen[str]:
        """Start the server, with all data owners, on the fourth host."""
        words = ("--input", input_path, "--owners", str(OWNERS), "--json")
        return self.hosts.start("s", "cluster", *words, *self._network(), *self._certs(), *more)

    def _network(self) -> tuple[str | Path, ...]:
        return "--network", self.folder / "network.json"

    def _certs(self) -> tuple[str | Path, ...]:
        return "--certs", self.folder


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("deployment") / "certs"
    with joined([*PLACES.values(), "s"]) as hosts:
        places = [hosts.addresses[host] for host in PLACES.values()]
        made = secfpp(
            *("certs", "init", folder, "--parties", "2", "--clients", str(OWNERS)),
            *("--hosts", *places),
        )
        assert made.returncode == 0, made.stderr
        policy = {"reveal": ["own-mean", "assignments"], "min_owners": 4, "max_iterations": 500}
        (folder / "policy.json").write_text(json.dumps(policy))
        yield Deployment(hosts, folder)


def ends(process: subprocess.Popen[str], within_s: float) -> tuple[int, str, str]:
    """Return exit code and streams of a process that is about to end."""
    out, err = process.communicate(timeout=within_s)
    return process.returncode, out, err


def test_hosts_agree_with_the_plain_twin(deployment: Deployment, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    points = np.repeat(9.0 * np.eye(2, 5), 6, axis=0) + rng.normal(size=(12, 5))
    np.save(tmp_path / "x.npy", points)
    asked = ("--k", "2", "--reveal", "assignments", "--out")
    roles = deployment.serve_all()
    server = deployment.cluster(tmp_path / "x.npy", *asked, tmp_path / "means.npy")
    code, out, err = ends(server, 300)
    assert code == 0, err
    for role, process in roles.items():
        code, _, err = ends(process, SOON_S)
        assert code == 0, f"{role}: {err}"
    twin = secfpp(
        *("cluster", "--input", tmp_path / "x.npy", "--plain", "--json"),
        *(*asked, tmp_path / "twin.npy"),
    )
    assert json.loads(out)["labels"] == json.loads(twin.stdout)["labels"]
    np.testing.assert_allclose(
        np.load(tmp_path / "means.npy"), np.load(tmp_path / "twin.npy"), atol=1e-4
    )


@pytest.mark.parametrize("victim", ["party:0", "party:1", "dealer"])
def test_a_killed_role_ends_all_and_is_named(
    deployment: Deployment, victim: str, tmp_path: Path
) -> None:
    """In a job of many iterations, which takes ten seconds or more."""
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(1500, 32)))
    roles = deployment.serve_all()
    server = deployment.cluster(tmp_path / "x.npy", "--k", "12", "--iterations", "500")
    wait_for_connections(roles["party:1"], FIRST_PORT + 1, 1 + OWNERS)
    time.sleep(0.7)
    assert server.poll() is None, server.communicate()
    kill(roles[victim])
    code, out, err = ends(server, SOON_S)
    assert (code, out) == (3, "")
    assert victim in err
    for role in set(roles) - {victim}:
        code, _, said = ends(roles[role], SOON_S)
        assert code in (0, 3), f"{role}: {said}"
