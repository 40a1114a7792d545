"""Clustering in shards: the twin's clusters for any parties, and what fails is named.

Whoever computes, the labels, means and sizes are those of the same two levels in the clear.
"""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mpc import ClusterJob, ClusterResult, PlainSession, SecureSession, cluster_in_shards
from mpc.errors import InputError, MpcError, OwnerError
from mpc.jobs.shard_plan import planned_shards
from mpc.jobs.sharding import HAND_BACK, JOIN, REASSIGN, SECOND_LEVEL
from mpc.ring.fixedpoint import FloatArray, Int64Array
from mpc.session.session import open_session
from mpc.session.sharded import _Run
from tests.mpc import saboteur
from tests.mpc.saboteur import sabotage

JOB = ClusterJob(k=4, init="k-means++", restarts=2, iterations=6, seed=1)
SIZE = 30


def rows(seed: int, n: int = 84, spread: float = 0.3) -> tuple[FloatArray, FloatArray, Int64Array]:
    """Return points in four clusters, payloads, and each point's cluster."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 4, size=n)
    points = 3 * np.eye(4, 6)[truth] + spread * rng.normal(size=(n, 6))
    return points, rng.normal(size=(n, 3)), truth


def assert_same(found: ClusterResult, twin: ClusterResult) -> None:
    assert np.array_equal(found.sizes_N, twin.sizes_N)
    assert np.array_equal(found.means_NM, twin.means_NM, equal_nan=True)
    assert found.iterations == twin.iterations
    assert found.k == twin.k


def test_every_owner_receives_the_mean_of_its_cluster_of_all_shards(
    session: PlainSession | SecureSession,
) -> None:
    points, payload, truth = rows(7)
    result = cluster_in_shards(session, JOB, points, payload, shard_size=SIZE)
    for cluster in range(4):
        inside = truth == cluster
        assert np.array_equal(result.sizes_N[inside], np.full(inside.sum(), inside.sum()))
        assert np.allclose(result.means_NM[inside], payload[inside].mean(axis=0), atol=1e-5)


@pytest.mark.parametrize(
    ("change", "options"),
    [
        ({}, {"shard_k": 5}),
        ({"centre": False}, {}),
        ({"init": "farthest-first", "restarts": 1}, {}),
        ({"init": "random", "restarts": 5}, {}),
        ({"min_cluster_size": 1}, {}),
        ({"k": 1}, {"shard_k": 3}),
        ({"k": 2, "final_restarts": 1}, {}),
        ({"k": 3, "final_iterations": 1}, {}),
        ({"point_reassignments": 0}, {}),
        ({"point_reassignments": 1, "min_cluster_size": 1}, {}),
        ({"k": 5, "point_reassignments": 4}, {"shard_k": 4}),
    ],
    ids=str,
)
def test_results_are_the_twin_s(
    secure_session: SecureSession, change: dict[str, Any], options: dict[str, Any]
) -> None:
    points, payload, _ = rows(8)
    job = replace(JOB, **change)
    results = [
        cluster_in_shards(each, job, points, payload, shard_size=SIZE, **options)
        for each in (secure_session, PlainSession())
    ]
    assert_same(*results)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_random_jobs_are_the_twin_s(secure_session: SecureSession, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, d, k = int(rng.integers(60, 140)), int(rng.integers(2, 20)), int(rng.integers(2, 6))
    points = rng.normal(size=(k, d))[rng.integers(0, k, size=n)] * 6 + rng.normal(size=(n, d))
    payload = rng.normal(size=(n, int(rng.integers(1, 5))))
    owners = rng.integers(0, 40, size=n).tolist() if seed % 2 else None
    job = ClusterJob(
        k=k,
        init="k-means++",
        restarts=int(rng.integers(1, 3)),
        iterations=int(rng.integers(2, 7)),
        seed=seed,
        min_cluster_size=int(rng.integers(1, 30)),
        final_restarts=int(rng.integers(1, 5)),
        point_reassignments=int(rng.integers(0, 4)),
    )
    size = int(rng.integers(25, 45))
    results = [
        cluster_in_shards(each, job, points, payload, owners, shard_size=size)
        for each in (secure_session, PlainSession())
    ]
    assert_same(*results)


@pytest.mark.slow
def test_more_points_than_weights_are_the_twin_s() -> None:
    """With more points than a job holds, weights are multiples of sizes, rounded."""
    rng = np.random.default_rng(2)
    points, payload = rng.uniform(size=(9000, 3)), rng.normal(size=(9000, 2))
    owners = (np.arange(9000) % 300).tolist()
    job = ClusterJob(k=4, init="k-means++", iterations=3, final_restarts=2)
    with open_session(2) as session:
        results = [
            cluster_in_shards(each, job, points, payload, owners, shard_size=1500)
            for each in (session, PlainSession())
        ]
    assert_same(*results)


def test_too_few_owners_of_all_shards_and_rejected_points(
    session: PlainSession | SecureSession,
) -> None:
    """Owners with several rows are counted once, in whatever shard they are."""
    points, payload, _ = rows(9)
    truth = np.arange(84) % 4
    points = 3 * np.eye(4, 6)[truth] + 0.01 * points
    owners = [200 + row % 2 if truth[row] == 3 else row for row in range(84)]
    points[0] = 40.0
    job = replace(JOB, norm_bound=8.0, value_bound=64.0, min_cluster_size=3)
    result = cluster_in_shards(session, job, points, payload, owners, shard_size=34)
    assert result.rejected_N.tolist() == [row == 0 for row in range(84)]
    assert np.array_equal(result.too_small_N, truth == 3)
    inside = (truth == 0) & ~result.rejected_N
    assert set(result.sizes_N[inside]) == {inside.sum()}


def test_rows_at_the_border_go_to_the_nearest_centre(
    session: PlainSession | SecureSession,
) -> None:
    """On a plane without clusters, a cluster of a shard is no good unit."""
    rng = np.random.default_rng(3)
    points = rng.uniform(size=(120, 2))

    def inertia(again: int) -> float:
        job = replace(JOB, point_reassignments=again)
        result = cluster_in_shards(session, job, points, points, shard_size=SIZE)
        return float(((points - result.means_NM) ** 2).sum())

    assert inertia(2) <= inertia(1) < 0.97 * inertia(0)


def test_an_empty_cluster_stays_empty(session: PlainSession | SecureSession) -> None:
    """Two places for three clusters: the centre of the third has no weight."""
    points = np.repeat(np.eye(2), 30, axis=0)
    job = replace(JOB, k=3, min_cluster_size=1)
    result = cluster_in_shards(session, job, points, points, shard_size=SIZE, shard_k=3)
    assert np.array_equal(result.sizes_N, np.full(60, 30))
    assert np.allclose(result.means_NM, points, atol=1e-5)


def test_what_is_opened_is_in_the_ledger_and_nothing_else(secure_session: SecureSession) -> None:
    points, payload, _ = rows(10)
    job = replace(JOB, label="all")
    result = cluster_in_shards(secure_session, job, points, payload, shard_size=SIZE)
    bit = ("parties and server", "one bit: assignments unchanged")
    own = ("each client", "own cluster's sum and size")
    assert {(entry.to, entry.what) for entry in result.ledger} == {bit, own}
    assert {entry.policy for entry in result.ledger} == {"own-mean"}
    at = [entry.job for entry in result.ledger if (entry.to, entry.what) == bit]
    stages = ["all, shard 1 of 3", "all, shard 2 of 3", "all, shard 3 of 3", "all, second level"]
    assert list(dict.fromkeys(at)) == stages
    given = [entry for entry in result.ledger if (entry.to, entry.what) == own]
    assert [entry.job for entry in given] == ["all, second level"] * 3
    assert [entry.shape for entry in given] == [(28, 4)] * 3
    assert list(result.ledger[-3:]) == given


def test_many_owners_hang_up_after_their_shard_and_come_back(
    secure_session: SecureSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A party has few descriptors open, whatever the number of shards."""
    monkeypatch.setattr("mpc.session.sharded.MOST_CONNECTED", 10)
    points, payload, _ = rows(11)
    descriptors = Path(f"/proc/{secure_session.pids['party:0']}/fd")
    before = len(list(descriptors.iterdir()))
    found = cluster_in_shards(secure_session, JOB, points, payload, shard_size=SIZE)
    assert_same(found, cluster_in_shards(PlainSession(), JOB, points, payload, shard_size=SIZE))
    assert not {f"client:{row}" for row in range(84)} & set(secure_session.present())
    assert len(list(descriptors.iterdir())) < before + 42
    assert len(found.traffic.bytes_of("client:")) <= 6  # the busiest of each job


