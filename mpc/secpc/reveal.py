"""`CodedRevealer.reveal`, the only function that decodes shares; it writes to the ledger.

What the server and the clients learn, with who, what and why:

* the server: squared distances of rows to means of sets of rows, as often as its k-means asks; with
  masking off, the slice-wise ones and the rest of their polynomials;
* the server and all clients: the sets, so labels and sizes, in every iteration;
* the server: the sums of payloads of clusters with enough owners;
* each client: its own cluster's sum and size.

`mpc.secpc.leakage` computes the same from the rows, in the clear.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np

from mpc.errors import OwnerError, PolicyError
from mpc.jobs.job import ClusterJob
from mpc.jobs.result import LedgerEntry
from mpc.secpc.coding import LagrangeCode
from mpc.secpc.field import Elements
from mpc.secpc.reed_solomon import wrong_answers

Audience = Literal["server", "server and clients", "each client"]
Opening = Literal[
    "squared distances of rows to means of sets",
    "slice-wise squared distances of rows to means of sets",
    "labels",
    "sums of clusters",
    "own cluster's sum and size",
]

DISTANCES: Final[tuple[Audience, Opening]] = (
    "server",
    "squared distances of rows to means of sets",
)
SLICES: Final[tuple[Audience, Opening]] = (
    "server",
    "slice-wise squared distances of rows to means of sets",
)
LABELS: Final[tuple[Audience, Opening]] = ("server and clients", "labels")
SUMS: Final[tuple[Audience, Opening]] = ("server", "sums of clusters")
OWN_MEAN: Final[tuple[Audience, Opening]] = ("each client", "own cluster's sum and size")


def openings_of(masking: bool) -> frozenset[tuple[Audience, Opening]]:
    """Return all that a job opens, with the audiences."""
    always = {DISTANCES, LABELS, SUMS, OWN_MEAN}
    return frozenset(always if masking else {*always, SLICES})


@dataclass(slots=True, eq=False)
class CodedRevealer:
    """The server's side of every opening.

    Parameters
    ----------
    code : LagrangeCode
    clients : tuple of str
        Role of each client.
    job : ClusterJob
        Its label and policy are in every line of the ledger.
    masking : bool
        Whether answers are masked, so that only sums of slices can be opened.
    record : callable
        Is given every entry of the ledger before anything is decoded.
    """

    code: LagrangeCode
    clients: tuple[str, ...]
    job: ClusterJob
    masking: bool
    record: Callable[[LedgerEntry], None] = lambda entry: None
    ledger: list[LedgerEntry] = field(default_factory=list)
    wrong: set[int] = field(default_factory=set)
    """Clients whose answers contradicted those of the others."""

    def reveal(
        self,
        answers: Mapping[int, Elements],
        opening: tuple[Audience, Opening],
        *,
        why: str,
        lost: Mapping[int, str],
    ) -> Elements:
        """Decode the answers of clients, and record what that opens.

        Parameters
        ----------
        answers : mapping of int to ndarray of uint64, (X,)
            By client.
        opening : (Audience, Opening)
        why : str
            Reason, for the ledger.
        lost : mapping of int to str
            Why clients did not answer, for the error.

        Returns
        -------
        ndarray of uint64, (L, X), or (1, X) of distances
            Slices; of distances, their sum.

        Raises
        ------
        OwnerError
            Too few clients answered.
        PartyError
            More answers are wrong than can be found.
        PolicyError
            It is no opening of this protocol.

        Notes
        -----
        Cost: none beyond the answers. Leakage: the value, to the audience; without masking, all of
        the polynomial, of which the slices are values.
        """
        if opening not in openings_of(self.masking) or opening in (LABELS, OWN_MEAN):
            raise PolicyError(f"the protocol does not open {opening[1]} to {opening[0]}")
        of_sums = opening == SUMS
        code = self.code
        needed = code.answers_for_sums if of_sums else code.answers_for_distances
        if len(answers) < needed:
            raise self._too_few(opening, needed, len(answers), lost)
        some = next(iter(answers.values()))
        self.note(opening, shape=(len(some),), why=why)
        clients = sorted(answers)
        answers_AX = np.stack([answers[client] for client in clients])
        wrong = wrong_answers(code, clients, answers_AX, needed)
        self.wrong |= {clients[at] for at in wrong}
        kept = [at for at in range(len(clients)) if at not in wrong]
        right = [clients[at] for at in kept]
        decoding = code.decoding(right, needed)
        if opening == DISTANCES:
            decoding = code.field.sum(decoding, axis=0)[None, :]
        return code.field.matmul(decoding, answers_AX[kept[:needed]])

    def note(self, opening: tuple[Audience, Opening], *, shape: tuple[int, ...], why: str) -> None:
        """Record that an audience learns something."""
        to, what = opening
        entry = LedgerEntry(
            to=to, what=what, shape=shape, why=why, policy=self.job.reveal, job=self.job.label
        )
        self.ledger.append(entry)
        self.record(entry)

    def _too_few(
        self,
        opening: tuple[Audience, Opening],
        needed: int,
        found: int,
        lost: Mapping[int, str],
    ) -> OwnerError:
        formula = "l + t" if opening == SUMS else "2 l + 2 t - 1"
        missing = "; ".join(f"{self.clients[client]}: {why}" for client, why in lost.items())
        return OwnerError(
            f"{opening[1]}: {found} of {len(self.clients)} clients answered, but {formula} = "
            f"{needed} are needed (l = {self.code.slices}, t = {self.code.colluders}); missing are "
            f"{missing or 'none'}"
        )
