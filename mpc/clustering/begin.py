"""Where a job's iterations begin: at first centres, at the kept assignment, or at both.

Shape letters: N points, K clusters, C columns of all blocks.
"""

from dataclasses import dataclass, field

import torch

from mpc.clustering.distances import centre_distances, comparable
from mpc.clustering.gram_points import GramPoints, kept_of_valid, needed, rows_of_valid, warm_start
from mpc.clustering.inner_products import GramInnerProducts, InnerProducts
from mpc.clustering.leaders import leaders
from mpc.clustering.lloyd import WarmStart
from mpc.engine.context import SharedTensor
from mpc.engine.openings import Masked, batch, masked, multiply, open_batch, open_now
from mpc.engine.steps import Steps
from mpc.jobs.job import ClusterJob
from mpc.protocols.comparison import local
from mpc.ring.fixedpoint import FAR_CENTRE, GRAM_BITS
from mpc.ring.public_draws import public_orders, public_rows


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Begun:
    """All that the first iteration needs."""

    valid_enc_N: SharedTensor = field(repr=False)
    inner: InnerProducts[Masked]
    start: SharedTensor | WarmStart = field(repr=False)
    """Distances to first centres, (N, C), or an assignment."""
    blocks: tuple[int, ...]
    """Columns of each block."""


def begun_by_gram(job: ClusterJob, points: GramPoints, meter: Steps) -> Begun:
    """Begin at the kept assignment, at fresh centres, or at both, from inner products alone."""
    k = job.k or 1
    if job.start == "warm":
        with meter.step("start"):
            valid, inner, warm = warm_start(points)
        return Begun(valid_enc_N=valid.secret, inner=inner, start=warm, blocks=(k,))
    with meter.step("start"):
        return _at_rows(job, points, k) if job.by_random_rows else _at_leaders(job, points, k)


def _at_rows(job: ClusterJob, points: GramPoints, k: int) -> Begun:
    """Begin at public rows drawn at random; a rejected row stands for the origin.

    Notes
    -----
    Cost: 2 rounds, and two more beside a warm start. Leakage: none.
    """
    num_points = len(points.valid_enc_N.share)
    rows = public_rows(job.seed, num_points, job.restarts, k).reshape(-1)
    valid = open_now(masked(points.valid_enc_N))
    pending, warm = masked(rows_of_valid(points, valid)), None
    if job.start == "both":
        gram, warm = open_batch(pending, kept_of_valid(points, valid))
    else:
        gram = open_now(pending)

    def less_own(inside: torch.Tensor) -> torch.Tensor:
        return inside.diag()[rows] - 2 * inside[:, rows]

    blocks = (k,) * job.restarts
    inside_enc_NN = multiply("ik,k->ik", gram, valid)
    start = comparable(local(inside_enc_NN, less_own), GRAM_BITS, blocks)
    inner = GramInnerProducts(gram)
    if warm is not None:
        start, blocks = beside_warm(inner, warm, start, blocks)
    return Begun(valid_enc_N=valid.secret, inner=inner, start=start, blocks=blocks)


def _at_leaders(job: ClusterJob, points: GramPoints, k: int) -> Begun:
    """Find leaders, and distances to them.

    Notes
    -----
    Cost: one round more than `leaders`, and two more beside a warm start. Leakage: none.
    """
    num_points = len(points.valid_enc_N.share)
    picked_enc_NC, (valid, sqnorms) = leaders(
        multiply("i,id->id", needed(points.bounded), points.gram),
        points.valid_enc_N,
        k,
        public_orders(job.seed, num_points, job.restarts),
        batch(masked(points.valid_enc_N), masked(local(points.gram.secret, torch.diag))),
    )
    pending = batch(masked(picked_enc_NC), masked(rows_of_valid(points, valid)))
    blocks, warm = (k,) * job.restarts, None
    if job.start == "both":
        (picked, gram), warm = open_batch(pending, kept_of_valid(points, valid))
    else:
        picked, gram = open_now(pending)
    inner = GramInnerProducts(gram)
    start = _distances_to(inner, sqnorms, picked, blocks)
    if warm is not None:
        start, blocks = beside_warm(inner, warm, start, blocks)
    return Begun(valid_enc_N=valid.secret, inner=inner, start=start, blocks=blocks)


def _distances_to(
    inner: GramInnerProducts, sqnorms: Masked, picked: Masked, blocks: tuple[int, ...]
) -> SharedTensor:
    """Return distances to points, less each point's own squared norm, as they are compared.

    A column without a point is farther than all others, so its cluster stays empty. No message.
    """
    u_enc_NC = inner.with_sums(picked)
    far = round(FAR_CENTRE * 2.0**GRAM_BITS)
    missing_enc_C = local(picked.secret, lambda p: -p.sum(0)) + 1
    own_enc_C = multiply("i,ik->k", sqnorms, picked) + local(missing_enc_C, lambda m: m * far)
    sqdist_enc_NC = own_enc_C - local(u_enc_NC, lambda u: 2 * u)
    return comparable(sqdist_enc_NC, GRAM_BITS, blocks)


def beside_warm(
    inner: InnerProducts[Masked],
    warm: WarmStart,
    fresh_enc_NC: SharedTensor,
    blocks: tuple[int, ...],
) -> tuple[SharedTensor, tuple[int, ...]]:
    """Put the distances of a warm start before those of fresh ones; two rounds."""
    products, sqnorms_enc_K = open_now(inner.with_sums_and_sqnorms(warm.assignment))
    warm_enc_NK = open_now(centre_distances(products, sqnorms_enc_K, warm.of_counts, blocks[:1]))
    both = torch.cat([warm_enc_NK.share, fresh_enc_NC.share], dim=1)
    return fresh_enc_NC.like(both), (blocks[0], *blocks)
