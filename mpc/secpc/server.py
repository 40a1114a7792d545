"""One job at the server: order, distances, reassignments, sums, results.

The server holds no row. It decodes what enough clients answer, and nothing else
(`mpc.secpc.reveal`).

Shape letters: N rows, C sets, K clusters, J clients, M of a payload, L slices.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from mpc.errors import OwnerError
from mpc.jobs.encoding import squared_norm_limit
from mpc.jobs.result import TOO_SMALL
from mpc.net.frames import HEADER_BYTES
from mpc.reference.kmeans import Valid, averaged_together, onehot
from mpc.ring.fixedpoint import FloatArray, Int64Array
from mpc.secpc.field import Elements
from mpc.secpc.group import ClientGroup, Received
from mpc.secpc.masks import num_polynomials
from mpc.secpc.messages import CodedOrder, OwnRows, Query, Sets
from mpc.secpc.reveal import DISTANCES, LABELS, OWN_MEAN, SLICES, SUMS, CodedRevealer
from mpc.secpc.search import Found, clustered
from mpc.secpc.set_distances import SetDistances
from mpc.traffic import StepCost

MASKED_AHEAD = 3
"""Masks are shared for so many queries as large as the one that needs them."""


@dataclass(slots=True, eq=False)
class ServerJob:
    """One job at the server.

    Parameters
    ----------
    order : CodedOrder
    group : ClientGroup
    revealer : CodedRevealer
    """

    order: CodedOrder
    group: ClientGroup
    revealer: CodedRevealer
    steps: list[StepCost] = field(default_factory=list)
    sets_asked: list[Sets] = field(default_factory=list, repr=False)
    """The sets of each query."""
    _sharers: tuple[int, ...] = ()
    _maskers: tuple[int, ...] = ()
    _masks: int = 0
    """Masks that all clients have and no query has used."""

    def run(self, rows: Mapping[int, OwnRows]) -> tuple[Found, Mapping[int, FloatArray]]:
        """Do the job; return its clustering, and each client's means and sizes, (R, M + 1).

        Raises
        ------
        OwnerError
            Too few clients are left in a phase, which the error names with those that are missing.
        """
        self._share(rows)
        distances = SetDistances(self._ask, self.order.order.num_points)
        valid_N = self._valid(distances)
        found = clustered(distances, self.order.order.job, valid_N, self.order.order.dim)
        shape = found.labels_N.shape
        self.revealer.note(LABELS, shape=shape, why="sets of every query; labels")
        return found, self._deliver(self._sums(found, valid_N))

    def _share(self, rows: Mapping[int, OwnRows]) -> None:
        started = time.perf_counter()
        received = self.group.share(self.order, rows)
        code = self.order.code
        self._sharers = _held_by_all(received, self.group.lost)
        self._check_left("share", code.answers_for_distances)
        if not self._sharers:
            raise OwnerError("share: no client's rows reached all others")
        if self.order.masking:
            self._gain_masks(self._sharers, self.order.polynomials)
        busiest = max(self.order.share_size(at) for at in range(code.num_clients))
        self._step("share", started, 0, sent=(code.num_clients - 1) * _frame(busiest))

    def _gain_masks(self, maskers: tuple[int, ...], polynomials: int) -> None:
        colluders = self.order.colluders
        if len(maskers) <= colluders:
            raise OwnerError(
                f"masks: those of {len(maskers)} clients reached all others, but more than t = "
                f"{colluders} are needed; missing are {self._missing()}"
            )
        self._maskers = maskers
        self._masks += (len(maskers) - colluders) * polynomials

    def _check_left(self, phase: str, needed: int) -> None:
        left = len(self.order.clients) - len(self.group.lost)
        if left < needed:
            raise OwnerError(
                f"{phase}: {left} of {len(self.order.clients)} clients are left, but {needed} are "
                f"needed (l = {self.order.slices}, t = {self.order.colluders}); missing are "
                f"{self._missing()}"
            )

    def _missing(self) -> str:
        names = self.order.clients
        return "; ".join(f"{names[at]}: {why}" for at, why in self.group.lost.items()) or "none"

    def _ask(self, sets_NC: Sets, why: str) -> FloatArray:
        """Return squared distances of all rows to the means of sets, as `Ask` says."""
        rows = self.order.rows_of(self._sharers)
        count = len(rows) * sets_NC.shape[1]
        if self.order.masking and self._masks < count:
            self._share_masks(count)
        started, before = time.perf_counter(), self.group.rounds
        query = Query(sets_NC=sets_NC, sharers=self._sharers, maskers=self._maskers)
        self.sets_asked.append(sets_NC)
        answers = self.group.ask_distances(query)
        self._maskers, self._masks = (), self._masks - count
        lost = self.group.lost
        if not self.order.masking:
            slices_LX = self.revealer.reveal(answers, SLICES, why=why, lost=lost)
            scaled_X = self.order.code.field.sum(slices_LX, axis=0)
        else:
            scaled_X = self.revealer.reveal(answers, DISTANCES, why=why, lost=lost)[0]
        self._step("distances", started, before, sent=_frame(count))
        size_C = sets_NC.sum(axis=0).astype(np.float64)
        sqdist_NC = np.zeros(sets_NC.shape)
        sqdist_NC[rows] = scaled_X.reshape(len(rows), -1).astype(np.float64) / size_C**2
        return self.order.quantiser.squared(sqdist_NC)

    def _share_masks(self, count: int) -> None:
        started, before = time.perf_counter(), self.group.rounds
        alive = len(self.order.clients) - len(self.group.lost)
        ahead = MASKED_AHEAD * count
        polynomials = num_polynomials(self.order.code, ahead, max(alive, self.order.colluders + 1))
        maskers = _held_by_all(self.group.share_masks(polynomials), self.group.lost)
        self._gain_masks(maskers, polynomials)
        others = self.order.code.num_clients - 1
        self._step("masks", started, before, sent=others * _frame(polynomials))
        if self._masks < count:  # clients were lost meanwhile
            raise OwnerError(f"masks: too few are left; missing are {self._missing()}")

    def _valid(self, distances: SetDistances) -> Valid:
        """Return which rows are shared and within the bound on norms, (N,)."""
        order = self.order.order
        shared_N = np.zeros(order.num_points, dtype=np.bool_)
        shared_N[self.order.rows_of(self._sharers)] = True
        if not order.job.centre:
            return shared_N
        to_mean_N = distances.to_sets(shared_N[:, None], "rows over the bound")[:, 0]
        return np.asarray(shared_N & (to_mean_N <= squared_norm_limit(order.job, order.dim)))

    def _sums(self, found: Found, valid_N: Valid) -> Int64Array:
        """Return each row's cluster's sum and size, (N, M + 1); nothing of small clusters."""
        order = self.order.order
        least, owners = order.job.min_cluster_size, order.owner_of_N
        together_NN = averaged_together(found.labels_N, valid_N, least, owners)
        size_N = together_NN.sum(axis=1).astype(np.int64)
        opened_K = np.unique(found.labels_N[size_N > 0])
        result_NM = np.zeros((order.num_points, order.payload + 1), dtype=np.int64)
        if len(opened_K):
            sets_NK = onehot(found.labels_N, valid_N, found.k)[:, opened_K].astype(np.bool_)
            sums_KM = self._opened_sums(sets_NK)
            for cluster_N, sum_M in zip(sets_NK.T, sums_KM, strict=True):
                result_NM[cluster_N, :-1] = sum_M
        result_NM[:, -1] = np.where(valid_N & (size_N == 0), TOO_SMALL, size_N)
        return result_NM

    def _opened_sums(self, sets_NK: Sets) -> Int64Array:
        """Return sums of payloads of clusters, (K, M)."""
        started, before = time.perf_counter(), self.group.rounds
        answers = self.group.ask_sums(Query(sets_NC=sets_NK, sharers=self._sharers))
        slices_LX = self.revealer.reveal(
            answers, SUMS, why="the mean of each cluster, for its members", lost=self.group.lost
        )
        elements = sets_NK.shape[1] * self.order.widths[1]
        self._step("sums", started, before, sent=_frame(elements))
        return _joined(self.order, slices_LX, sets_NK.shape[1])

    def _deliver(self, result_NM: Int64Array) -> Mapping[int, FloatArray]:
        started, before = time.perf_counter(), self.group.rounds
        self.revealer.note(OWN_MEAN, shape=result_NM.shape, why="the result of the job")
        parts = {at: result_NM[self.order.rows_of([at])] for at in range(len(self.order.clients))}
        means = self.group.deliver(parts)
        self._step("result", started, before, sent=0)
        return means

    def _step(self, name: str, started: float, rounds_before: int, *, sent: int) -> None:
        """Add to the cost of a step, with the bytes that the busiest client sent."""
        step = StepCost(
            name=name,
            rounds=self.group.rounds - rounds_before,
            bytes_sent=sent,
            seconds=time.perf_counter() - started,
        )
        at = next((at for at, each in enumerate(self.steps) if each.name == name), None)
        if at is None:
            self.steps.append(step)
            return
        known = self.steps[at]
        self.steps[at] = StepCost(
            name=name,
            rounds=known.rounds + step.rounds,
            bytes_sent=known.bytes_sent + sent,
            seconds=known.seconds + step.seconds,
        )


def _frame(elements: int) -> int:
    """Return the bytes of a frame of field elements."""
    return HEADER_BYTES + 8 * elements


def _held_by_all(received: Received, lost: dict[int, str]) -> tuple[int, ...]:
    """Return the clients whose shares all clients hold that are not lost.

    While some of those that reported lack one another's shares, the one that lacks most is lost.
    """
    holding = dict(received)
    while holding:
        lacking = {
            at: sum(not present[other] for other in holding) for at, present in holding.items()
        }
        worst = max(lacking, key=lambda at: lacking[at])
        if not lacking[worst]:
            break
        lost[worst] = f"it lacks the shares of {lacking[worst]} others"
        del holding[worst]
    if not holding:
        return ()
    by_all_J = np.stack(list(holding.values())).all(axis=0)
    return tuple(int(at) for at in np.flatnonzero(by_all_J))


def _joined(order: CodedOrder, slices_LX: Elements, num_clusters: int) -> Int64Array:
    """Return sums from their slices, (K, M)."""
    whole = order.code.field.signed(slices_LX)
    by_cluster = whole.reshape(order.slices, num_clusters, -1).transpose(1, 0, 2)
    return by_cluster.reshape(num_clusters, -1)[:, : order.order.payload]
