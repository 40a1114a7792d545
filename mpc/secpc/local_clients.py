"""Clients as objects of one process: a simulation, whose messages are counted as if they were sent.

The process holds all shares, so nothing is secret in it. Results and counts are those of clients in
processes of their own.
"""

import json
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from mpc.jobs.encoding import payload_unit
from mpc.jobs.rows import decode_mean
from mpc.net.frames import ANSWER, CODED_MASK, CODED_SHARE, CONTROL, OPENED, RECEIVED
from mpc.ring.fixedpoint import FloatArray, Int64Array
from mpc.secpc.client import ClientJob
from mpc.secpc.field import Elements
from mpc.secpc.messages import CodedOrder, OwnRows, Query, first_number
from mpc.secpc.tally import SERVER, Tally


class LocalClients:
    """Clients as objects.

    Parameters
    ----------
    clients : tuple of str
        Their roles.
    """

    def __init__(self, clients: tuple[str, ...]) -> None:
        self.clients = clients
        self.lost: dict[int, str] = {}
        self.on_phase: Callable[[str], None] = lambda phase: None
        self.tally, self.rounds = Tally(), 0
        self._jobs: dict[int, ClientJob] = {}
        self._number = 0

    @property
    def is_whole(self) -> bool:
        """Whether no client is lost."""
        return not self.lost

    def drop(self, client: int, why: str = "it was dropped") -> None:
        """Lose a client, as if its process had ended."""
        self.lost.setdefault(client, why)

    def share(self, order: CodedOrder, rows: Mapping[int, OwnRows]) -> dict[int, Int64Array]:
        """Let all clients share their rows and first mask polynomials with one another."""
        self.tally, self.rounds = Tally(), 0
        self.on_phase("share")
        self._jobs = {at: ClientJob(at, order, own) for at, own in rows.items()}
        self._number = first_number(order) - 1
        self._announce(order.as_json())
        sent = {at: self._jobs[at].shares() for at in self._alive()}
        self._exchange(CODED_SHARE, sent, ClientJob.take)
        return self._reports(of_masks=False)

    def share_masks(self, polynomials: int) -> dict[int, Int64Array]:
        """Let all clients share further mask polynomials with one another."""
        self.on_phase("masks")
        self._announce({"do": "masks", "polynomials": polynomials, "lost": sorted(self.lost)})
        for at in self._alive():
            self._jobs[at].forget_masks()
        sent = {at: self._jobs[at].mask_shares(polynomials) for at in self._alive()}
        self._exchange(CODED_MASK, sent, ClientJob.take_masks)
        return self._reports(of_masks=True)

    def ask_distances(self, query: Query) -> dict[int, Elements]:
        """Return answers by client, flattened (N C,)."""
        return self._ask("distances", query, ClientJob.distances)

    def ask_sums(self, query: Query) -> dict[int, Elements]:
        """Return answers by client, flattened (K Y,)."""
        return self._ask("sums", query, ClientJob.sums)

    def deliver(self, results: Mapping[int, Int64Array]) -> dict[int, FloatArray]:
        """Send each client its sums and sizes, (R, M + 1); return the means and sizes it makes."""
        self.on_phase("result")
        self.rounds += 1
        means: dict[int, FloatArray] = {}
        for at in self._alive():
            self._count(SERVER, at, OPENED, results[at].nbytes)
            means[at] = means_of(self._jobs[at].order, results[at])
        return means

    def close(self) -> None:
        """Drop all shares."""
        self._jobs.clear()

    def _alive(self) -> list[int]:
        return [at for at in self._jobs if at not in self.lost]

    def _announce(self, message: dict[str, object]) -> None:
        self.rounds, self._number = self.rounds + 1, self._number + 1
        payload = json.dumps(message | {"number": self._number}).encode()
        for at in self._alive():
            self._count(SERVER, at, CONTROL, len(payload))

    def _exchange(
        self,
        tag: bytes,
        sent: Mapping[int, Elements],
        take: Callable[[ClientJob, int, Elements], None],
    ) -> None:
        self.rounds += 1
        for sender, shares in sent.items():
            for receiver in self._alive():
                take(self._jobs[receiver], sender, shares[receiver])
                if sender != receiver:
                    self._count(sender, receiver, tag, shares[receiver].nbytes)

    def _reports(self, *, of_masks: bool) -> dict[int, Int64Array]:
        self.rounds += 1
        reports = {at: self._jobs[at].received(of_masks) for at in self._alive()}
        self._count_answers(RECEIVED, reports.items())
        return reports

    def _ask(
        self, what: str, query: Query, answer: Callable[[ClientJob, Query], Elements]
    ) -> dict[int, Elements]:
        self.on_phase(what)
        self._announce(query.as_json(what))
        self.rounds += 1
        answers = {at: answer(self._jobs[at], query).reshape(-1) for at in self._alive()}
        self._count_answers(ANSWER, answers.items())
        return answers

    def _count_answers(
        self, tag: bytes, answers: Iterable[tuple[int, Elements | Int64Array]]
    ) -> None:
        for at, array in answers:
            self._count(at, SERVER, tag, array.nbytes)

    def _count(self, sender: int | str, receiver: int | str, tag: bytes, num_bytes: int) -> None:
        ends = [at if isinstance(at, str) else self.clients[at] for at in (sender, receiver)]
        self.tally.sent(ends[0], ends[1], tag, num_bytes)


def means_of(order: CodedOrder, result_RM: Int64Array) -> FloatArray:
    """Return the means and sizes that a client makes of its sums and sizes, (R, M + 1)."""
    unit = payload_unit(order.order.job, order.order.payload)
    sums_RM, sizes_R = result_RM[:, :-1], result_RM[:, -1]
    means_RM = decode_mean(sums_RM, sizes_R, unit)
    return np.concatenate([means_RM, sizes_R[:, None].astype(np.float64)], axis=1)
