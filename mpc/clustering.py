"""The clustering itself, from secret-shared points to each point's secret-shared group sum.

Shape letters: N points, K clusters, D dimensions of a point, M of a payload.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from mpc._crypten import from_share
from mpc.compare import local, one_hot_min
from mpc.distance import gram_matrix
from mpc.errors import FrameError
from mpc.jobs import K_CANDIDATES_MAX, ClusterJob
from mpc.kmeans import (
    averaging_groups,
    centre_distances,
    farthest_first,
    group_sums,
    members_and_agreement,
    members_of,
    rows_as_centres,
    start_distances,
)
from mpc.meter import Steps
from mpc.norms import distances_of_kept, kept_points, replace_left_out
from mpc.provider import TruncationSource
from mpc.reveal import DISTANCES, EVALUATION, LABELS, OWN_MEAN, UNCHANGED, Opener


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
    door: Opener,
    meter: Steps,
    source: TruncationSource,
    decide: Callable[[], Decision],
) -> Clustering:
    """Cluster the points within the bound, and open to each owner its own group's sum and size.

    Parameters
    ----------
    job : ClusterJob
    points_enc_ND : MPCTensor, (N, D)
        Ring integers with `POINT_BITS` fractional bits.
    payload_enc_NM : MPCTensor, (N, M)
        Ring integers with `PAYLOAD_BITS` fractional bits.
    door : Opener
        Opens what the job's policy allows.
    meter : Steps
        Surrounds each step.
    source : TruncationSource
    decide : callable
        Waits for the server's decision; called under policy `distances` only.

    Returns
    -------
    Clustering

    Notes
    -----
    A point over the bound counts nowhere, and its owner gets sum 0 and size 0; see `mpc.norms`.

    Cost in rounds, A_N and A_K being those of an argmin over N and over K (`one_hot_min`), the rest
    as in `mpc.kmeans`:

    - distances and norms: 1 + R_lt(64), and 2 more under `distances`, else 4;
    - start: (k - 1) A_N + (k - 2) (2 + R_lt(40)); none with `init_rows` or under `distances`;
    - first iteration: 2 + A_K (a round less with `init_rows`); later ones: 10 + A_K, or 8 + A_K
      under `assignments`, where counts are secret although labels are not;
    - means: 4, or 2 with a minimum size of 1.

    This is while look-ups of counts pay (`mpc.lookup`), up to N of a thousand for the norms and of
    all N for the rest. With two parties, N = 20 and k = 5: 6 + 17 + 4 + 12 a later iteration + 4.

    Leakage: what the ledger says. Rounds and bytes depend on the job, N, D, M and the number of
    iterations, never on who is left out; see `mpc.norms` for what can be inferred.
    """
    with meter.step("distances"):
        gram_enc_NN = gram_matrix(points_enc_ND)
    with meter.step("norms"):
        kept_enc_N = kept_points(gram_enc_NN, points_enc_ND.size(1))
        if job.reveal == "distances":
            dist_enc_NN = distances_of_kept(gram_enc_NN, kept_enc_N)
        else:
            gram_enc_NN = replace_left_out(gram_enc_NN, kept_enc_N)
    if job.reveal == "distances":
        with meter.step("assignments"):
            found = _decided_by_server(job, door, dist_enc_NN, kept_enc_N, decide)
    else:
        found = _lloyd(job, door, meter, source, gram_enc_NN, kept_enc_N)
    if job.evaluate:
        _reveal_to_evaluator(door, found.onehot_NK)
    with meter.step("means"):
        groups_enc_NN = averaging_groups(found.members_enc_NK, job.min_cluster_size)
        sums_enc = group_sums(groups_enc_NN, payload_enc_NM)
    door.reveal(sums_enc, OWN_MEAN, why="own mean, one row each")
    return Clustering(k=found.k, iterations=found.iterations, labels=_public_labels(found))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Assignments:
    """Where Lloyd's iteration, or the server, put the points."""

    onehot_NK: Any
    """Secret-shared, or a public tensor where the policy opens labels."""
    members_enc_NK: Any
    """The same, with zero rows for left-out points."""
    k: int
    iterations: int


