"""Assignments that are kept from one job to the next, for a warm start.

Parties keep shares, the server only knows whose rows are kept, and the plaintext twin keeps labels.
What decides whether a job can begin with them is public, so all of them decide alike.

A job that begins fresh numbers its clusters anew, and so may a job with start `both`. Rows of
owners that are not in it are therefore dropped. A warm job keeps the numbers, and the rows of
owners that are away.

Shape letters: N points, K clusters, R rows of one owner.
"""

from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass, field, replace
from typing import Final, Generic, TypeVar

from mpc.errors import InputError
from mpc.jobs.job import ClusterJob

ENOUGH: Final = (3, 4)
"""A warm start needs at least three rows of four: a cluster without a kept row would stay empty."""

KeptRows = TypeVar("KeptRows", bound=Sized)


@dataclass(kw_only=True, slots=True)
class Kept(Generic[KeptRows]):
    """The last assignment of each owner's rows.

    Parameters
    ----------
    KeptRows
        What is kept of an owner's rows, as many as its length: shares, labels, or nothing.
    """

    number: int = 0
    """The last job that was kept; 0 if none was."""
    k: int = 0
    """Clusters of that job."""
    of: dict[str, KeptRows] = field(default_factory=dict, repr=False)
    """By owner."""

    def rows_of(self, owner: str, num_rows: int) -> KeptRows | None:
        """Return what is kept of an owner's rows; None if it held another number of them."""
        kept = self.of.get(owner)
        return kept if kept is not None and len(kept) == num_rows else None

    def settled(self, job: ClusterJob, rows: Mapping[str, Sequence[int]]) -> ClusterJob:
        """Return the job with its start decided.

        Parameters
        ----------
        job : ClusterJob
        rows : mapping of str to sequence of int
            The rows of each owner.

        Returns
        -------
        ClusterJob
            It begins fresh if it opens distances, which need no start, if fewer than three rows of
            four are kept, or if they are of another number of clusters. A warm job without k has
            the kept one, and at most its `warm_iterations`.
        """
        if job.start == "fresh":
            return job
        total = sum(len(held) for held in rows.values())
        known = sum(
            len(held) for name, held in rows.items() if self.rows_of(name, len(held)) is not None
        )
        enough = ENOUGH[1] * known >= ENOUGH[0] * total
        k = self.k if job.k is None else job.k
        if job.reveal == "distances" or not enough or k != self.k or k > total:
            if job.guarantee == "known-assignment":
                raise InputError(
                    f"guarantee='known-assignment' takes the kept assignment as it is, but of "
                    f"{total} rows {known} are kept, and in {self.k} clusters; run a job that "
                    f"assigns all rows to {k or 'k'} clusters first"
                )
            return replace(job, start="fresh")
        iterations = job.iterations
        if job.start == "warm" and job.warm_iterations is not None:
            iterations = job.warm_iterations
        restarts = job.restarts if job.k is not None else 1
        return replace(job, k=k, iterations=iterations, restarts=restarts)

    def keep(self, number: int, job: ClusterJob, k: int, of: Mapping[str, KeptRows]) -> None:
        """Keep a job's result.

        Parameters
        ----------
        number : int
            The job's number in the session.
        job : ClusterJob
            With its start settled.
        k : int
            Clusters of the result.
        of : mapping
            What is kept of every owner of the job.
        """
        if job.start != "warm":
            self.of.clear()
        self.of.update(of)
        self.number, self.k = number, k
