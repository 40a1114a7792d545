"""The second iteration of several starts, after which only the best of each size goes on.

Starts with as many clusters are a group: there is one group if the number of clusters is given, and
one for each candidate if it is left open.

Shape letters: N points, B starts, C columns of all starts, K columns of one start of each group:
the clusters, if there is one group.
"""

from collections import Counter
from collections.abc import Sequence

import torch

from mpc.clustering.distances import centre_distances, distance_tables
from mpc.clustering.inner_products import InnerProducts
from mpc.clustering.restarts import between_squares_of, losses_of
from mpc.engine.context import SharedTensor
from mpc.engine.openings import Masked, masked, multiply, open_batch, open_now, reshaped
from mpc.engine.steps import Steps
from mpc.protocols.argmin import nearest_and_least
from mpc.protocols.comparison import local
from mpc.protocols.lookup import look_up
from mpc.ring.quotient_tables import between_tables


def raced(
    valid_enc_N: SharedTensor,
    inner: InnerProducts[Masked],
    assignment_enc_NC: SharedTensor,
    blocks: Sequence[int],
    meter: Steps,
) -> tuple[SharedTensor, SharedTensor]:
    """Reassign points from every start, and keep the one of each group with least inertia before.

    Parameters
    ----------
    valid_enc_N : SharedTensor, (N,)
        1 for valid points, 0 for rejected ones.
    inner : InnerProducts
    assignment_enc_NC : SharedTensor, (N, C)
    blocks : sequence of int
        Clusters of each start, smaller ones first; a group has at most
        `mpc.jobs.job.MAX_EARLY_STARTS`.
    meter : Steps

    Returns
    -------
    SharedTensor, (N, K)
        The best starts' new assignments, side by side.
    SharedTensor, (N, K)
        Their assignments before.

    Notes
    -----
    All pairs of inertias are compared in the rounds that compare distances: the choice takes one
    round, the last. Inertias have as many bits as distances: `INERTIA_BITS` is `COMPARED_BITS`.

    Cost: one iteration and a round; B_g (B_g - 1) / 2 comparisons and B_g look-ups a group more.
    Leakage: none.
    """
    num_points, groups = len(valid_enc_N.share), Counter(blocks)
    starts = tuple(groups.values())
    counts_enc_C = local(assignment_enc_NC, lambda p: p.sum(0))
    between = between_tables(num_points)
    tables = [*distance_tables(num_points), between.low, between.rest]
    assignment, of_counts = open_batch(masked(assignment_enc_NC), look_up(counts_enc_C, tables))
    products, sqnorms_enc_C = open_now(inner.with_sums_and_sqnorms(assignment))
    sqdist_enc_NC, between_enc_B = open_batch(
        centre_distances(products, sqnorms_enc_C, of_counts[:-2], blocks),
        between_squares_of(sqnorms_enc_C, of_counts[-2:], blocks),
    )
    meter.go_on()
    losses_enc_1B = local(losses_of(between_enc_B, starts), lambda q: q[None])
    after_enc_NC, best_enc_1B = nearest_and_least(
        sqdist_enc_NC, blocks, valid_enc_N, losses_enc_1B, starts
    )
    best_enc_B = local(best_enc_1B, lambda e: e[0].clone())
    if len(groups) > 1:
        best_enc_B = local(best_enc_B, lambda e: e.repeat_interleave(torch.tensor(blocks)))
    after, best = open_batch(masked(after_enc_NC), masked(best_enc_B))
    return _of_best(after, best, groups), _of_best(assignment, best, groups)


def _of_best(assignment: Masked, best: Masked, groups: Counter[int]) -> SharedTensor:
    """Return the columns of the best start of each group; no message.

    `best` has an entry for each start of a single group, or for each column of several.
    """
    if len(groups) == 1:
        ((size, starts),) = groups.items()
        return multiply("nrk,r->nk", reshaped(assignment, (-1, starts, size)), best)
    columns_enc_NC = multiply("ik,k->ik", assignment, best)

    def added(x_NC: torch.Tensor) -> torch.Tensor:
        parts = torch.split(x_NC, [size * starts for size, starts in groups.items()], dim=1)
        by_start = zip(parts, groups.items(), strict=True)
        return torch.cat([p.reshape(-1, starts, size).sum(1) for p, (size, starts) in by_start], 1)

    return local(columns_enc_NC, added)
