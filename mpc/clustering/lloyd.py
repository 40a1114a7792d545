"""Lloyd's iteration until nothing changes: with secret assignments, or with opened ones.

Shape letters: N points, K clusters, C columns of all groups.
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
    """Where the points were put."""

    members_enc_NK: SharedTensor = field(repr=False)
    """Rows one-hot in every group, or zero for points that do not count."""
    k: int
    iterations: int
    """Reassignments done; the last changed nothing, unless the limit was reached."""
    labels: tuple[int, ...] | None = None
    """Where they are open."""

    def labelled(self, labels: Int64Array | None) -> Self:
        """Return the same with opened labels."""
        return self if labels is None else replace(self, labels=tuple(labels.tolist()))


def lloyd_secret_labels(
    points: Points,
    inner: InnerProducts[Masked],
    sqdist_enc_NC: SharedTensor,
    groups: Sequence[int],
    limit: int,
    door: Revealer,
    meter: Steps,
) -> Found:
    """Iterate with secret assignments until no group changes any more, or the limit is reached.

    Parameters
    ----------
    points : Points
    inner : Inner
    dist_enc_NC : SharedTensor, (N, C)
        To the first centres, `COMPARED_FRACTION` fractional bits.
    groups : sequence of int
        How many columns each group has; all groups are independent of one another.
    limit : int
        Most reassignments.
    door, meter

    Notes
    -----
    Whether an iteration changed anything is found out during the next one, in rounds that it sends
    anyway; a job that ends for that reason has begun one more. The first iteration is not compared
    with the start, which is no assignment: with more points than clusters they always differ,
    unless points are left out, which must not show.

    Cost: the first iteration is one of `nearest`; a later one is three rounds more, 5 in all by
    `fss` and 6 by `lut`, and three rounds of one to find that nothing changed. Leakage: one bit an
    iteration, from the third on.
    """
    with meter.step("iteration 1"):
        meter.go_on()
        members_enc_NC = nearest(sqdist_enc_NC, groups, points.kept)
    done, before = 1, None
    while done < limit:
        with meter.step(f"iteration {done + 1}"):
            members, of_counts = open_batch(
                masked(members_enc_NC),
                look_up_counts(_counts(members_enc_NC), points.num_points),
            )
            same = _unchanged(members, before, len(groups))
            (products, sqnorms_enc_C), same_enc = open_batch(
                inner.with_sums_and_lengths(members), same
            )
            bit = _opened(door, same_enc, done)
            sqdist_enc_NC, unchanged = open_batch(
                centre_distances(products, sqnorms_enc_C, of_counts, groups), bit
            )
            if unchanged:
                break
            meter.go_on()
            members_enc_NC = nearest(sqdist_enc_NC, groups, points.kept)
        done, before = done + 1, members
    return Found(members_enc_NK=members_enc_NC, k=groups[0], iterations=done)


def _unchanged(
    members: Masked, before: Masked | None, num_groups: int
) -> DeferredOpening[SharedTensor | None]:
    """Look up whether no point has moved; None where there is nothing to compare with."""
    if before is None:
        return resolved(None)
    most = len(members.share) * num_groups
    pending = equals_zero(moved(members, before), most.bit_length())
    return pending.then(lambda same: same)


def _opened(
    door: Revealer, same_enc_1: SharedTensor | None, iteration: int
) -> DeferredOpening[bool]:
    if same_enc_1 is None:
        return resolved(False)
    why = f"iteration {iteration}: when to stop"
    return door.reveal(same_enc_1, UNCHANGED, why=why).then(
        lambda opened: opened is not None and bool(opened[0])
    )


def lloyd_public_labels(
    points: Points,
    inner: InnerProducts[torch.Tensor],
    sqdist_enc_NK: SharedTensor,
    limit: int,
    door: Revealer,
    meter: Steps,
) -> Found:
    """Iterate with assignments that are opened after every iteration, as policy `assignments` says.

    Parameters
    ----------
    As `lloyd_secret_labels`, with a single group.

    Notes
    -----
    Counts are secret although labels are not, since points may be left out; they are looked up
    while labels are opened. A left-out point has label 0 always.

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
                products, sqnorms_enc_K = open_now(inner.with_sums_and_lengths(onehot_NK))
                sqdist_enc_NK = open_now(
                    centre_distances(products, sqnorms_enc_K, of_counts, (num_clusters,))
                )
            members_enc_NK = nearest(
                sqdist_enc_NK, (num_clusters,), points.kept, minimize_rounds=True
            )
            before = labels
            why = f"iteration {done}: policy assignments"
            opened, of_counts = open_batch(
                door.reveal(labels_of(members_enc_NK), LABELS, why=why),
                look_up_counts(_counts(members_enc_NK), points.num_points),
            )
            labels = _public(opened)
        if labels == before:
            break
    return Found(members_enc_NK=members_enc_NK, k=num_clusters, iterations=done, labels=labels)


def _public(opened: Int64Array | None) -> tuple[int, ...]:
    """Return labels that every party has learned; a dry run, where nobody does, has none."""
    return () if opened is None else tuple(opened.tolist())


def labels_of(members_enc_NK: SharedTensor) -> SharedTensor:
    """Return shares of labels, (N,): 0 for points that do not count."""
    clusters = torch.arange(members_enc_NK.size(1), dtype=torch.int64)
    return local(members_enc_NK, lambda p: (p * clusters).sum(1))


def _counts(members_enc_NC: SharedTensor) -> SharedTensor:
    return local(members_enc_NC, lambda p: p.sum(0))
