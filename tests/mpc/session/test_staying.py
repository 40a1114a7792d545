"""Parties and dealer that stay: servers come and go, and a role's death ends a session only."""

import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from mpc import ClusterJob, PlainSession, SecureSession
from mpc.consent.chain import read_ledger
from mpc.errors import MpcError
from mpc.session.session import join_session
from tests.mpc.deployment import ROLES, ledger_of, make_credentials, running, start
from tests.patience import SOON_S

pytestmark = pytest.mark.slow

OWNERS = 6
PARTIES = ("party:0", "party:1")
POINTS = np.repeat(np.eye(3, 4), 4, axis=0) + np.random.default_rng(0).normal(size=(12, 4)) / 50
LONG = np.random.default_rng(1).normal(size=(1500, 32))
Roles = dict[str, subprocess.Popen[str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_credentials(tmp_path_factory.mktemp("staying") / "certs", clients=OWNERS)


@pytest.fixture(scope="module")
def roles(folder: Path) -> Iterator[Roles]:
    with running(folder, {f"party:{rank}": {"max_iterations": 500} for rank in (0, 1)}) as started:
        yield started


def joined(folder: Path) -> SecureSession:
    return join_session(folder / "network.json", folder, timeout_s=SOON_S)


def works(session: SecureSession) -> None:
    job = ClusterJob(k=3)
    owners = np.arange(len(POINTS)) // 2
    given = session.cluster(job, POINTS, POINTS, owners=owners.tolist())
    twin = PlainSession().cluster(job, POINTS, POINTS, owners=owners.tolist())
    np.testing.assert_allclose(given.means_NM, twin.means_NM, atol=1e-4, equal_nan=True)


def long_job(session: SecureSession) -> None:
    owners = np.arange(len(LONG)) % OWNERS
    session.cluster(ClusterJob(k=12, iterations=500), LONG, LONG, owners=owners.tolist())


def jobs_of(folder: Path, role: str) -> list[tuple[str, int]]:
    return read_ledger(ledger_of(folder, role)).jobs


def wait_until_computing(folder: Path, before: dict[str, int]) -> None:
    """Wait until every party has agreed to one more job."""
    deadline = time.monotonic() + SOON_S
    while any(len(jobs_of(folder, role)) == jobs for role, jobs in before.items()):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_one_server_after_another_is_served_and_job_numbers_go_on(
    folder: Path, roles: Roles
) -> None:
    with joined(folder) as session:
        works(session)
        works(session)
    with joined(folder) as session:
        works(session)
    last = jobs_of(folder, "party:0")[-3:]
    assert len({run for run, _ in last}) == 1
    assert [number for _, number in last] == [last[0][1] + i for i in range(3)]
    assert jobs_of(folder, "party:1")[-3:] == last
    assert all(process.poll() is None for process in roles.values())


def test_a_server_that_dies_before_a_job_begins_costs_that_job_only(
    folder: Path, roles: Roles
) -> None:
    with joined(folder) as session:
        works(session)
    session = joined(folder)
    link = session.server_links[0]
    run = jobs_of(folder, "party:0")[-1][0]
    send = link.send_json

    def dying(tag: bytes, value: object, *, number: int = 0) -> None:
        if isinstance(value, dict) and "go" in value:
            for each in session.server_links:
                each.close()
            raise OSError("it died")
        send(tag, value, number=number)

    link.send_json = dying  # type: ignore[method-assign]
    with pytest.raises(OSError, match="it died"):
        works(session)
    with joined(folder) as session:
        works(session)
    assert jobs_of(folder, "party:0")[-1][0] == run


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "in a job"])
@pytest.mark.parametrize("victim", ["party:1", "party:0", "dealer"])
def test_who_outlives_a_role_forms_a_new_session_with_it(
    folder: Path, roles: Roles, victim: str, busy: bool
) -> None:
    pids = {role: process.pid for role, process in roles.items() if role != victim}
    with joined(folder) as session:
        works(session)
        run = jobs_of(folder, "party:0")[-1][0]
        failing = threading.Thread(target=fails, args=(session,))
        if busy:
            before = {role: len(jobs_of(folder, role)) for role in PARTIES}
            failing.start()
            wait_until_computing(folder, before)
        roles[victim].kill()
        roles[victim].communicate()
        if busy:
            failing.join(SOON_S)
            assert not failing.is_alive()
    policy = {"max_iterations": 500} if victim.startswith("party") else None
    roles[victim] = start(folder, victim, policy)
    with joined(folder) as session:
        works(session)
    assert {role: process.pid for role, process in roles.items() if role != victim} == pids
    assert all(process.poll() is None for process in roles.values())
    assert jobs_of(folder, "party:0")[-1][0] != run


def fails(session: SecureSession) -> None:
    with pytest.raises(MpcError):
        long_job(session)


def test_sigterm_lets_a_job_finish(folder: Path, roles: Roles) -> None:
    finished = threading.Event()

    def work() -> None:
        long_job(session)
        finished.set()

    with joined(folder) as session:
        works(session)
        at_work = threading.Thread(target=work)
        before = {role: len(jobs_of(folder, role)) for role in PARTIES}
        at_work.start()
        wait_until_computing(folder, before)
        for role in ROLES:
            roles[role].send_signal(signal.SIGTERM)
        at_work.join(3 * SOON_S)
    assert finished.is_set()
    for role in ROLES:
        roles[role].communicate(timeout=SOON_S)
        assert roles[role].returncode == 0
    last = jobs_of(folder, "party:0")[-1]
    assert read_ledger(ledger_of(folder, "party:0")).of(last, "done")
