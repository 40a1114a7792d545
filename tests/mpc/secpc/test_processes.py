"""Clients as processes: results, counts, and clients that end or fall silent in each phase."""

import os
import signal
import time

import numpy as np
import pytest

from mpc.errors import OwnerError
from mpc.jobs.result import DROPPED, ClusterResult
from mpc.reference.session import PlainSession
from mpc.ring.fixedpoint import FloatArray
from mpc.secpc.client_processes import ClientProcesses
from mpc.secpc.session import SecPCSession
from mpc.secpc.settings import SecPCSettings
from tests.mpc.processes import alive
from tests.mpc.secpc.examples import Rows, blobs, job_of, objects
from tests.patience import SOON_S

PHASES = ("share", "masks", "distances", "sums", "result")
NUM_CLIENTS = 8
JOB = job_of(k=3, iterations=9, min_cluster_size=1)


def slow_rows() -> Rows:
    """Return rows without clusters, which take some iterations."""
    generator = np.random.default_rng(5)
    return generator.uniform(size=(NUM_CLIENTS, 3)), generator.normal(size=(NUM_CLIENTS, 4))


@pytest.fixture(autouse=True)
def few_masks_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let clients share masks with their rows for the first centres only."""
    monkeypatch.setattr("mpc.secpc.first_queries.ITERATIONS_AHEAD", 0)


def pids_of(session: SecPCSession) -> dict[str, int]:
    assert isinstance(session.group, ClientProcesses)
    return session.group.pids


class Killer:
    """Kills clients just before a phase begins, once, and waits until they have ended."""

    def __init__(self, session: SecPCSession, phase: str, clients: tuple[str, ...]) -> None:
        self._session, self._phase, self._clients = session, phase, clients
        self.phases: list[str] = []
        session.on_phase = self

    def __call__(self, phase: str) -> None:
        self.phases.append(phase)
        if phase != self._phase or self.phases.count(phase) > 1:
            return
        pids = [pids_of(self._session)[client] for client in self._clients]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + SOON_S
        while alive(pids):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def traffic_of(result: ClusterResult) -> set[tuple[object, ...]]:
    return {
        (o.role, o.operation, o.bytes_sent, o.bytes_received, o.frames_sent, o.frames_received)
        for o in result.traffic.operations
    }


def twin_of(points_ND: FloatArray, payload_NM: FloatArray) -> ClusterResult:
    return PlainSession().cluster(JOB, points_ND, payload_NM)


def test_processes_give_the_results_and_the_traffic_of_objects() -> None:
    """Twice in one session, over TLS links; then with other clients. No process is left."""
    points_ND, payload_NM = slow_rows()
    expected = twin_of(points_ND, payload_NM)
    with SecPCSession() as session, objects() as simulated:
        for _ in range(2):
            found = session.cluster(JOB, points_ND, payload_NM)
            same = simulated.cluster(JOB, points_ND, payload_NM)
            assert np.array_equal(found.means_NM, expected.means_NM)
            assert found.labels_N is not None
            assert np.array_equal(found.labels_N, expected.labels_N)  # type: ignore[arg-type]
            assert traffic_of(found) == traffic_of(same)
            assert found.traffic.rounds_online == same.traffic.rounds_online
            assert [(s.name, s.rounds) for s in found.traffic.steps] == [
                (s.name, s.rounds) for s in same.traffic.steps
            ]
            assert found.traffic.insecure == ()
            sent = sum(step.bytes_sent for step in found.traffic.steps)
            busiest = {role.role: 0 for role in found.traffic.roles}
            for role in found.traffic.roles:
                busiest[role.role] += role.bytes_sent if role.phase != "control" else 0
            assert sent == max(busiest[name] for name in busiest if name != "server")
        first = pids_of(session)
        fewer = session.cluster(JOB, points_ND[1:], payload_NM[1:], owners=range(1, NUM_CLIENTS))
        assert fewer.k == 3
        second = pids_of(session)
        assert not first.items() & second.items()
    assert not alive([*first.values(), *second.values()])


@pytest.mark.parametrize("phase", PHASES)
def test_a_client_that_is_killed_is_an_erasure(phase: str) -> None:
    """In each phase; killed before it shared, its row is left out, and after, it counts."""
    points_ND, payload_NM = slow_rows()
    kept = [row for row in range(NUM_CLIENTS) if row != 5 or phase != "share"]
    expected = twin_of(points_ND[kept], payload_NM[kept])
    with SecPCSession(SecPCSettings(dropouts=2)) as session:
        killer = Killer(session, phase, ("client:5",))
        found = session.cluster(JOB, points_ND, payload_NM)
        assert set(killer.phases) == set(PHASES)
        assert "killed by SIGKILL" in session.lost["client:5"]
    assert found.labels_N is not None
    assert expected.labels_N is not None
    assert found.labels_N[kept].tolist() == expected.labels_N.tolist()
    assert found.sizes_N[5] == DROPPED
    assert np.isnan(found.means_NM[5]).all()
    delivered = [row for row in kept if row != 5]
    at = [kept.index(row) for row in delivered]
    assert np.array_equal(found.means_NM[delivered], expected.means_NM[at])
    assert found.sizes_N[delivered].tolist() == expected.sizes_N[at].tolist()


@pytest.mark.parametrize(
    ("phase", "said"),
    [
        ("share", "share: 5 of 8 clients are left, but 7 are needed"),
        ("distances", "5 of 8 clients answered, but 2 l [+] 2 t - 1 = 7 are needed"),
    ],
)
def test_too_many_lost_clients_are_an_error_and_the_next_job_replaces_them(
    phase: str, said: str
) -> None:
    points_ND, payload_NM = slow_rows()
    with SecPCSession(SecPCSettings(dropouts=1)) as session:
        Killer(session, phase, ("client:1", "client:4", "client:6"))
        named = r"client:1 .*SIGKILL.* client:4 .* client:6"
        with pytest.raises(OwnerError, match=rf"{said} \(l = 1, t = 3\); missing are .*{named}"):
            session.cluster(JOB, points_ND, payload_NM)
        assert set(session.lost) == {"client:1", "client:4", "client:6"}
        session.on_phase = lambda phase: None
        again = session.cluster(JOB, points_ND, payload_NM)
        assert session.lost == {}
    assert again.sizes_N.min() > 0


def test_sums_need_fewer_clients_than_distances() -> None:
    """l + t = 4 of 8 answer; distances would have needed 7."""
    points_ND, payload_NM = slow_rows()
    with SecPCSession(SecPCSettings(dropouts=1)) as session:
        Killer(session, "sums", ("client:0", "client:2", "client:3", "client:7"))
        found = session.cluster(JOB, points_ND, payload_NM)
    assert np.array_equal(found.means_NM[1], twin_of(points_ND, payload_NM).means_NM[1])


def test_a_client_that_ends_while_it_shares_is_left_out() -> None:
    """Some have its share and some do not: its row is in no set."""
    points_ND, payload_NM = blobs(11, num_points=NUM_CLIENTS)
    kept = [row for row in range(NUM_CLIENTS) if row != 2]
    expected = PlainSession().cluster(JOB, points_ND[kept], payload_NM[kept])
    with SecPCSession() as session:
        session.client_module = "tests.mpc.programs.dying_client"
        found = session.cluster(JOB, points_ND, payload_NM)
        assert "ended with exit code 7" in session.lost["client:2"]
        assert not any(sets_NC[2].any() for sets_NC in session.sets_asked)
    assert np.array_equal(found.means_NM[kept], expected.means_NM)


@pytest.mark.slow
@pytest.mark.parametrize("where", ["share", "distances"])
def test_a_client_that_is_silent_is_lost_after_the_time_out(where: str) -> None:
    """Some seconds are enough for all others; if not, several may be late as well."""
    points_ND, payload_NM = blobs(12, num_points=NUM_CLIENTS)
    with SecPCSession(SecPCSettings(colluders=1), timeout_s=6.0) as session:
        stopped: list[int] = []

        def stop(phase: str) -> None:
            if phase == where and not stopped:
                stopped.append(pids_of(session)["client:3"])
                os.kill(stopped[0], signal.SIGSTOP)

        session.on_phase = stop
        found = session.cluster(JOB, points_ND, payload_NM)
        assert "client:3 was silent towards server for 6 s" in session.lost["client:3"]
    assert found.sizes_N[3] == DROPPED
    assert not alive(stopped)


def test_a_client_that_ends_between_jobs_is_replaced() -> None:
    points_ND, payload_NM = blobs(15, num_points=4)
    with SecPCSession() as session:
        session.cluster(job_of(k=2), points_ND, payload_NM)
        first = pids_of(session)
        os.kill(first["client:1"], signal.SIGKILL)
        deadline = time.monotonic() + SOON_S
        while session.group is None or session.group.is_whole:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert session.cluster(job_of(k=2), points_ND, payload_NM).sizes_N.min() > DROPPED
        assert session.lost == {}
    assert not alive(list(first.values()))


def test_plain_links_are_stamped() -> None:
    points_ND, payload_NM = blobs(13, num_points=4)
    with SecPCSession(links="plain", insecure_dev=True) as session:
        found = session.cluster(job_of(k=2), points_ND, payload_NM)
    assert [stamp.split(":")[0] for stamp in found.traffic.insecure] == ["plain TCP"]
