"""Lloyd's iteration until nothing changes, with secret or opened assignments.

Columns are in independent blocks: one for each start, or one for each candidate for k.

Shape letters: N points, K clusters, C columns of all blocks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import torch

from mpc.clustering.distances import centre_distances, look_up_counts, moved
from mpc.clustering.inner_products import InnerProducts, Points
from mpc.engine.context import SharedTensor
from mpc.engine.openings import (
    DeferredOpening,
    Masked,
    masked,
    open_batch,
    open_now,
    resolved,
)
from mpc.engine.reveal import LABELS, UNCHANGED, Revealer
from mpc.engine.steps import Steps
from mpc.protocols.argmin import nearest
from mpc.protocols.comparison import local
from mpc.protocols.lookup import equals_zero
from mpc.ring.fixedpoint import Int64Array


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Found:
    """Assignment of the points after the last iteration."""

    assignment_enc_NK: SharedTensor = field(repr=False)
    """One-hot in every block for a valid point, zero for a rejected one."""
    k: int
    iterations: int
    """Reassignments done; the last changed nothing, unless the limit was reached."""
    labels: tuple[int, ...] | None = None
    """Opened labels; None if they are secret."""

    def labelled(self, labels: Int64Array | None) -> Self:
        """Return a copy with opened labels."""
        return self if labels is None else replace(self, labels=tuple(labels.tolist()))


def lloyd_secret_labels(
    points: Points,
    inner: InnerProducts[Masked],
    sqdist_enc_NC: SharedTensor,
    blocks: Sequence[int],
    limit: int,
    revealer: Revealer,
    meter: Steps,
) -> Found:
    """Iterate with secret assignments until no block changes, or the limit is reached.

    Parameters
    ----------
    points : Points
    inner : InnerProducts
    sqdist_enc_NC : SharedTensor, (N, C)
        Distances to the first centres, `COMPARED_FRACTION` fractional bits.
    blocks : sequence of int
        Columns of each block.
    limit : int
        Most reassignments.
    revealer, meter

    Notes
    -----
    The test whether an iteration changed anything runs during the next iteration, in rounds that it
    needs anyway. A job that ends this way has thus begun one more iteration. The first iteration is
    not compared with the start, which is not an assignment. With more points than clusters they
    always differ, unless points are rejected, which must stay secret.

    Cost: the first iteration is one of `nearest`; a later one is three rounds more, 5 in all by
    `fss` and 6 by `lut`, and three rounds of one to find that nothing changed. Leakage: one bit an
    iteration, from the third on.
    """
    with meter.step("iteration 1"):
        meter.go_on()
        assignment_enc_NC = nearest(sqdist_enc_NC, blocks, points.valid)
    done, before = 1, None
    while done < limit:
        with meter.step(f"iteration {done + 1}"):
            assignment, of_counts = open_batch(
                masked(assignment_enc_NC),
                look_up_counts(_counts(assignment_enc_NC), points.num_points),
            )
            same = _unchanged(assignment, before, len(blocks))
            (products, sqnorms_enc_C), same_enc = open_batch(
                inner.with_sums_and_sqnorms(assignment), same
            )
            bit = _opened(revealer, same_enc, done)
            sqdist_enc_NC, unchanged = open_batch(
                centre_distances(products, sqnorms_enc_C, of_counts, blocks), bit
            )
            if unchanged:
                break
            meter.go_on()
            assignment_enc_NC = nearest(sqdist_enc_NC, blocks, points.valid)
        done, before = done + 1, assignment
    return Found(assignment_enc_NK=assignment_enc_NC, k=blocks[0], iterations=done)


def _unchanged(
    assignment: Masked, before: Masked | None, num_blocks: int
) -> DeferredOpening[SharedTensor | None]:
    """Look up whether no point has moved; None if there is no earlier assignment."""
    if before is None:
        return resolved(None)
    most = len(assignment.share) * num_blocks
    pending = equals_zero(moved(assignment, before), most.bit_length())
    return pending.then(lambda same: same)


def _opened(
    revealer: Revealer, same_enc_1: SharedTensor | None, iteration: int
) -> DeferredOpening[bool]:
    if same_enc_1 is None:
        return resolved(False)
    why = f"iteration {iteration}: when to stop"
    return revealer.reveal(same_enc_1, UNCHANGED, why=why).then(
        lambda opened: opened is not None and bool(opened[0])
    )


def lloyd_public_labels(
    points: Points,
    inner: InnerProducts[torch.Tensor],
    sqdist_enc_NK: SharedTensor,
    limit: int,
    revealer: Revealer,
    meter: Steps,
) -> Found:
    """Iterate with labels that are opened after every iteration, under policy `assignments`.

    Parameters
    ----------
    As `lloyd_secret_labels`, with a single block.

    Notes
    -----
    Counts are secret although labels are public, because points may be rejected. They are looked up
    while labels are opened. A rejected point always has label 0.

    Cost: the first iteration is one of `nearest` and a round; a later one is a round more, 4 in all
    by `fss` and 5 by `lut`. Leakage: labels after every iteration.
    """
    num_clusters = sqdist_enc_NK.size(1)
    labels: tuple[int, ...] = ()
    of_counts: list[SharedTensor] = []
    for done in range(1, limit + 1):
        with meter.step(f"iteration {done}"):
            meter.go_on()
            if done > 1:
                onehot_NK = torch.eye(num_clusters, dtype=torch.int64)[torch.tensor(labels)]
                products, sqnorms_enc_K = open_now(inner.with_sums_and_sqnorms(onehot_NK))
                sqdist_enc_NK = open_now(
                    centre_distances(products, sqnorms_enc_K, of_counts, (num_clusters,))
                )
            assignment_enc_NK = nearest(
                sqdist_enc_NK, (num_clusters,), points.valid, minimize_rounds=True
            )
            before = labels
            why = f"iteration {done}: policy assignments"
            opened, of_counts = open_batch(
                revealer.reveal(labels_of(assignment_enc_NK), LABELS, why=why),
                look_up_counts(_counts(assignment_enc_NK), points.num_points),
            )
            labels = _public(opened)
        if labels == before:
            break
    return Found(
        assignment_enc_NK=assignment_enc_NK, k=num_clusters, iterations=done, labels=labels
    )


def _public(opened: Int64Array | None) -> tuple[int, ...]:
    """Return opened labels; a dry run has none."""
    return () if opened is None else tuple(opened.tolist())


def labels_of(assignment_enc_NK: SharedTensor) -> SharedTensor:
    """Return shares of labels, (N,): 0 for rejected points."""
    clusters = torch.arange(assignment_enc_NK.size(1), dtype=torch.int64)
    return local(assignment_enc_NK, lambda p: (p * clusters).sum(1))


def _counts(assignment_enc_NC: SharedTensor) -> SharedTensor:
    return local(assignment_enc_NC, lambda p: p.sum(0))
