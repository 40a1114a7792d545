"""Starting, dying and refusing: real processes, real signals."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from mpc import ClusterJob, PlainSession, SecureSession, open_session
from mpc.errors import InputError, InsecureError, ProcessDiedError, SessionError
from mpc.reception import LOOPBACK

POINTS = np.random.default_rng(0).normal(size=(300, 64)) / 64
JOB = ClusterJob(k=6, iterations=200)


def alive(pids: list[int]) -> list[int]:
    return [
        pid
        for pid in pids
        if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    ]


def work_until_it_fails(session: SecureSession) -> None:
    while True:  # the signal arrives whatever the protocol is doing then
        session.cluster(JOB, POINTS, POINTS)


def test_first_party_provider_needs_a_word() -> None:
    with pytest.raises(InsecureError, match="--insecure-dev"):
        open_session(2, provider="tfp")
    with pytest.raises(InputError, match="2 to 5"):
        open_session(1)


def test_first_party_provider_works_and_stamps_its_results() -> None:
    with open_session(2, provider="tfp", insecure_dev=True) as session:
        assert "dealer" not in session.pids
        result = session.cluster(ClusterJob(k=2), POINTS[:20], POINTS[:20])
    assert result.traffic.insecure


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["party:0", "party:1", "dealer"])
def test_a_killed_process_ends_the_group_and_is_named(victim: str) -> None:
    session = open_session(2)
    pids = session.pids
    timer = threading.Timer(0.7, os.kill, (pids[victim], signal.SIGKILL))
    timer.start()
    try:
        with pytest.raises(ProcessDiedError, match=rf"{victim} .*SIGKILL") as caught:
            work_until_it_fails(session)
        died = time.monotonic()
        assert caught.value.exit_code == 3
        session.close()
        assert time.monotonic() - died < 5
        assert alive(list(pids.values())) == []
        with pytest.raises(SessionError, match="open a new one"):
            session.cluster(JOB, POINTS, POINTS)
    finally:
        timer.cancel()
        session.close()


@pytest.mark.slow
def test_the_parent_s_death_leaves_no_orphan() -> None:
    program = (
        "import time\n"
        "from mpc import open_session\n"
        "print(*open_session(2).pids.values(), flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    assert parent.stdout is not None
    pids = [int(word) for word in parent.stdout.readline().split()]
    assert len(alive(pids)) == 3
    parent.kill()
    parent.wait(timeout=10)
    parent.stdout.close()
    deadline = time.monotonic() + 5
    while alive(pids) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert alive(pids) == []


def test_strangers_do_not_disturb() -> None:
    with open_session(2) as session:
        port = session._group.ports[0]
        for greeting in (b"", b"GET / HTTP/1.1\r\n\r\n", b"HELO" + b"\x05" + b"\0" * 7 + b"{...}"):
            with socket.create_connection((LOOPBACK, port), timeout=5) as sock:
                sock.sendall(greeting)
        assert session.cluster(ClusterJob(k=2), POINTS[:20], POINTS[:20]).k == 2


@pytest.mark.slow
def test_secrets_are_not_in_argv_or_environment() -> None:
    with open_session(2) as session:
        token = session._group.token
        for pid in session.pids.values():
            process = psutil.Process(pid)
            assert token not in " ".join(process.cmdline())
            assert token not in " ".join(process.environ().values())


@pytest.mark.slow
@pytest.mark.parametrize("num_parties", [4, 5])
def test_more_parties_give_the_same(num_parties: int) -> None:
    job = ClusterJob(k=3, evaluate=True)
    twin = PlainSession().cluster(job, POINTS[:12], POINTS[:12])
    with open_session(num_parties) as session:
        assert len(session.pids) == num_parties + 1
        result = session.cluster(job, POINTS[:12], POINTS[:12])
    assert np.array_equal(result.labels_N, twin.labels_N)
    assert np.allclose(result.means_NM, twin.means_NM, atol=2.0**-24)


def test_a_short_time_out_for_silence_leaves_time_to_start() -> None:
    with open_session(2, timeout_s=1.5) as session:
        assert session.cluster(ClusterJob(k=2), POINTS[:20], POINTS[:20]).k == 2
