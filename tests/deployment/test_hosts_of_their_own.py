"""The guide "Three organisations, three hosts", step by step, in network namespaces.

Two parties, a dealer, a server and six clients have hosts of their own. A client is killed and
comes back, a wire is cut and mended, and the server is killed and goes on.
"""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mpc.consent.chain import read_ledger
from mpc.consent.compare import differences
from secfpp.deployment.config import load_federation
from tests.cli.command import secfpp
from tests.deployment.folders import CLIENTS, make_client_folders, write_settings
from tests.deployment.test_programs import simulated
from tests.mpc.hosts import Hosts, joined, kill
from tests.patience import SOON_S

pytestmark = pytest.mark.slow

ROUNDS = 14
TIMEOUT_S = "6"
PLACES = {"party:0": "p0", "party:1": "p1", "dealer": "d", "server": "s"}
CLIENT_PLACES = {f"client:{number}": f"c{number}" for number in range(CLIENTS)}


@dataclass
class Federation:
    """All hosts, and what runs on each."""

    hosts: Hosts
    root: Path
    folders: list[Path]
    running: dict[str, subprocess.Popen[str]] = field(default_factory=dict)

    def serve(self, role: str) -> None:
        verb = ("dealer",) if role == "dealer" else ("party", "--rank", role[-1])
        more = ("--timeout-s", TIMEOUT_S, "--ledger", self.ledger(role))
        self._start(role, PLACES[role], *verb, *more)

    def client(self, number: int) -> None:
        role = f"client:{number}"
        words = ("client", "--role", role, "--data", self.folders[number])
        self._start(role, CLIENT_PLACES[role], *words, *self._shared(role))

    def server(self) -> None:
        words = ("server", "--clients", str(CLIENTS), "--round-wait-s", "12")
        self._start("server", "s", *words, *self._shared("server"))

    def kill(self, role: str) -> None:
        kill(self.running[role])
        self.running[role].communicate()

    def folder(self, role: str) -> Path:
        return self.root / role.replace(":", "-")

    def ledger(self, role: str) -> Path:
        return self.root / f"{role.replace(':', '-')}.jsonl"

    def lines(self, role: str, name: str) -> list[dict[str, Any]]:
        path = self.folder(role) / name
        whole = path.read_text() if path.exists() else ""
        return [json.loads(line) for line in whole.splitlines(keepends=True) if line[-1] == "\n"]

    def rounds(self) -> list[dict[str, Any]]:
        return self.lines("server", "rounds.jsonl")

    def until(self, holds: Callable[[], bool], complaint: str) -> None:
        deadline = time.monotonic() + 3 * SOON_S
        while not holds():
            for role, process in self.running.items():
                assert process.poll() in (None, 0), (role, process.communicate())
            assert time.monotonic() < deadline, (complaint, self.rounds())
            time.sleep(0.05)

    def _shared(self, role: str) -> tuple[str | Path, ...]:
        settings = ("--config", self.root / "federation.json", "--out", self.folder(role))
        return (*settings, "--timeout-s", TIMEOUT_S)

    def _start(self, role: str, host: str, *words: str | Path) -> None:
        certs = self.root / "certs"
        files = ("--network", certs / "network.json", "--certs", certs)
        self.running[role] = self.hosts.start(host, *words, *files)


@pytest.fixture
def federation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Federation]:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with joined([*PLACES.values(), *CLIENT_PLACES.values()]) as hosts:
        places = [hosts.addresses[host] for host in ("p0", "p1", "d")]
        words = ("--parties", "2", "--clients", str(CLIENTS), "--hosts", *places)
        made = secfpp("certs", "init", tmp_path / "certs", *words)
        assert made.returncode == 0, made.stderr
        training = {"rounds": ROUNDS, "local_steps": 8, "shared_steps": 6}
        write_settings(tmp_path / "federation.json", training=training)
        yield Federation(hosts, tmp_path, make_client_folders(tmp_path / "images"))


@pytest.mark.timeout(400)
def test_a_federation_outlives_a_killed_client_a_cut_wire_and_a_killed_server(
    federation: Federation,
) -> None:
    for role in ("party:0", "party:1", "dealer"):
        federation.serve(role)
    for number in range(CLIENTS):
        federation.client(number)
    federation.server()

    federation.until(lambda: len(federation.rounds()) >= 1, "no first round")
    federation.kill("client:2")
    federation.client(2)
    before = len(federation.lines("client:2", "metrics.jsonl"))
    federation.until(
        lambda: len(federation.lines("client:2", "metrics.jsonl")) > before, "client:2 is not back"
    )

    federation.hosts.cut("c4")
    federation.until(
        lambda: any(line["clients"] == CLIENTS - 1 for line in federation.rounds()),
        "no round without client:4",
    )
    federation.hosts.mend("c4")
    away = federation.lines("client:4", "metrics.jsonl")[-1]["round"]
    federation.until(
        lambda: federation.lines("client:4", "metrics.jsonl")[-1]["round"] > away,
        "client:4 is not back",
    )

    federation.kill("server")
    federation.server()
    for role in ("server", *CLIENT_PLACES):
        _, said = federation.running[role].communicate(timeout=4 * SOON_S)
        assert federation.running[role].returncode == 0, (role, said)

    assert [line["round"] for line in federation.rounds()] == list(range(1, ROUNDS + 1))
    reached = [federation.lines(role, "metrics.jsonl")[-1] for role in CLIENT_PLACES]
    assert {line["round"] for line in reached} == {ROUNDS}
    config = load_federation(federation.root / "federation.json")
    expected_N = simulated(config, federation.folders)[:, -1]
    np.testing.assert_allclose([line["own_mix"] for line in reached], expected_N, atol=0.06)
    kept = [federation.folder(role) / "ledger.jsonl" for role in ("server", *CLIENT_PLACES)]
    kept += [federation.ledger(role) for role in ("party:0", "party:1", "dealer")]
    assert list(differences([read_ledger(path) for path in kept])) == []
    for role in ("party:0", "party:1", "dealer"):
        os.kill(federation.running[role].pid, 15)
        federation.running[role].communicate(timeout=SOON_S)
        assert federation.running[role].returncode == 0
