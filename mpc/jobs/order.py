"""A job as the server announces it to the parties, which check it again.

Shape letters: N points, R rows of an owner, D dimensions of a point, M of a payload.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from mpc.errors import FrameError, InputError
from mpc.jobs.encoding import check_bounds
from mpc.jobs.job import ClusterJob
from mpc.jobs.kept import Kept, KeptRows

Rows = Sequence[int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """A job as the server announces it to the parties; every field is public."""

    number: int
    """1, 2, ... in the order of jobs."""
    job: ClusterJob
    rows: Mapping[str, Rows]
    """The rows of each data owner; together 0 .. N - 1."""
    dim: int
    payload: int
    kept: int = 0
    """The job whose assignment the parties keep, 0 for none; a warm start begins with it."""

    @property
    def num_points(self) -> int:
        """N."""
        return sum(len(held) for held in self.rows.values())

    @property
    def owner_of_N(self) -> tuple[int, ...]:  # noqa: N802
        """The owner of each row, numbered in the order of `rows`, (N,)."""
        owners = [0] * self.num_points
        for owner, held in enumerate(self.rows.values()):
            for row in held:
                owners[row] = owner
        return tuple(owners)

    def share_shape(self, owner: str) -> tuple[int, int]:
        """Shape of what an owner shares, (R, D + M)."""
        return len(self.rows[owner]), self.dim + self.payload

    def as_json(self) -> dict[str, object]:
        """Return plain values for a control message."""
        return {
            "do": "cluster",
            "job": self.job.as_json(),
            "rows": {name: list(held) for name, held in self.rows.items()},
            "dim": self.dim,
            "payload": self.payload,
            "kept": self.kept,
        }

    @classmethod
    def from_json(cls, number: int, message: Mapping[str, object]) -> Self:
        """Rebuild and check an order that came in a control message.

        Raises
        ------
        FrameError
            The message is incomplete, malformed or contradictory.
        """
        try:
            rows = {str(name): [int(row) for row in held] for name, held in message["rows"].items()}  # type: ignore[attr-defined]
            order = cls(
                number=number,
                job=ClusterJob.from_json(message["job"]),
                rows=rows,
                dim=int(message["dim"]),  # type: ignore[call-overload]
                payload=int(message["payload"]),  # type: ignore[call-overload]
                kept=int(message.get("kept", 0)),  # type: ignore[call-overload]
            )
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise FrameError(f"the server sent a malformed job: {error}") from None
        try:
            check_rows(rows, order.job)
            order.job.check_shapes(order.num_points, order.dim, order.payload)
            check_bounds(order.job, order.num_points, order.dim)
        except InputError as error:
            raise FrameError(f"the server sent a job that is invalid: {error}") from None
        return order

    def check_kept(self, kept: Kept[KeptRows]) -> None:
        """Refuse a warm start that does not fit what this party keeps.

        Raises
        ------
        FrameError
            The server believes that another job is kept, or the start is not settled.
        """
        if self.job.start == "fresh":
            return
        if self.kept != kept.number:
            raise FrameError(
                f"the server begins at the result of job {self.kept}, but job {kept.number} is kept"
            )
        try:
            settled = kept.settled(self.job, self.rows)
        except InputError as error:
            raise FrameError(f"the server sent a job that is invalid: {error}") from None
        if settled != self.job:
            raise FrameError(
                f"the server sent start={self.job.start!r}, but too few rows or other clusters are "
                "kept"
            )


def check_rows(rows: Mapping[str, Rows], job: ClusterJob) -> int:
    """Return the number of rows N of all owners together.

    Raises
    ------
    InputError
        The rows are not 0 .. N - 1, each of one owner, or an owner has more than noise hides.
    """
    check_rows_per_owner(job, rows)
    listed = sorted(row for held in rows.values() for row in held)
    if listed != list(range(len(listed))):
        raise InputError("the rows of a job must be 0 .. N - 1, each of one owner")
    return len(listed)


def check_rows_per_owner(job: ClusterJob, rows: Mapping[str, Rows]) -> None:
    """Refuse an owner with more rows than the noise of a job hides.

    Raises
    ------
    InputError
    """
    if not job.is_private:
        return
    for name, held in rows.items():
        if len(held) > job.rows_per_owner:
            raise InputError(
                f"{name} has {len(held)} rows, but the job's noise hides rows_per_owner="
                f"{job.rows_per_owner} of an owner; raise it, which takes more noise"
            )


def rows_by_owner(owners: Sequence[int] | None, num_points: int) -> dict[str, list[int]]:
    """Return the rows of each data owner by its role; `owners` names the owner of every row."""
    if owners is None:
        owners = range(num_points)
    if len(owners) != num_points:
        raise InputError(f"{num_points} points but {len(owners)} owners are named")
    held: dict[str, list[int]] = {}
    for row, owner in enumerate(owners):
        held.setdefault(f"client:{owner}", []).append(row)
    return held
