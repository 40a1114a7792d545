"""Flower's own simulation gives what `secfpp run` gives, on loopback, and leaves nothing behind."""

import ipaddress
import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from secfpp.config.tree import from_json
from secfpp.experiment.config import RunConfig
from secfpp.experiment.experiment import run_experiment
from tests.integrations.flower.superlink import Superlink, superlink
from tests.patience import SOON_S

_REASON = "needs Flower and Ray: pip install 'secfpp[simulation]'"
pytest.importorskip("flwr", reason=_REASON)
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

APP = Path(__file__).parents[3] / "examples" / "flower" / "simulation"
CLIENTS = 5
SETTINGS: dict[str, Any] = {
    "methods": ["promptfl", "secfpp-plain"],
    "first_seed": 3,
    "participation": 0.8,
    "partition": {"clients_per_domain": 1, "test_images_per_domain": 100},
    "training": {"rounds": 2, "local_steps": 6, "shared_steps": 4, "num_context": 4},
    "clustering": {"k": 2, "min_cluster_size": 2},
}
ACCURACIES = ("own_mix", "uniform", "worst_client", "own_classes", "other_domains")
LISTENING_ON_LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
FEDERATION = f"num-supernodes={CLIENTS} client-resources-num-cpus=1 init-args-num-cpus=2"


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _simulated(link: Superlink, out: Path, count: int) -> tuple[list[dict[str, Any]], set[str]]:
    """Wait for the rounds and for the end of all actors; return where anything listened, too."""
    listened: set[str] = set()
    seen_ray = False
    deadline = time.monotonic() + 10 * SOON_S
    while True:
        family = link.family("superlink")
        names = {name for process in family if (name := _listens(process, listened))}
        seen_ray = seen_ray or "raylet" in names
        lines = _lines(out / "rounds.jsonl")
        if len(lines) == count and not names & {"raylet", "gcs_server"}:
            assert seen_ray
            return lines, listened
        assert time.monotonic() < deadline, link.said("superlink")
        time.sleep(0.5)


def _listens(process: psutil.Process, listened: set[str]) -> str:
    """Add the addresses on which a process listens; return its name."""
    with suppress(psutil.Error):
        if process.status() == psutil.STATUS_ZOMBIE:
            return ""
        for each in process.net_connections(kind="inet"):
            if each.status == psutil.CONN_LISTEN:
                listened.add(each.laddr.ip)
        return str(process.name())
    return ""


def _is_loopback(text: str) -> bool:
    address = ipaddress.ip_address(text)
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def test_a_simulation_gives_what_a_run_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray", reason=_REASON)
    monkeypatch.setenv(LISTENING_ON_LOOPBACK, "0")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_memory_monitor_refresh_ms", "0")  # others may fill the memory
    monkeypatch.setenv("RAY_DEFAULT_OBJECT_STORE_MAX_MEMORY_BYTES", "200000000")
    settings, out = tmp_path / "run.json", tmp_path / "simulated"
    settings.write_text(json.dumps(SETTINGS))
    config = from_json(RunConfig, {**SETTINGS, "out": str(tmp_path / "run")})
    expected = _lines(run_experiment(config).folder / "metrics.jsonl")
    with superlink(tmp_path / "flower", "--simulation") as link:
        words = ("--federation-config", FEDERATION)
        link.run(APP, *words, config=str(settings), out=str(out))
        lines, listened = _simulated(link, out, len(expected))
    assert listened
    assert all(map(_is_loopback, listened)), listened
    for line, known in zip(lines, expected, strict=True):
        for name in ("seed", "method", "round", "k", "num_participants"):
            assert line[name] == known[name]
        # Batches of one client round differently; an image in a hundred of a domain may tip over.
        for name in ACCURACIES:
            assert line[name] == pytest.approx(known[name], abs=0.01), (line, known)
        assert line["train_loss"] == pytest.approx(known["train_loss"], rel=1e-4)
