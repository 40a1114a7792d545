"""A wire that is cut while a session is idle: who is at its ends says so, and forms a new session.

No job is under way, so that nothing is sent; only the probes of idle connections tell.
"""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mpc.consent.chain import read_ledger
from tests.cli.command import secfpp
from tests.mpc.hosts import Hosts, joined, wait_until
from tests.patience import SOON_S

pytestmark = pytest.mark.slow

PLACES = {"party:0": "p0", "party:1": "p1", "dealer": "d"}
VERBS = {"party:0": ("party", "--rank", "0"), "party:1": ("party", "--rank", "1")}
TIMEOUT_S = 4
OWNERS = 6


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    with joined([*PLACES.values(), "s"]) as made:
        yield made


@pytest.fixture
def certs(hosts: Hosts, tmp_path: Path) -> Path:
    folder = tmp_path / "certs"
    places = [hosts.addresses[place] for place in PLACES.values()]
    words = ("--parties", "2", "--clients", str(OWNERS), "--hosts", *places)
    made = secfpp("certs", "init", folder, *words)
    assert made.returncode == 0, made.stderr
    return folder


def started(hosts: Hosts, certs: Path, role: str) -> subprocess.Popen[str]:
    words = VERBS.get(role, (role,))
    files = ("--network", certs / "network.json", "--certs", certs)
    more = ("--timeout-s", str(TIMEOUT_S), "--ledger", ledger(certs, role))
    return hosts.start(PLACES[role], *words, *files, *more)


def ledger(certs: Path, role: str) -> Path:
    return certs / f"{role.replace(':', '-')}.jsonl"


def endings(certs: Path, role: str) -> list[str]:
    """Return why each session of a role ended."""
    lines = read_ledger(ledger(certs, role)).lines
    return [str(line.values["why"]) for line in lines if line.event == "session ended"]


def works(hosts: Hosts, certs: Path) -> None:
    """Run a job as a server that comes, and leaves."""
    points = certs / "points.npy"
    np.save(points, np.repeat(np.eye(2, 3), OWNERS // 2, axis=0))
    files = ("--network", certs / "network.json", "--certs", certs)
    words = ("--k", "2", "--reveal", "own-mean", "--owners", str(OWNERS), "--json")
    server = hosts.start("s", "cluster", "--input", points, *words, *files)
    _, said = server.communicate(timeout=4 * SOON_S)
    assert server.returncode == 0, said


@pytest.mark.timeout(180)
def test_a_wire_that_is_cut_between_jobs_is_named_at_both_ends(hosts: Hosts, certs: Path) -> None:
    processes = {role: started(hosts, certs, role) for role in PLACES}
    works(hosts, certs)
    time.sleep(2 * TIMEOUT_S)
    assert [endings(certs, role) for role in PLACES] == [[], [], []]
    hosts.cut("p1")
    wait_until(lambda: bool(endings(certs, "party:0")), "party:0 noticed no cut")
    wait_until(lambda: bool(endings(certs, "party:1")), "party:1 noticed no cut")
    assert "party:1 no longer answers party:0" in endings(certs, "party:0")[0]
    assert "no longer answers party:1" in endings(certs, "party:1")[0]
    hosts.mend("p1")
    works(hosts, certs)
    assert all(process.poll() is None for process in processes.values())
