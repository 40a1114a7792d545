"""A client's part of a job, without links: it shares its rows and answers on shares of all rows.

A client holds one share of each other client's rows and never a row. What it computes is a
polynomial in the shares, so that the answers of enough clients decode to distances and sums.

Shape letters: J clients, N rows of those that share, R rows of one, C sets, K clusters, M of a
payload, X entries of a share of a point, Y of a payload, Q mask polynomials.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mpc.errors import FrameError, InputError
from mpc.jobs.rows import encode_payload
from mpc.secpc.field import Elements
from mpc.secpc.masks import extracted, zero_sum_shares
from mpc.secpc.messages import CodedOrder, OwnRows, Query, check_clusters, check_sets
from mpc.secpc.quantiser import sliced
from mpc.secpc.uniform import UniformElements


@dataclass(slots=True, eq=False)
class ClientJob:
    """One job at one client.

    Parameters
    ----------
    me : int
        Place among the clients of the order.
    order : CodedOrder
    own : OwnRows
    """

    me: int
    order: CodedOrder
    own: OwnRows = field(repr=False)
    _held: dict[int, Elements] = field(default_factory=dict, repr=False)
    """Shares of rows, (R, X + Y), by client."""
    _polynomials: dict[int, Elements] = field(default_factory=dict, repr=False)
    """Shares of mask polynomials of the last exchange, (Q,), by client."""
    _masks: Elements = field(default_factory=lambda: np.zeros(0, np.uint64), repr=False)
    _sqnorms: dict[tuple[int, ...], Elements] = field(default_factory=dict, repr=False)
    """Shares of squared norms of rows, (N,), by clients that share."""
    _has_opened: bool = False

    def shares(self) -> Elements:
        """Return what each client is sent: shares of rows, then of mask polynomials, (J, .).

        Raises
        ------
        InputError, BudgetError
            An own row is not valid; nothing was shared.

        Notes
        -----
        Cost: (R (D + M) / l + Q) elements of 8 bytes to each other client. Leakage: none to any t
        clients.
        """
        order, code = self.order, self.order.code
        job, uniform = order.order.job, UniformElements(code.field)
        points_RD = order.quantiser.encode(self.own.points_RD, job)
        payload_RM = encode_payload(self.own.payload_RM, job)
        parts = []
        for whole in (points_RD, payload_RM):
            slices_LX = sliced(code.field, whole, code.slices)
            uniform_TX = uniform.draw((code.colluders, slices_LX.shape[1]))
            encoded = code.encode(slices_LX, uniform_TX)
            parts.append(encoded.reshape(code.num_clients, len(whole), -1))
        rows = np.concatenate(parts, axis=2).reshape(code.num_clients, -1)
        return np.concatenate([rows, self.mask_shares(order.polynomials)], axis=1)

    def mask_shares(self, count: int) -> Elements:
        """Return what each client is sent of `count` mask polynomials, (J, Q).

        Cost: 8 Q bytes to each other client. Leakage: none to any t clients.
        """
        code = self.order.code
        if count == 0:
            return np.zeros((code.num_clients, 0), dtype=np.uint64)
        return zero_sum_shares(code, count, UniformElements(code.field))

    def take(self, sender: int, share: Elements) -> None:
        """Keep what a client sent of its rows and first mask polynomials."""
        count = self.order.polynomials
        rows = share[: len(share) - count]
        self._held[sender] = rows.reshape(-1, sum(self.order.widths))
        self.take_masks(sender, share[len(share) - count :])

    def take_masks(self, sender: int, share_Q: Elements) -> None:
        """Keep what a client sent of its mask polynomials."""
        self._polynomials[sender] = share_Q

    def forget_masks(self) -> None:
        """Drop polynomials that were not used, before others are exchanged."""
        self._polynomials.clear()

    def received(self, of_masks: bool = False) -> npt.NDArray[np.int64]:
        """Return which clients' shares are here, (J,): 1 or 0."""
        kept = self._polynomials if of_masks else self._held
        present = np.zeros(self.order.code.num_clients, dtype=np.int64)
        present[list(kept)] = 1
        return present

    def distances(self, query: Query) -> Elements:
        """Return shares of squared distances of all shared rows to the means of sets, (N, C).

        Each is scaled by the squared size of the set, and masked.

        Raises
        ------
        InputError, FrameError
            The query is none that this client answers.

        Notes
        -----
        Cost: 8 N C bytes to the server. Leakage: this share, of which any t tell nothing.
        """
        check_sets(self.order, query)
        point_width, _ = self.order.widths
        f = self.order.code.field
        points_NX = np.ascontiguousarray(self._rows(query)[:, :point_width])
        sets_NC = query.sets_NC[self.order.rows_of(query.sharers)].astype(np.uint64)
        centres_CX = f.matmul(np.ascontiguousarray(sets_NC.T), points_NX)
        size_C = sets_NC.sum(axis=0, dtype=np.uint64)
        inner_NC = f.matmul(points_NX, np.ascontiguousarray(centres_CX.T))
        if query.sharers not in self._sqnorms:
            self._sqnorms[query.sharers] = f.sum(f.mul(points_NX, points_NX), axis=1)
        sqnorm_N = self._sqnorms[query.sharers]
        sqnorm_C = f.sum(f.mul(centres_CX, centres_CX), axis=1)
        size_C = size_C % np.uint64(f.prime)
        scaled_NC = f.mul(sqnorm_N[:, None], f.mul(size_C, size_C)[None, :])
        twice_NC = f.mul(f.add(inner_NC, inner_NC), size_C[None, :])
        sqdist_NC = f.add(f.sub(scaled_NC, twice_NC), sqnorm_C[None, :])
        if not self.order.masking:
            return sqdist_NC
        return f.add(sqdist_NC, self._next_masks(query).reshape(sqdist_NC.shape))

    def sums(self, query: Query) -> Elements:
        """Return shares of the sums of payloads of clusters, (K, Y); once a job.

        Raises
        ------
        InputError
            Clusters overlap, or one has too few owners, or sums were opened before.

        Notes
        -----
        Cost: 8 K M / l bytes to the server. Leakage: this share, of which any t tell nothing.
        """
        check_clusters(self.order, query)
        if self._has_opened:
            raise InputError("the sums of a job are opened once")
        self._has_opened = True
        point_width, _ = self.order.widths
        clusters_NK = query.sets_NC[self.order.rows_of(query.sharers)].astype(np.uint64)
        payload_NY = self._rows(query)[:, point_width:]
        return self.order.code.field.matmul(np.ascontiguousarray(clusters_NK.T), payload_NY)

    def _rows(self, query: Query) -> Elements:
        """Return the shares of the rows of all clients that share, (N, X + Y)."""
        missing = [client for client in query.sharers if client not in self._held]
        if missing:
            raise FrameError(f"no share is here of the clients {missing}")
        return np.concatenate([self._held[client] for client in query.sharers])

    def _next_masks(self, query: Query) -> Elements:
        """Return as many masks as the query needs; each is used once."""
        if query.maskers:
            missing = [client for client in query.maskers if client not in self._polynomials]
            if missing or len(query.maskers) <= self.order.colluders:
                raise FrameError(f"masks of the clients {query.maskers} cannot be formed")
            shares_JQ = np.stack([self._polynomials[client] for client in query.maskers])
            new = extracted(self.order.code, query.maskers, shares_JQ)
            self._masks = np.concatenate([self._masks, new])
            self.forget_masks()
        count = len(self.order.rows_of(query.sharers)) * query.sets_NC.shape[1]
        if len(self._masks) < count:
            raise FrameError(f"{count} masks are needed and {len(self._masks)} are left")
        used, self._masks = self._masks[:count], self._masks[count:]
        return used