def _lloyd(
    job: ClusterJob,
    door: Opener,
    meter: Steps,
    source: TruncationSource,
    gram_enc_NN: Any,
    kept_enc_N: Any,
) -> _Assignments:
    """Iterate until nothing changes or the limit is reached.

    The first iteration is not compared with the start, which is no assignment: with more points
    than clusters they always differ, unless points are left out, which must not show.
    """
    k = job.k or 1
    with meter.step("start"):
        start_NK = (
            farthest_first(gram_enc_NN, k)
            if job.init_rows is None
            else rows_as_centres(job.init_rows, gram_enc_NN.size(0))
        )
    with meter.step("iteration 1"):
        onehot_NK = _assign(job, door, start_distances(gram_enc_NN, start_NK), 1)
        members_enc_NK = members_of(onehot_NK, kept_enc_N)
    done, unchanged = 1, False
    while done < job.iterations and not unchanged:
        done += 1
        with meter.step(f"iteration {done}"):
            dist_enc_NK = centre_distances(gram_enc_NN, members_enc_NK, source)
            before_NK, onehot_NK = onehot_NK, _assign(job, door, dist_enc_NK, done)
            if _is_secret(onehot_NK):
                members_enc_NK, same_enc_1 = members_and_agreement(
                    onehot_NK, members_enc_NK, kept_enc_N
                )
                unchanged = _open_unchanged(door, same_enc_1, done)
            else:
                members_enc_NK = members_of(onehot_NK, kept_enc_N)
                unchanged = bool(torch.equal(onehot_NK, before_NK))
    return _Assignments(onehot_NK=onehot_NK, members_enc_NK=members_enc_NK, k=k, iterations=done)


def _assign(job: ClusterJob, door: Opener, dist_enc_NK: Any, iteration: int) -> Any:
    """Assign every point to the nearest centre; public under policy `assignments`."""
    onehot_enc_NK = one_hot_min(dist_enc_NK)
    if job.reveal != "assignments":
        return onehot_enc_NK
    opened = door.reveal(onehot_enc_NK, LABELS, why=f"iteration {iteration}: policy assignments")
    return torch.from_numpy(opened)


def _open_unchanged(door: Opener, same_enc_1: Any, iteration: int) -> bool:
    opened = door.reveal(same_enc_1, UNCHANGED, why=f"iteration {iteration}: when to stop")
    return opened is not None and bool(opened[0])


def _decided_by_server(
    job: ClusterJob,
    door: Opener,
    dist_enc_NN: Any,
    kept_enc_N: Any,
    decide: Callable[[], Decision],
) -> _Assignments:
    """Open distances to the server and take labels and k from it.

    When the server chooses k there are columns for all that it may choose, so that what follows
    needs the same randomness whatever it chooses.
    """
    door.reveal(dist_enc_NN, DISTANCES, why="the server chooses k and the labels")
    decision = decide()
    columns = job.k or K_CANDIDATES_MAX
    if not all(0 <= label < columns for label in decision.labels):
        raise FrameError(f"the server sent a label outside 0 .. {columns - 1}")
    labels = torch.tensor(decision.labels, dtype=torch.int64)
    onehot_NK = torch.eye(columns, dtype=torch.int64)[labels]
    return _Assignments(
        onehot_NK=onehot_NK,
        members_enc_NK=members_of(onehot_NK, kept_enc_N),
        k=decision.k,
        iterations=decision.iterations,
    )


def _public_labels(found: _Assignments) -> tuple[int, ...] | None:
    if _is_secret(found.onehot_NK):
        return None
    return tuple(found.onehot_NK.argmax(1).tolist())


def _reveal_to_evaluator(door: Opener, onehot_NK: Any) -> None:
    if not _is_secret(onehot_NK):
        zeros = torch.zeros(tuple(onehot_NK.shape), dtype=torch.int64)
        onehot_NK = from_share(zeros) + onehot_NK
    clusters = torch.arange(onehot_NK.size(1), dtype=torch.int64)
    labels_enc_N = local(onehot_NK, lambda s: (s * clusters).sum(1))
    door.reveal(labels_enc_N, EVALUATION, why="simulation: compared with truth")


def _is_secret(assignments: Any) -> bool:
    return not isinstance(assignments, torch.Tensor)
