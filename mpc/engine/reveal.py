"""`PartyRevealer.reveal`, the only function that reveals secrets; it writes to the ledger.

`openings_of` lists all that a job's policy allows; anything else is refused. ARCHITECTURE.md has
the same table, and a test compares the two.

Under `distances` the server computes k and the labels from the opened distances and sends them to
the parties.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, Protocol

import numpy as np
import torch

from mpc.engine.context import SharedTensor
from mpc.engine.openings import DeferredOpening, resolved
from mpc.errors import PolicyError, TransportError
from mpc.jobs.job import ClusterJob, RevealPolicy
from mpc.jobs.result import LedgerEntry
from mpc.jobs.sharding import ledger_label
from mpc.net.frames import OPENED
from mpc.net.link import Link
from mpc.ring.fixedpoint import Int64Array

Audience = Literal["parties and server", "server", "evaluator", "each client"]
Opening = Literal[
    "one bit: assignments unchanged",
    "labels",
    "number of clusters",
    "squared distances of all pairs",
    "own cluster's sum and size",
]

OWN_MEAN: Final[tuple[Audience, Opening]] = ("each client", "own cluster's sum and size")
UNCHANGED: Final[tuple[Audience, Opening]] = (
    "parties and server",
    "one bit: assignments unchanged",
)
LABELS: Final[tuple[Audience, Opening]] = ("parties and server", "labels")
CHOSEN_K: Final[tuple[Audience, Opening]] = ("parties and server", "number of clusters")
DISTANCES: Final[tuple[Audience, Opening]] = ("server", "squared distances of all pairs")
EVALUATION: Final[tuple[Audience, Opening]] = ("evaluator", "labels")
"""Allowed by a job's `evaluate` under any policy, for simulations."""

OPENINGS: Final[Mapping[RevealPolicy, frozenset[tuple[Audience, Opening]]]] = {
    "own-mean": frozenset({OWN_MEAN, UNCHANGED}),
    "assignments": frozenset({OWN_MEAN, LABELS}),
    "distances": frozenset({OWN_MEAN, DISTANCES}),
}
BATCH_OPENINGS: Final[Mapping[RevealPolicy, frozenset[tuple[Audience, Opening]]]] = {
    **OPENINGS,
    "assignments": OPENINGS["assignments"] | {UNCHANGED},
}
"""Openings of jobs whose labels stay secret to the end: several restarts or candidates, leaders,
random rows, or a warm start."""


_STOCK_OPENINGS: Final[Mapping[RevealPolicy, frozenset[tuple[Audience, Opening]]]] = {
    "own-mean": frozenset({OWN_MEAN}),
    "assignments": frozenset({OWN_MEAN, LABELS}),
    "distances": frozenset(),
}
"""Openings of jobs that CrypTen's own operations compute: no bit, since all iterations are done."""


def openings_of(job: ClusterJob) -> frozenset[tuple[Audience, Opening]]:
    """Return all allowed openings of a job, with their audiences.

    A shard opens nothing but the bit that ends it. What its owners receive is opened after the
    second level, whose openings are those of `mpc.jobs.sharding.final_job`.
    """
    if job.is_shard:
        return frozenset({UNCHANGED})
    if job.protocol == "crypten":
        return frozenset(_STOCK_OPENINGS[job.reveal] | ({EVALUATION} if job.evaluate else set()))
    allowed = (BATCH_OPENINGS if job.opens_labels_last else OPENINGS)[job.reveal]
    if job.k is None and job.reveal != "distances":
        allowed |= {CHOSEN_K}
    return allowed | {EVALUATION} if job.evaluate else allowed


class Revealer(Protocol):
    """Interface of a revealer for protocols."""

    def reveal(
        self, x_enc: SharedTensor, opening: tuple[Audience, Opening], *, why: str
    ) -> DeferredOpening[Int64Array | None]:
        """Open a secret-shared tensor to an audience."""


