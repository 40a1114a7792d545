"""The clustering itself, from secret-shared points to each point's secret-shared group sum.

Shape letters: N points, K clusters, D dimensions of a point, M of a payload.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from mpc._crypten import from_share
from mpc.compare import local, one_hot_min
from mpc.distance import gram_matrix, squared_distances
from mpc.jobs import ClusterJob
from mpc.kmeans import (
    agreement,
    averaging_groups,
    centre_distances,
    farthest_first,
    group_sums,
    rows_as_centres,
)
from mpc.meter import Meter
from mpc.provider import TruncationSource
from mpc.reveal import DISTANCES, EVALUATION, LABELS, OWN_MEAN, UNCHANGED, Door


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What the server chose from opened distances, under policy `distances`."""

    labels: tuple[int, ...]
    k: int
    iterations: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Clustering:
    """What a job's clustering makes public."""

    k: int
    iterations: int
    labels: tuple[int, ...] | None
    """None when the policy keeps them secret."""


def cluster_shares(
    job: ClusterJob,
    points_enc_ND: Any,
    payload_enc_NM: Any,
    *,
    door: Door,
    meter: Meter,
    source: TruncationSource,
    decide: Callable[[], Decision],
) -> Clustering:
    """Cluster, and open to each owner its own group's sum and size.

    Parameters
    ----------
    job : ClusterJob
    points_enc_ND : MPCTensor, (N, D)
        Ring integers with `POINT_BITS` fractional bits.
    payload_enc_NM : MPCTensor, (N, M)
        Ring integers with `PAYLOAD_BITS` fractional bits.
    door : Door
        Opens what the job's policy allows.
    meter : Meter
        Counts each step.
    source : TruncationSource
    decide : callable
        Waits for the server's decision; called under policy `distances` only.

    Returns
    -------
    Clustering
    """
    with meter.step("distances"):
        gram_enc_NN = gram_matrix(points_enc_ND)
    if job.reveal == "distances":
        with meter.step("assignments"):
            onehot_NK, k, iterations = _decided_by_server(door, gram_enc_NN, decide)
    else:
        onehot_NK, k, iterations = _lloyd(job, door, meter, source, gram_enc_NN)
    if job.evaluate:
        _reveal_to_evaluator(door, onehot_NK)
    with meter.step("means"):
        groups_NN = averaging_groups(onehot_NK, job.min_cluster_size)
        sums_enc = group_sums(groups_NN, payload_enc_NM)
    door.reveal(sums_enc, OWN_MEAN, why="own mean, one row each")
    labels = None if _is_secret(onehot_NK) else tuple(onehot_NK.argmax(1).tolist())
    return Clustering(k=k, iterations=iterations, labels=labels)


def _lloyd(
    job: ClusterJob, door: Door, meter: Meter, source: TruncationSource, gram_enc_NN: Any
) -> tuple[Any, int, int]:
    """Iterate until nothing changes or the limit is reached; return assignments, k, iterations."""
    k = job.k or 1
    with meter.step("start"):
        onehot_NK = (
            farthest_first(gram_enc_NN, k)
            if job.init_rows is None
            else rows_as_centres(job.init_rows, gram_enc_NN.size(0))
        )
    for done in range(1, job.iterations + 1):
        with meter.step(f"iteration {done}"):
            dist_enc_NK = centre_distances(gram_enc_NN, onehot_NK, source)
            previous_NK, onehot_NK = onehot_NK, one_hot_min(dist_enc_NK)
            if job.reveal == "assignments":
                onehot_NK = _open_assignments(door, onehot_NK, done)
            if _unchanged(door, onehot_NK, previous_NK, done):
                break
    return onehot_NK, k, done


def _open_assignments(door: Door, onehot_enc_NK: Any, iteration: int) -> torch.Tensor:
    why = f"iteration {iteration}: later distances need no interaction"
    opened = door.reveal(onehot_enc_NK, LABELS, why=why)
    return torch.from_numpy(opened)


def _unchanged(door: Door, onehot_NK: Any, previous_NK: Any, iteration: int) -> bool:
    if not _is_secret(onehot_NK) and not _is_secret(previous_NK):
        return bool(torch.equal(onehot_NK, previous_NK))
    secret, other = (onehot_NK, previous_NK) if _is_secret(onehot_NK) else (previous_NK, onehot_NK)
    same = agreement(secret, other)
    opened = door.reveal(same, UNCHANGED, why=f"iteration {iteration}: when to stop")
    return opened is not None and bool(opened[0])


def _decided_by_server(
    door: Door, gram_enc_NN: Any, decide: Callable[[], Decision]
) -> tuple[torch.Tensor, int, int]:
    """Open all distances to the server and take labels and k from it."""
    distances = squared_distances(gram_enc_NN)
    door.reveal(distances, DISTANCES, why="the server chooses k and the labels")
    decision = decide()
    labels = torch.tensor(decision.labels, dtype=torch.int64)
    onehot_NK = torch.eye(decision.k, dtype=torch.int64)[labels]
    return onehot_NK, decision.k, decision.iterations


def _reveal_to_evaluator(door: Door, onehot_NK: Any) -> None:
    if not _is_secret(onehot_NK):
        zeros = torch.zeros(tuple(onehot_NK.shape), dtype=torch.int64)
        onehot_NK = from_share(zeros) + onehot_NK
    clusters = torch.arange(onehot_NK.size(1), dtype=torch.int64)
    labels_enc_N = local(onehot_NK, lambda s: (s * clusters).sum(1))
    door.reveal(labels_enc_N, EVALUATION, why="simulation: compared with truth")


def _is_secret(assignments: Any) -> bool:
    return not isinstance(assignments, torch.Tensor)
