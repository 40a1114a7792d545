"""One loader forks parties and dealer: what they share, what they must not, and how all end."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import psutil
import pytest

from mpc import ClusterJob, SecureSession, open_session
from mpc.errors import ProcessDiedError, SessionError
from mpc.roles.loader import IDLE_S
from mpc.session.child import Child
from mpc.session.loader import Loader, borrow_loader, end_kept_loader, give_back_loader
from mpc.session.local_group import ProcessGroup
from tests.mpc.processes import alive
from tests.patience import SOON_S

POINTS = np.random.default_rng(0).normal(size=(20, 4)) / 4
JOB = ClusterJob(k=2)
ROOT = Path(__file__).parents[3]


@pytest.fixture
def loader() -> Iterator[Loader]:
    loader = Loader()
    yield loader
    loader.end(SOON_S)


def group_of(session: SecureSession) -> ProcessGroup:
    assert isinstance(session._group, ProcessGroup)
    return session._group


def born(loader: Loader, name: str, module: str) -> Child:
    child = Child(name, module, loader)
    try:
        child.wait_until_born(time.monotonic() + SOON_S)
    except BaseException:
        child.end(0.1)
        raise
    return child


def channels(pid: int) -> set[str]:
    """Return the pipes and sockets that a process has open."""
    folder = Path(f"/proc/{pid}/fd")
    links = {os.readlink(folder / name) for name in os.listdir(folder)}
    return {link for link in links if link.startswith(("pipe:", "socket:"))}


def wait_until_dead(child: Child) -> None:
    deadline = time.monotonic() + SOON_S
    while not child.has_ended:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_children_share_imports_and_no_generator(loader: Loader) -> None:
    """What every generator gives differs, although all were used before the forks."""
    children = [born(loader, f"party:{n}", "tests.mpc.programs.drawing") for n in range(3)]
    said = [json.loads(child._output.readline()) for child in children]
    for child in children:
        child.end(SOON_S)
    assert [child.exit_code for child in children] == [0] * 3
    assert [each["parent"] for each in said] == [loader.pid] * 3
    assert said[0]["at_import"] == said[1]["at_import"] == said[2]["at_import"]
    for name, at_import in said[0]["at_import"].items():
        different = {at_import, *(each["draws"][name] for each in said)}
        assert len(different) == (2 if name == "shared" else 4), name  # it would be noticed


@pytest.mark.slow
def test_no_process_of_a_group_holds_what_is_another_s() -> None:
    """Two groups share a loader."""
    with open_session(2) as session, open_session(2) as beside:
        pids = [group_of(session).loader.pid, *session.pids.values(), *beside.pids.values()]
        held = {pid: channels(pid) for pid in pids}
        for one, other in combinations(pids, 2):
            assert not held[one] & held[other]
        for pid in pids[1:]:
            assert sum(channel.startswith("pipe:") for channel in held[pid]) == 3
            assert psutil.Process(pid).ppid() == pids[0]
            assert os.getsid(pid) == pid
        assert {psutil.Process(pid).name() for pid in pids[1:]} == set(session.pids)


@pytest.mark.slow
def test_nothing_is_left_of_a_group_not_even_its_dead() -> None:
    with open_session(2) as session:
        group = group_of(session)
        pids = list(session.pids.values())
        victim = group.children[1]
        os.kill(victim.pid, signal.SIGKILL)
        wait_until_dead(victim)
        assert victim.exit_code == -signal.SIGKILL
        assert not psutil.pid_exists(victim.pid)
    assert not [pid for pid in pids if psutil.pid_exists(pid)]
    assert len(channels(group.loader.pid)) == 2, "standard input and its copy, output and errors"
    end_kept_loader()
    assert not psutil.pid_exists(group.loader.pid)
    assert group.loader._process.returncode == 0


@pytest.mark.slow
def test_the_next_group_has_the_same_loader_and_so_has_one_beside_it() -> None:
    with open_session(2) as one, open_session(3) as other:
        loader = group_of(one).loader
        assert group_of(other).loader is loader
        assert other.cluster(JOB, POINTS, POINTS).k == 2
        other.close()
        assert one.cluster(JOB, POINTS, POINTS).k == 2
    with open_session(2) as session:
        assert group_of(session).loader is loader
        assert session.cluster(JOB, POINTS, POINTS).k == 2


@pytest.mark.slow
def test_a_loader_that_serves_no_more_ends_when_its_last_group_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with open_session(2) as one:
        loader = group_of(one).loader
        monkeypatch.setenv("SECFPP_TEST", "changed")
        with open_session(2) as other:
            assert group_of(other).loader is not loader
            assert loader._process.poll() is None
            assert one.cluster(JOB, POINTS, POINTS).k == 2
            one.close()
            assert loader._process.returncode == 0


def test_a_loader_that_did_not_fork_in_time_is_not_used_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stopped = borrow_loader(["mpc.roles.dealer", "mpc.roles.party"])
    os.kill(stopped.pid, signal.SIGSTOP)
    give_back_loader(stopped)
    with monkeypatch.context() as patch:
        patch.setattr("mpc.session.local_group.START_TIMEOUT_S", 0.5)
        with pytest.raises(SessionError, match="party:0 was not started in time"):
            ProcessGroup(2, timeout_s=60)
    assert stopped._process.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    "change", ["another module", "environment", "open files", "a long rest", "a killed loader"]
)
def test_a_loader_that_cannot_serve_is_ended_and_another_is_started(
    change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = borrow_loader(["one"])
    give_back_loader(kept)
    same = borrow_loader(["one"])
    assert same is kept
    give_back_loader(same)
    modules = ["one"]
    if change == "another module":
        modules = ["one", "other"]
    elif change == "environment":
        monkeypatch.setenv("SECFPP_TEST", "changed")
    elif change == "open files":
        limit = (90, 100)
        monkeypatch.setattr("mpc.session.loader.resource.getrlimit", lambda which: limit)
    elif change == "a long rest":
        kept._last_use -= IDLE_S
    else:
        os.kill(kept.pid, signal.SIGKILL)
        psutil.Process(kept.pid).wait(SOON_S)
    another = borrow_loader(modules)
    assert another is not kept
    assert kept._process.returncode is not None
    another.end(SOON_S)


def test_a_forked_program_starts_a_loader_of_its_own() -> None:
    program = (
        "import os\n"
        "from mpc.session.loader import borrow_loader, give_back_loader\n"
        "kept = borrow_loader([])\n"
        "give_back_loader(kept)\n"
        "if os.fork() == 0:\n"
        "    another = borrow_loader([])\n"
        "    assert another.pid != kept.pid\n"
        "    another.end(60)\n"
        "    os._exit(0)\n"
        "assert os.wait()[1] == 0\n"
        "assert borrow_loader([]) is kept\n"
        "kept.end(60)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=SOON_S, cwd=ROOT)


def test_a_loader_that_nobody_asks_ends() -> None:
    program = "from mpc.roles import loader; loader.IDLE_S = 0.2; loader.main()"
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, its:
        words = [sys.executable, "-c", program]
        subprocess.run(words, stdin=its.fileno(), check=True, timeout=SOON_S, cwd=ROOT)


@pytest.mark.slow
def test_a_program_that_ends_leaves_no_loader_and_says_nothing() -> None:
    program = (
        "from mpc import open_session\n"
        "with open_session(2) as session:\n"
        "    print(session._group.loader.pid)\n"
    )
    words = [sys.executable, "-X", "dev", "-c", program]
    done = subprocess.run(words, capture_output=True, timeout=SOON_S, cwd=ROOT, check=True)
    assert not psutil.pid_exists(int(done.stdout))
    assert b"loader" not in done.stderr


def test_a_loader_that_is_killed_before_it_forks_is_named() -> None:
    loader = Loader()
    os.kill(loader.pid, signal.SIGKILL)
    said = re.escape(f"the loader (pid {loader.pid}) was killed by SIGKILL")
    with pytest.raises(ProcessDiedError, match=said):
        born(loader, "party:0", "tests.mpc.programs.drawing")
    loader.end(0.1)


@pytest.mark.slow
def test_a_session_goes_on_without_its_loader_and_knows_who_ended() -> None:
    """How it ended, nobody can know."""
    with open_session(2) as session:
        group = group_of(session)
        os.kill(group.loader.pid, signal.SIGKILL)
        assert session.cluster(JOB, POINTS, POINTS).k == 2
        victim = session.pids["party:1"]
        os.kill(victim, signal.SIGKILL)
        wait_until_dead(group.children[1])
        said = re.escape(f"party:1 (pid {victim}) ended; its exit code is unknown")
        with pytest.raises(ProcessDiedError, match=said) as caught:
            session.check()
        assert caught.value.exit_code == 3
    assert alive(list(session.pids.values())) == []


@pytest.mark.slow
def test_a_killed_loader_leaves_no_orphan_when_the_session_is_closed() -> None:
    with open_session(2) as session:
        os.kill(group_of(session).loader.pid, signal.SIGKILL)
    assert alive(list(session.pids.values())) == []


def test_a_module_that_cannot_be_imported_fails_in_the_child() -> None:
    said = r"party:\d \(pid \d+\) ended with exit code 1; last words: .*No module named .*absent"
    with pytest.raises(SessionError, match=said):
        ProcessGroup(2, timeout_s=5, party_module="tests.mpc.programs.absent")


@pytest.mark.slow
def test_where_an_import_starts_a_thread_children_are_not_forked_with_it() -> None:
    """They execute an interpreter of their own."""
    group = ProcessGroup(2, timeout_s=60, party_module="tests.mpc.programs.threaded_party")
    with SecureSession(group, job_timeout_s=60, insecure=()) as session:
        assert psutil.Process(group.loader.pid).num_threads() == 2
        commands = {role: psutil.Process(pid).cmdline() for role, pid in session.pids.items()}
        assert commands["party:1"][1:] == ["-m", "tests.mpc.programs.threaded_party"]
        assert commands["dealer"][1:] == ["-m", "mpc.roles.dealer"]
        assert session.cluster(JOB, POINTS, POINTS).k == 2


@pytest.mark.slow
def test_a_parent_that_is_killed_while_the_loader_imports_leaves_nothing() -> None:
    program = (
        "import time\n"
        "from mpc.session.child import Child\n"
        "from mpc.session.loader import Loader\n"
        "loader = Loader()\n"
        "children = [Child('party:0', 'mpc.roles.party', loader) for _ in range(2)]\n"
        "print(loader.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=ROOT)
    assert parent.stdout is not None
    with parent.stdout:
        loader = int(parent.stdout.readline())
    parent.kill()
    parent.wait(timeout=10)
    deadline = time.monotonic() + SOON_S
    while alive([loader]) and time.monotonic() < deadline:  # it waits for its children
        time.sleep(0.02)
    assert alive([loader]) == []