class PartyRevealer:
    """A party's side of every opening.

    Parameters
    ----------
    server : Link
        Link to the server, whose process is also the evaluator of a simulation.
    owners : mapping of link to rows
        Link to each data owner, with the owner's rows.
    job : ClusterJob
        Its policy defines what may be opened; its label is in every line of the ledger.
    number : int
        Number of the job, in every frame of an opening.
    record : callable
        Is given every entry of the ledger before anything is sent.
    keep : callable
        Is given the link, the job's number and the share of every result of an owner.
    absent : mapping of str to rows, optional
        Owners that are not connected, with their rows.
    keep_for : callable
        Is given the role, the job's number and the share of the result of an absent owner.
    """

    def __init__(
        self,
        server: Link,
        owners: Mapping[Link, Sequence[int]],
        job: ClusterJob,
        *,
        number: int = 0,
        record: Callable[[LedgerEntry], None] = lambda entry: None,
        keep: Callable[[Link, int, Int64Array], None] = lambda link, number, share: None,
        absent: Mapping[str, Sequence[int]] | None = None,
        keep_for: Callable[[str, int, Int64Array], None] = lambda owner, number, share: None,
    ) -> None:
        self._keep = keep
        self._absent, self._keep_for = absent or {}, keep_for
        self._record = record
        self._server = server
        self._owners = owners
        self._job = job
        self._number = number
        self.ledger: list[LedgerEntry] = []
        self.undelivered: dict[str, str] = {}
        """Owners that did not receive their result, and why."""

    def reveal(
        self, x_enc: SharedTensor, opening: tuple[Audience, Opening], *, why: str
    ) -> DeferredOpening[Int64Array | None]:
        """Open a secret-shared tensor to an audience if the policy allows it, and record it.

        Parameters
        ----------
        x_enc : SharedTensor
        opening : (Audience, Opening)
            Audience and content. `each client` receives only the rows of its own points.
        why : str
            Reason, for the ledger.

        Returns
        -------
        DeferredOpening of ndarray of int64, or None
            The value for `parties and server`, which is sent with the other openings of a round.
            None if the parties do not learn it; it has then been sent already.

        Raises
        ------
        PolicyError
            The policy does not allow it; nothing was opened.

        Notes
        -----
        Every revealed share is re-randomised with a fresh zero sharing, so it depends only on the
        opened value. The dealer, who knows all correlated randomness, learns no more from the
        shares that data owners received than from their sums.

        Cost: one round; 8 bytes an element from each party to each of the audience. Leakage: the
        value, to the audience.
        """
        to, what = opening
        if not self._allows(opening):
            raise PolicyError(f"policy {self._job.reveal!r} does not open {what} to {to}")
        share: Int64Array = x_enc.share.contiguous().numpy()
        share = share + x_enc.party.zero_share(share.shape)
        entry = LedgerEntry(
            to=to,
            what=what,
            shape=share.shape,
            why=why,
            policy=self._job.reveal,
            job=ledger_label(self._job),
        )
        self.ledger.append(entry)
        self._record(entry)
        if to == "parties and server":
            return DeferredOpening(
                masked=torch.from_numpy(share),
                settle=lambda opened: opened.numpy(),
                party=x_enc.party,
            )
        if to == "each client":
            for link, rows in self._owners.items():
                self._deliver(link, share[np.asarray(rows)])
            for name, rows in self._absent.items():
                self._keep_for(name, self._number, share[np.asarray(rows)])
        else:
            self._server.send_ring(OPENED, share, number=self._number)
        return resolved(None)

    def _deliver(self, link: Link, share: Int64Array) -> None:
        self._keep(link, self._number, share)
        try:
            link.send_ring(OPENED, share, number=self._number)
        except TransportError as error:  # the other owners still receive theirs
            self.undelivered[link.peer] = str(error)

    def _allows(self, opening: tuple[Audience, Opening]) -> bool:
        return opening in openings_of(self._job)


def send_again(link: Link, share_RM: Int64Array, *, number: int) -> None:
    """Send a share of a result once more, on a new link of the owner that it was revealed to.

    It is the share that `PartyRevealer.reveal` recorded, with the same zero sharing: the owner
    learns nothing else from it.

    Raises
    ------
    TransportError
        The link failed.
    """
    link.send_ring(OPENED, share_RM, number=number)