def test_absent_owners_keep_nobody_else_from_a_result(secure_session: SecureSession) -> None:
    points, payload, _ = rows(12)
    job, shards = planned_shards(JOB, points, payload, None, shard_size=SIZE)
    run = _Run(secure_session, job, hangs_up=True)
    for shard in shards:
        run.cluster(shard, points, payload)
    run.second_level()
    for _ in range(job.point_reassignments):
        run.reassign(shards)
    name, held = next(iter(shards[0].owner_names.items()))
    owner = secure_session.owners([name])[name]
    with secure_session.numbered() as number:
        replies = run._asked({"do": HAND_BACK, "shard": 1}, number)
    assert [reply["undelivered"] for reply in replies] == [{}] * secure_session.num_parties
    deadline = time.monotonic() + 60
    sums = owner.receive(
        (1, 4), job=run._numbers[1], wait=lambda link: secure_session.wait_readable(link, deadline)
    )
    twin = cluster_in_shards(PlainSession(), JOB, points, payload, shard_size=SIZE)
    assert sums[0, -1] == twin.sizes_N[held[0]]


def test_an_owner_that_fails_is_named_with_its_shard(secure_session: SecureSession) -> None:
    points, payload, _ = rows(13)
    _, shards = planned_shards(JOB, points, payload, None, shard_size=SIZE)
    failing = next(iter(shards[1].owner_names))
    sabotage(secure_session, failing, saboteur.hanging_up)
    with pytest.raises(OwnerError, match=f"shard 2 of 3: data owners failed.*{failing}"):
        cluster_in_shards(secure_session, JOB, points, payload, shard_size=SIZE)
    again = cluster_in_shards(secure_session, JOB, points, payload, shard_size=SIZE)
    assert_same(again, cluster_in_shards(PlainSession(), JOB, points, payload, shard_size=SIZE))


