"""Lloyd's iteration until nothing changes, with secret or opened assignments.

Columns are in independent blocks: one for each start, or one for each candidate for k.

Shape letters: N points, K clusters, C columns of all blocks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import torch

from mpc.clustering.distances import centre_distances, look_up_counts, moved
from mpc.clustering.inner_products import InnerProducts
from mpc.clustering.race import raced
from mpc.engine.context import SharedTensor
from mpc.engine.openings import (
    DeferredOpening,
    Masked,
    masked,
    multiply,
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


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Weights:
    """Secret weights of points, which count in sums as so many points."""

    of: Masked
    """(N,): at least 0; 0 for rejected points."""
    most: int
    """A public bound on the sum of all weights, at most `mpc.jobs.job.MAX_POINTS`."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class WarmStart:
    """An assignment whose means are the first centres, opened under a mask."""

    assignment: Masked
    """(N, K): one-hot rows, zero for rejected points and where nothing is kept."""
    of_counts: list[SharedTensor] = field(repr=False)
    """Looked up for its counts; see `mpc.clustering.distances.look_up_counts`."""


def lloyd_secret_labels(
    valid_enc_N: SharedTensor,
    inner: InnerProducts[Masked],
    start: SharedTensor | WarmStart,
    blocks: Sequence[int],
    limit: int,
    revealer: Revealer,
    meter: Steps,
    *,
    choose_early: bool = False,
    weights: Weights | None = None,
) -> Found:
    """Iterate with secret assignments until no block changes, or the limit is reached.

    Parameters
    ----------
    valid_enc_N : SharedTensor, (N,)
        1 for valid points, 0 for rejected ones.
    inner : InnerProducts
    start : SharedTensor, (N, C), or WarmStart
        Distances to the first centres, `COMPARED_FRACTION` fractional bits; or the assignment whose
        means they are, of a single block.
    blocks : sequence of int
        Columns of each block.
    limit : int
        Most reassignments.
    revealer, meter
    choose_early : bool
        Whether only the best block of each size goes on after the first iteration; see
        `mpc.clustering.race`. Blocks of a size are then together, smaller sizes first.
    weights : Weights, optional
        Of points; `inner` then forms weighted sums, and starts are neither warm nor chosen early.

    Notes
    -----
    The test whether an iteration changed anything runs during the next iteration, in rounds that it
    needs anyway. A job that ends this way has thus begun one more iteration. The first iteration is
    compared with a warm start, but not with first centres, which are not an assignment. With more
    points than clusters they always differ, unless points are rejected, which must stay secret.

    Cost: the first iteration is one of `nearest`, and two rounds more after a warm start; a later
    one is three rounds more than `nearest`, 5 in all by `fss` and 6 by `lut`, and three rounds of
    one to find that nothing changed. Leakage: one bit an iteration, from the third on, or from the
    second after a warm start.
    """
    rounds = _Lloyd(valid_enc_N, inner, blocks, revealer, meter, weights)
    with meter.step("iteration 1"):
        assignment_enc_NC = rounds.first(start)
    done = 1
    if choose_early and limit > 1:
        with meter.step("iteration 2"):
            assignment_enc_NC = rounds.raced(assignment_enc_NC)
        done = 2
    while done < limit:
        with meter.step(f"iteration {done + 1}"):
            found_enc_NC = rounds.later(assignment_enc_NC, done)
        if found_enc_NC is None:
            break
        done, assignment_enc_NC = done + 1, found_enc_NC
    return Found(assignment_enc_NK=assignment_enc_NC, k=blocks[0], iterations=done)


class _Lloyd:
    """Iterations with secret assignments, and what one of them keeps for the next."""

    def __init__(
        self,
        valid_enc_N: SharedTensor,
        inner: InnerProducts[Masked],
        blocks: Sequence[int],
        revealer: Revealer,
        meter: Steps,
        weights: Weights | None,
    ) -> None:
        self._weights = weights
        self._valid_enc_N = valid_enc_N
        self._inner = inner
        self._blocks = blocks
        self._revealer = revealer
        self._meter = meter
        self._before: Masked | None = None
        self._unopened: SharedTensor | None = None
        """The assignment before, if it has not been opened under a mask yet."""

    def first(self, start: SharedTensor | WarmStart) -> SharedTensor:
        """Assign points to the nearest first centres."""
        self._meter.go_on()
        if isinstance(start, WarmStart):
            self._before = start.assignment
            products, sqnorms_enc_C = open_now(self._inner.with_sums_and_sqnorms(start.assignment))
            start = open_now(
                centre_distances(products, sqnorms_enc_C, start.of_counts, self._blocks)
            )
        return nearest(start, self._blocks, self._valid_enc_N)

    def raced(self, assignment_enc_NC: SharedTensor) -> SharedTensor:
        """Reassign points, and go on with the best block of each size."""
        after_enc_NK, self._unopened = raced(
            self._valid_enc_N, self._inner, assignment_enc_NC, self._blocks, self._meter
        )
        self._blocks = tuple(sorted(set(self._blocks)))
        return after_enc_NK

    def later(self, assignment_enc_NC: SharedTensor, done: int) -> SharedTensor | None:
        """Reassign points; return None if the iteration before changed nothing."""
        assignment, of_counts, before = open_batch(
            masked(assignment_enc_NC), self._counted(assignment_enc_NC), self._pending_before()
        )
        same = _unchanged(assignment, before, len(self._blocks))
        (products, sqnorms_enc_C), same_enc, of_weights = open_batch(
            self._inner.with_sums_and_sqnorms(assignment), same, self._weighed(assignment)
        )
        most = None if self._weights is None else self._weights.most
        sqdist_enc_NC, unchanged = open_batch(
            centre_distances(
                products, sqnorms_enc_C, [*of_counts, *of_weights], self._blocks, most
            ),
            _opened(self._revealer, same_enc, done),
        )
        self._before, self._unopened = assignment, None
        if unchanged:
            return None
        self._meter.go_on()
        return nearest(sqdist_enc_NC, self._blocks, self._valid_enc_N)

    def _counted(self, assignment_enc_NC: SharedTensor) -> DeferredOpening[list[SharedTensor]]:
        """Look up counts of points; nothing if points have weights."""
        if self._weights is not None:
            return resolved([])
        return look_up_counts(_counts(assignment_enc_NC), assignment_enc_NC.size(0))

    def _weighed(self, assignment: Masked) -> DeferredOpening[list[SharedTensor]]:
        """Look up sums of weights, a round later than counts; nothing if there are no weights."""
        if self._weights is None:
            return resolved([])
        counts_enc_C = multiply("i,ik->k", self._weights.of, assignment)
        return look_up_counts(counts_enc_C, self._weights.most)

    def _pending_before(self) -> DeferredOpening[Masked | None]:
        if self._unopened is None:
            return resolved(self._before)
        return masked(self._unopened).then(lambda opened: opened)


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
    valid_enc_N: SharedTensor,
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
                sqdist_enc_NK, (num_clusters,), valid_enc_N, minimize_rounds=True
            )
            before = labels
            why = f"iteration {done}: policy assignments"
            opened, of_counts = open_batch(
                revealer.reveal(labels_of(assignment_enc_NK), LABELS, why=why),
                look_up_counts(_counts(assignment_enc_NK), len(valid_enc_N.share)),
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
