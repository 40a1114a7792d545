"""Starting, dying and refusing: real processes, real signals."""

import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mpc import ClusterJob, PlainSession, SecureSession, open_session
from mpc.errors import InputError, InsecureError, ProcessDiedError, SessionError
from mpc.net.addresses import MAX_PARTIES
from mpc.net.handshake import LOOPBACK
from mpc.session.child import Child
from mpc.session.local_group import ProcessGroup
from mpc.session.stamps import Links
from tests.mpc.opened_labels import labels_of
from tests.mpc.processes import (
    Signal,
    alive,
    killing_a_newborn,
    listening,
    open_files,
)
from tests.mpc.programs.slow_party import LOADING_S
from tests.patience import SOON_S

POINTS = np.random.default_rng(0).normal(size=(300, 64)) / 64
OWNERS = [row % 10 for row in range(300)]
JOB = ClusterJob(k=6, iterations=200)
SMALL_JOB = ClusterJob(k=2)
MOMENTS = [
    (2, "party:1", 21),
    (2, "dealer", 22),
    (3, "party:0", 30),
    (3, "party:2", 32),
    (3, "dealer", 33),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("empty")


@pytest.fixture(autouse=True)
def empty_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let everything in here run in an empty folder that is also the one for temporary files."""
    for variable in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(variable, str(folder))
    monkeypatch.chdir(folder)
    return folder


def work_until_it_fails(session: SecureSession) -> None:
    while True:  # the signal arrives whatever the protocol is doing then
        session.cluster(JOB, POINTS, POINTS, OWNERS)


def check_until_it_fails(session: SecureSession) -> None:
    deadline = time.monotonic() + SOON_S
    while time.monotonic() < deadline:
        session.check()
        time.sleep(0.02)


def start_and_work(num_parties: int) -> None:
    with open_session(num_parties) as session:
        work_until_it_fails(session)


def group_of(session: SecureSession) -> ProcessGroup:
    """Return the group of a session whose processes are on this machine."""
    assert isinstance(session._group, ProcessGroup)
    return session._group


def assert_nothing_is_left(session: SecureSession, folder: Path) -> None:
    assert alive(list(session.pids.values())) == []
    assert listening(group_of(session).ports) == []
    assert list(folder.iterdir()) == []
    with pytest.raises(SessionError, match="open a new one"):
        session.cluster(SMALL_JOB, POINTS[:4], POINTS[:4])


def death(session: SecureSession, victim: str) -> str:
    """Return what an error says of a killed process, as a pattern."""
    return re.escape(f"{victim} (pid {session.pids[victim]}) was killed by SIGKILL")


def test_first_party_provider_needs_a_word() -> None:
    with pytest.raises(InsecureError, match="--insecure-dev"):
        open_session(2, provider="tfp")
    with pytest.raises(InsecureError, match="plain TCP.*--insecure-dev"):
        open_session(2, links="plain")
    with pytest.raises(InputError, match="2 to 5"):
        open_session(1)


@pytest.mark.slow
def test_first_party_provider_works_and_stamps_its_results() -> None:
    with open_session(2, provider="tfp", insecure_dev=True) as session:
        assert "dealer" not in session.pids
        result = session.cluster(SMALL_JOB, POINTS[:20], POINTS[:20])
    assert "provider tfp" in result.traffic.insecure[0]


@pytest.mark.slow
@pytest.mark.parametrize(("num_parties", "victim", "seed"), MOMENTS)
def test_a_process_killed_in_a_job_ends_the_group_and_is_named(
    num_parties: int, victim: str, seed: int, empty_folder: Path
) -> None:
    with open_session(num_parties) as session:
        delay_s = random.Random(seed).uniform(0.0, 1.0)
        signalled = Signal(session.pids[victim], signal.SIGKILL, delay_s=delay_s)
        try:
            with pytest.raises(ProcessDiedError, match=death(session, victim)) as caught:
                work_until_it_fails(session)
            assert signalled.age_s < SOON_S
        finally:
            signalled.cancel()
        assert caught.value.exit_code == 3
        assert_nothing_is_left(session, empty_folder)


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["party:0", "party:1", "dealer"])
def test_a_process_killed_between_jobs_is_named_by_a_check_or_the_next_job(
    victim: str, empty_folder: Path
) -> None:
    with open_session(2) as session:
        session.cluster(SMALL_JOB, POINTS[:20], POINTS[:20])
        os.kill(session.pids[victim], signal.SIGKILL)
        started = time.monotonic()
        go_on = work_until_it_fails if victim == "party:1" else check_until_it_fails
        with pytest.raises(ProcessDiedError, match=death(session, victim)):
            go_on(session)
        assert time.monotonic() - started < SOON_S
        assert_nothing_is_left(session, empty_folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("role", "delay_s"),
    [("party:0", 0.0), ("party:0", 1.2), ("party:1", 0.1), ("dealer", 0.0), ("dealer", 1.2)],
)
def test_a_process_killed_while_it_starts_is_named(
    role: str, delay_s: float, empty_folder: Path
) -> None:
    with killing_a_newborn(role, signal.SIGKILL, delay_s=delay_s) as born:
        started = time.monotonic()
        with pytest.raises(ProcessDiedError) as caught:
            start_and_work(2)
        assert time.monotonic() - started < delay_s + 2 * SOON_S
    words = f"{role} (pid {born[role].pid}) was killed by SIGKILL"
    assert words in str(caught.value)
    assert caught.value.exit_code == 3
    assert alive([child.pid for child in born.values()]) == []
    assert list(empty_folder.iterdir()) == []


@pytest.mark.slow
def test_the_dealer_s_death_is_noticed_while_many_data_owners_connect(empty_folder: Path) -> None:
    """And a new session works while the one that it ended is not closed yet."""
    with open_session(2) as session:
        signalled = Signal(session.pids["dealer"], signal.SIGKILL, delay_s=0.1)
        many = np.repeat(POINTS[:, :4], 3, axis=0)
        with pytest.raises(ProcessDiedError, match=death(session, "dealer")):
            session.cluster(SMALL_JOB, many, many)
        assert signalled.age_s < SOON_S
        assert_nothing_is_left(session, empty_folder)
        with open_session(2) as another:
            assert another.cluster(SMALL_JOB, POINTS[:20], POINTS[:20]).k == 2


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["party:0", "party:1", "dealer"])
def test_a_silent_process_is_named_after_the_time_out(victim: str, empty_folder: Path) -> None:
    with open_session(2, timeout_s=2.0) as session:
        session.cluster(SMALL_JOB, POINTS[:20], POINTS[:20])
        stopped = Signal(session.pids[victim], signal.SIGSTOP, delay_s=0.1)
        with pytest.raises(SessionError, match=f"{victim} was silent towards .* for 2 s"):
            work_until_it_fails(session)
        assert 1.0 < stopped.age_s < 2.0 + SOON_S
        session.close()
        assert_nothing_is_left(session, empty_folder)


def test_last_words_are_in_the_error() -> None:
    group = ProcessGroup(2, timeout_s=5, party_module="tests.mpc.programs.failing_party")
    try:
        said = r"party:[01] .pid \d+. ended with exit code 7; last words: .*no space left in the r"
        with pytest.raises(ProcessDiedError, match=said) as caught:
            group.raise_if_dead(within_s=SOON_S)
        assert "line 19 | " in str(caught.value)
        assert "line 3" not in str(caught.value)
    finally:
        group.end()


@pytest.mark.slow
def test_the_parent_s_death_leaves_no_orphan() -> None:
    program = (
        "import time\n"
        "from mpc import open_session\n"
        "session = open_session(2)  # one that nobody keeps ends by itself\n"
        "print(session._group.loader.pid, *session.pids.values(), flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]
    )
    assert parent.stdout is not None
    pids = [int(word) for word in parent.stdout.readline().split()]
    assert len(alive(pids)) == 4
    parent.kill()
    parent.wait(timeout=10)
    parent.stdout.close()
    deadline = time.monotonic() + SOON_S
    while alive(pids) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert alive(pids) == []


@pytest.mark.slow
def test_strangers_do_not_disturb(opened: Callable[[int], SecureSession]) -> None:
    session = opened(2)
    port = group_of(session).ports[0]
    for greeting in (b"", b"GET / HTTP/1.1\r\n\r\n", b"HELO" + b"\x05" + b"\0" * 7 + b"{...}"):
        with socket.create_connection((LOOPBACK, port), timeout=SOON_S) as sock:
            sock.sendall(greeting)
    assert session.cluster(SMALL_JOB, POINTS[:20], POINTS[:20]).k == 2


@pytest.mark.slow
@pytest.mark.parametrize("links", ["tls", "plain"])
def test_secrets_are_not_in_argv_environment_or_files(links: Links, empty_folder: Path) -> None:
    """And plain links work, and stamp their results."""
    with open_session(2, links=links, insecure_dev=True) as session:
        for pid in [os.getpid(), *session.pids.values()]:
            shown = b"".join(
                Path(f"/proc/{pid}/{where}").read_bytes() for where in ("cmdline", "environ")
            )
            assert group_of(session).session.encode() not in shown
            assert b"PRIVATE KEY" not in shown
        stamps = session.cluster(SMALL_JOB, POINTS[:20], POINTS[:20]).traffic.insecure
        assert ["plain TCP" in stamp for stamp in stamps] == [True] * (links == "plain")
        assert list(empty_folder.iterdir()) == []
        assert {role: open_files(pid) for role, pid in session.pids.items()} == dict.fromkeys(
            session.pids, []
        )
    assert list(empty_folder.iterdir()) == []


def test_processes_start_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """All are born before one is waited for."""
    read_port, wait_until_born = Child.read_port, Child.wait_until_born
    order: list[str] = []

    def noting_birth(child: Child, deadline: float) -> None:
        wait_until_born(child, deadline)
        order.append("born")

    def noting_wait(child: Child, deadline: float) -> int:
        order.append("waited for")
        return read_port(child, deadline)

    monkeypatch.setattr(Child, "wait_until_born", noting_birth)
    monkeypatch.setattr(Child, "read_port", noting_wait)
    ProcessGroup(3, timeout_s=5, party_module="tests.mpc.programs.failing_party").end()
    assert order == ["born"] * 4 + ["waited for"] * 4


@pytest.mark.slow
def test_more_parties_give_the_same() -> None:
    job = ClusterJob(k=3, evaluate=True)
    twin = PlainSession().cluster(job, POINTS[:12], POINTS[:12])
    with open_session(MAX_PARTIES) as session:
        assert len(session.pids) == MAX_PARTIES + 1
        result = session.cluster(job, POINTS[:12], POINTS[:12])
    assert np.array_equal(labels_of(result), labels_of(twin))
    assert np.allclose(result.means_NM, twin.means_NM, atol=2.0**-24, equal_nan=True)


@pytest.mark.slow
def test_a_short_time_out_for_silence_leaves_time_to_start() -> None:
    group = ProcessGroup(2, timeout_s=LOADING_S - 1, party_module="tests.mpc.programs.slow_party")
    with SecureSession(group, job_timeout_s=600, insecure=()) as session:
        assert session.cluster(SMALL_JOB, POINTS[:20], POINTS[:20]).k == 2