@pytest.mark.slow
@pytest.mark.parametrize("before", ["second_level", "reassign", "hand_back"])
def test_a_party_that_dies_after_the_shards_is_named(
    monkeypatch: pytest.MonkeyPatch, before: str
) -> None:
    points, payload, _ = rows(14)
    go_on: Callable[..., None] = getattr(_Run, before)
    with open_session(2) as session:

        def dying(run: _Run, *given: object) -> None:
            os.kill(session.pids["party:1"], signal.SIGKILL)
            go_on(run, *given)

        monkeypatch.setattr(_Run, before, dying)
        with pytest.raises(MpcError, match="party:1"):
            cluster_in_shards(session, JOB, points, payload, shard_size=SIZE)
        with pytest.raises(MpcError, match="cannot be used"):
            session.cluster(ClusterJob(k=2), points, payload)


OUT_OF_TURN: dict[str, tuple[dict[str, object], str]] = {
    "a second level without shards": ({"do": SECOND_LEVEL}, "second level, but 0 shards are kept"),
    "results without a second level": ({"do": HAND_BACK, "shard": 1}, "results of shard 1, but"),
    "results of no shard": ({"do": HAND_BACK, "shard": "1"}, "results of no shard"),
    "a reassignment without shards": (
        {"do": REASSIGN, "shard": 1},
        "asked to reassign shard 1, but 0 of 0 are reassigned",
    ),
    "nothing to join": ({"do": JOIN}, "asked to join shards, but 0 of 0 are reassigned"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OUT_OF_TURN)
def test_parties_refuse_what_is_out_of_turn(name: str) -> None:
    message, words = OUT_OF_TURN[name]
    points, payload, _ = rows(15)
    with open_session(2) as session:
        run = _Run(session, replace(JOB, shards=2, final_k=2), hangs_up=False)
        with pytest.raises(MpcError, match=words), session.numbered() as number:
            run._asked(message, number)


ALL: list[dict[str, object]] = [{"do": REASSIGN, "shard": shard} for shard in (1, 2, 3)]
AFTER_THE_SECOND_LEVEL: dict[str, tuple[list[dict[str, object]], str]] = {
    "second level": ([{"do": SECOND_LEVEL}], "a second level, but 3 shards are kept"),
    "results": ([{"do": HAND_BACK, "shard": 1}], "results of shard 1, but none are kept"),
    "join": ([{"do": JOIN}], "to join shards, but 0 of 3 are reassigned"),
    "second first": ([{"do": REASSIGN, "shard": 2}], "reassign shard 2, but 0 of 3"),
    "first again": ([{"do": REASSIGN, "shard": 1}] * 2, "reassign shard 1, but 1 of 3"),
    "one too few": ([{"do": REASSIGN, "shard": 1}, {"do": JOIN}], "but 1 of 3 are reassigned"),
    "no such shard": (
        [*ALL, {"do": REASSIGN, "shard": 4}],
        "reassign shard 4, but 3 of 3",
    ),
    "once too often": (
        [*ALL, {"do": JOIN}, *ALL, {"do": JOIN}, *ALL],
        "reassign shard 1, but 0 of 3",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", AFTER_THE_SECOND_LEVEL)
def test_parties_refuse_a_reassignment_that_does_not_follow(name: str) -> None:
    orders, words = AFTER_THE_SECOND_LEVEL[name]
    points, payload, _ = rows(15)
    job, shards = planned_shards(JOB, points, payload, None, shard_size=SIZE)
    with open_session(2) as session:
        run = _Run(session, job, hangs_up=False)
        for shard in shards:
            run.cluster(shard, points, payload)
        run.second_level()

        def ask() -> None:
            for order in orders:
                with session.numbered() as number:
                    run._asked(order, number)

        with pytest.raises(MpcError, match=words):
            ask()


@pytest.mark.slow
def test_results_are_handed_back_once() -> None:
    points, payload, _ = rows(15)
    with open_session(2) as session:
        cluster_in_shards(session, JOB, points, payload, shard_size=SIZE)
        run = _Run(session, replace(JOB, shards=2, final_k=2), hangs_up=False)
        with pytest.raises(MpcError, match="but none are kept"), session.numbered() as number:
            run._asked({"do": HAND_BACK, "shard": 1}, number)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "owners", "words"),
    [
        ({"shard": 3}, 100, "the server sent shard 3, but 1 are kept"),
        ({"shard": 2, "final_k": 3}, 100, "a shard 2 of another clustering"),
        ({"shard": 2}, 0, "sent client:0 in shards 1 and 2"),
    ],
)
def test_parties_refuse_a_shard_that_does_not_follow(
    change: dict[str, int], owners: int, words: str
) -> None:
    """An owner in two shards would be counted as two."""
    points, payload, _ = rows(16, n=20)
    job = replace(JOB, shards=3, final_k=4, norm_bound=8.0, value_bound=8.0, payload_bound=8.0)
    with open_session(2) as session:
        session.cluster(job, points, payload)
        with pytest.raises(MpcError, match=words):
            session.cluster(
                replace(job, **change),  # type: ignore[arg-type]
                points,
                payload,
                [owners + row for row in range(20)],
            )


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        ({"reveal": "assignments"}, {}, "reveal='assignments' but a shard has"),
        ({"evaluate": True}, {}, "evaluate=True but a shard has"),
        ({"standardize": True}, {}, "standardize=True but a shard has"),
        ({"start": "warm"}, {}, "start='warm' but a shard has"),
        ({"init_rows": (0, 1, 2, 3), "restarts": 1}, {}, "init_rows"),
        ({"k": None, "init": "random"}, {}, "needs a job with k given"),
        ({}, {"shard_size": 0}, "shard_size=0 but a shard has 1 to 8191"),
        ({}, {"shard_size": 9000}, "shard_size=9000 but a shard has 1 to 8191"),
        ({}, {"shard_size": 84}, "84 points fit one shard of 84"),
        ({}, {"shard_k": 29}, "shard_k=29 but a shard has only 28"),
        ({"norm_bound": 1e-9}, {}, "value_bound is"),
        ({"value_bound": 0.01}, {}, "over the public bound value_bound"),
        ({"payload_bound": 0.01}, {}, "over the public bound payload_bound"),
    ],
    ids=str,
)
def test_bad_input_is_refused_before_anything_is_shared(
    session: PlainSession | SecureSession,
    change: dict[str, Any],
    options: dict[str, Any],
    words: str,
) -> None:
    points, payload, _ = rows(17)
    with pytest.raises(InputError, match=words):
        cluster_in_shards(
            session,
            replace(JOB, **change),
            points,
            payload,
            **{"shard_size": SIZE, **options},
        )


def test_numbers_that_are_none_are_refused_in_the_last_shard_too(
    session: PlainSession | SecureSession,
) -> None:
    points, payload, _ = rows(18)
    for row in (0, 40, 83):
        broken = points.copy()
        broken[row, 1] = np.nan
        with pytest.raises(InputError, match="NaN or infinity"):
            cluster_in_shards(session, JOB, broken, payload, shard_size=SIZE)
