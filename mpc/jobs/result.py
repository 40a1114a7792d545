"""The result of a job, its ledger, and the interface of a session.

Shape letters: N points, K clusters, D dimensions of a point, M of a payload.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final, Protocol, Self

import numpy as np
import numpy.typing as npt

from mpc.jobs.job import Beginning, ClusterJob
from mpc.jobs.statement import NoiseStatement
from mpc.ring.fixedpoint import FloatArray
from mpc.traffic import Traffic

TOO_SMALL: Final = -1
"""Stands for the size of a cluster that has fewer owners than the minimum and is not opened."""
ELSEWHERE: Final = -2
"""Stands for the size of a cluster that only an owner in another process learns."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LedgerEntry:
    """One reveal: who learned what, and why."""

    to: str
    """The recipient: `server`, `parties and server`, `each client` or `evaluator`."""
    what: str
    shape: tuple[int, ...]
    why: str
    policy: str
    job: str = ""

    def as_json(self) -> dict[str, object]:
        """Return the entry as plain values."""
        return asdict(self)

    def as_line(self) -> dict[str, object]:
        """Return it for a role's ledger, where `job` is the job's number and not its label."""
        values = self.as_json()
        label = values.pop("job")
        return {**values, "shape": list(self.shape), "label": label}

    @classmethod
    def from_json(cls, values: dict[str, object]) -> Self:
        """Rebuild an entry that came in a control message."""
        shape = values["shape"]
        return cls(**{**values, "shape": tuple(shape)})  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ClusterResult:
    """Result of a job. In deployment each owner has only its own row.

    A point over a public bound is rejected: its row of `means_NM` is NaN and its size is 0. Only
    its owner learns this; under policy `distances` the server does too. If labels are opened, its
    label is 0.
    """

    k: int
    iterations: int
    """Reassignments done."""
    means_NM: FloatArray
    """Row i: the mean payload of point i's cluster, which its owner reconstructed, or NaN."""
    sizes_N: npt.NDArray[np.int64]
    """Size of each point's cluster; 0 for a rejected point, `TOO_SMALL` for a cluster with fewer
    owners than the minimum, `ELSEWHERE` for a point whose owner is another process."""
    labels_N: npt.NDArray[np.int64] | None
    """Labels 0..K-1 if the policy or `evaluate` opens them, else None."""
    ledger: tuple[LedgerEntry, ...]
    traffic: Traffic
    start: Beginning = "fresh"
    """Where the job began: `fresh` if too little was kept for the start that it asked for."""
    privacy: NoiseStatement | None = None
    """What the noise promises; None without a guarantee."""

    @property
    def rejected_N(self) -> npt.NDArray[np.bool_]:
        """Whether each point is rejected, (N,). A rejected point is in no cluster."""
        return np.asarray(self.sizes_N == 0)

    @property
    def too_small_N(self) -> npt.NDArray[np.bool_]:
        """Whether each point's cluster is below the minimum size and was not opened, (N,)."""
        return np.asarray(self.sizes_N == TOO_SMALL)


class Session(Protocol):
    """Interface of `mpc.SecureSession` and `mpc.PlainSession`."""

    def cluster(
        self,
        job: ClusterJob,
        points_ND: FloatArray,
        payload_NM: FloatArray,
        owners: Sequence[int] | None = None,
    ) -> ClusterResult:
        """Cluster points and average payloads inside clusters; client `owners[i]` holds row i."""

    def check(self) -> None:
        """Raise if a process of the session has ended."""

    def close(self) -> None:
        """End the session."""
