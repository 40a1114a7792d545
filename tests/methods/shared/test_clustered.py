"""Where the rounds of a federation begin, and that secure rounds are the plain ones."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import numpy as np
import pytest

from mpc import ClusterJob, ClusterResult, PlainSession, open_session
from mpc.jobs.result import Session
from mpc.ring.fixedpoint import FloatArray
from secfpp.config.clustering import ClusteringConfig
from secfpp.experiment.config import RunConfig
from secfpp.methods.interface import Contribution, MethodContext
from secfpp.methods.registry import METHODS, MethodName
from secfpp.methods.shared.clustered import ClusteredExchange
from secfpp.seeds import Seeds

N, D = 20, 16


class Remembering(PlainSession):
    """A plain session that remembers its jobs and results."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs: list[ClusterJob] = []
        self.results: list[ClusterResult] = []

    def cluster(
        self,
        job: ClusterJob,
        points_ND: FloatArray,
        payload_NM: FloatArray,
        owners: Sequence[int] | None = None,
    ) -> ClusterResult:
        self.jobs.append(job)
        self.results.append(super().cluster(job, points_ND, payload_NM, owners))
        return self.results[-1]


def contribution(round_index: int, present: list[int]) -> Contribution:
    rng = np.random.default_rng(round_index)
    centres_KD = np.random.default_rng(99).normal(size=(5, D))
    points_nD = centres_KD[np.array(present) % 5] + 0.3 * rng.normal(size=(len(present), D))
    return Contribution(
        round_index=round_index,
        clients_n=np.array(present),
        num_clients=2 * N + 5,
        descriptor_nD=points_nD / np.linalg.norm(points_nD, axis=1, keepdims=True),
        before_nM=np.zeros((len(present), 3)),
        update_nM=rng.normal(size=(len(present), 3)),
    )


def begun(config: ClusteringConfig, rounds: int, n: int = N) -> Remembering:
    session = Remembering()
    exchange = ClusteredExchange(session=session, clustering=config, label="a run")
    for round_index in range(rounds):
        exchange(contribution(round_index, list(range(n))))
    return session


def test_a_default_federation_begins_fresh_then_warm_and_sometimes_beside() -> None:
    session = begun(ClusteringConfig(), 11)
    starts = ["fresh", *["warm"] * 4, "both", *["warm"] * 4, "both"]
    assert [job.start for job in session.jobs] == starts
    assert [result.start for result in session.results] == starts
    assert [(job.init, job.restarts) for job in session.jobs[:6:5]] == [("random", 64)] * 2
    assert all(
        result.iterations == 1
        for job, result in zip(session.jobs, session.results, strict=True)
        if job.start == "warm"
    )


def test_it_can_always_begin_fresh() -> None:
    assert {job.start for job in begun(ClusteringConfig(warm=False), 6).jobs} == {"fresh"}


def test_with_k_left_open_it_is_chosen_anew_every_few_rounds() -> None:
    session = begun(ClusteringConfig(k=None, fresh_every=3), 7)
    assert [(job.init, job.restarts) for job in session.jobs] == [("random", 32)] * 7
    starts = ["fresh", "warm", "warm", "fresh", "warm", "warm", "fresh"]
    assert [result.start for result in session.results] == starts
    assert {result.k for result in session.results} == {5}


def test_draws_differ_between_rounds() -> None:
    session = begun(ClusteringConfig(fresh_every=2), 5)
    assert len({job.seed for job in session.jobs if job.start != "warm"}) == 3


def test_draws_differ_between_runs_and_are_the_same_in_the_clear() -> None:
    def first_seed(name: MethodName, root: int) -> int:
        session = Remembering()
        method = METHODS[name]
        context = MethodContext(
            settings=RunConfig().settings_of(method),
            seeds=Seeds(root),
            domain_N=np.repeat(np.arange(5), 4),
            open_session=lambda: session,
        )
        exchange = method.begin(context)
        assert isinstance(exchange, ClusteredExchange)
        job = exchange._job(contribution(3, list(range(N))))
        return job.seed - 3

    assert first_seed("secfpp", 1) == first_seed("secfpp-plain", 1)
    assert first_seed("secfpp", 1) != first_seed("secfpp", 2)


@pytest.mark.parametrize(
    ("n", "k", "fresh"),
    [
        (64, 5, ("random", 64)),
        (100, 5, ("random", 40)),
        (129, 5, ("farthest-first", 1)),
        (200, 2, ("random", 64)),
        (32, 7, ("leaders", 4)),
        (33, 7, ("farthest-first", 1)),
        (20, 1, ("random", 1)),
        (25, None, ("random", 32)),
        (40, None, ("farthest-first", 1)),
    ],
)
def test_more_clients_or_clusters_begin_at_fewer_starts(
    n: int, k: int | None, fresh: tuple[str, int]
) -> None:
    session = begun(ClusteringConfig(k=k, fresh_every=1), 2, n=n)
    assert [(job.init, job.restarts) for job in session.jobs] == [fresh] * 2


@pytest.fixture(scope="module")
def secure() -> Iterator[Session]:
    with ExitStack() as stack:
        yield stack.enter_context(open_session(2))


@pytest.mark.slow
@pytest.mark.parametrize("participation", [0.5, 0.9])
def test_participants_change_and_secure_rounds_are_the_plain_ones(
    secure: Session, participation: float
) -> None:
    """With half of the clients, too few are known, and rounds begin fresh."""
    rng = np.random.default_rng(5)
    plain = Remembering()
    sessions: tuple[Session, Session] = (secure, plain)
    exchanges = [
        ClusteredExchange(session=session, clustering=ClusteringConfig(fresh_every=3), label="run")
        for session in sessions
    ]
    for round_index in range(6):
        chosen = rng.choice(N, size=round(participation * N), replace=False)
        given = contribution(round_index, sorted(chosen.tolist()))
        found, twin = (exchange(given) for exchange in exchanges)
        assert found.labels_n is not None
        assert twin.labels_n is not None
        assert np.array_equal(found.labels_n, twin.labels_n)
        assert np.array_equal(found.update_rM, twin.update_rM)
    begun_warm = [result.start for result in plain.results].count("warm")
    assert begun_warm == (4 if participation == 0.9 else 0)
