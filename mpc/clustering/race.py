"""The second iteration of several starts, after which only the best goes on.

Shape letters: N points, K clusters, B starts, C = B K columns.
"""

from collections.abc import Sequence

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
    """Reassign points from every start, and keep the start with least inertia before it.

    Parameters
    ----------
    valid_enc_N : SharedTensor, (N,)
        1 for valid points, 0 for rejected ones.
    inner : InnerProducts
    assignment_enc_NC : SharedTensor, (N, C)
    blocks : sequence of int
        B times K, with B at most `mpc.jobs.job.MAX_EARLY_STARTS`.
    meter : Steps

    Returns
    -------
    SharedTensor, (N, K)
        The best start's new assignment.
    SharedTensor, (N, K)
        Its assignment before.

    Notes
    -----
    All pairs of inertias are compared in the rounds that compare distances: the choice takes one
    round, the last. Inertias have as many bits as distances: `INERTIA_BITS` is `COMPARED_BITS`.

    Cost: one iteration and a round; B (B - 1) / 2 comparisons and B look-ups more. Leakage: none.
    """
    num_points = len(valid_enc_N.share)
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
    losses_enc_1B = local(losses_of(between_enc_B), lambda q: q[None])
    after_enc_NC, best_enc_1B = nearest_and_least(sqdist_enc_NC, blocks, valid_enc_N, losses_enc_1B)
    after, best = open_batch(
        masked(after_enc_NC), masked(local(best_enc_1B, lambda e: e[0].clone()))
    )
    shape = (num_points, len(blocks), blocks[0])
    return (
        multiply("nrk,r->nk", reshaped(after, shape), best),
        multiply("nrk,r->nk", reshaped(assignment, shape), best),
    )
