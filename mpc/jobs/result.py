"""What comes of a job: who learned what, what owners reconstruct, and what runs it.

Shape letters: N points, K clusters, D dimensions of a point, M of a payload.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final, Protocol, Self

import numpy as np
import numpy.typing as npt

from mpc.jobs.job import ClusterJob
from mpc.ring.fixedpoint import FloatArray
from mpc.traffic import Traffic

TOO_SMALL: Final = -1
"""In place of a size: the point's cluster has fewer owners than the minimum, nothing is opened."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LedgerEntry:
    """One opening: who learned what, and why."""

    to: str
    """Who learns: `server`, `parties and server`, `each client` or `evaluator`."""
    what: str
    shape: tuple[int, ...]
    why: str
    policy: str
    job: str = ""

    def as_json(self) -> dict[str, object]:
        """Return the entry as plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, object]) -> Self:
        """Rebuild an entry that came in a control message."""
        shape = values["shape"]
        return cls(**{**values, "shape": tuple(shape)})  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ClusterResult:
    """What came of a job. In deployment each owner has its own row only.

    A point over a public bound is rejected: its own row of `means_NM` is NaN, its
    size 0, and that is how its owner, and nobody else, learns of it; under policy `distances` the
    server does, too. Its label, where labels are opened, is 0.
    """

    k: int
    iterations: int
    """Reassignments done."""
    means_NM: FloatArray
    """Row i is what owner of point i reconstructed: its own cluster's mean payload, or NaN."""
    sizes_N: npt.NDArray[np.int64]
    """Points in each point's own cluster; 0 for a rejected point, `TOO_SMALL` where the
    cluster has fewer owners than the minimum."""
    labels_N: npt.NDArray[np.int64] | None
    """0..K-1, if the policy or `evaluate` opens them; else None."""
    ledger: tuple[LedgerEntry, ...]
    traffic: Traffic

    @property
    def rejected_N(self) -> npt.NDArray[np.bool_]:
        """Points over a public bound, (N,): rejected, they are in no cluster."""
        return np.asarray(self.sizes_N == 0)

    @property
    def too_small_N(self) -> npt.NDArray[np.bool_]:
        """Whose cluster is below the minimum size, so that nothing of it was opened, (N,)."""
        return np.asarray(self.sizes_N == TOO_SMALL)


class Session(Protocol):
    """What `mpc.open_session` and its plaintext twin have in common."""

    def cluster(
        self,
        job: ClusterJob,
        points_ND: FloatArray,
        payload_NM: FloatArray,
        owners: Sequence[int] | None = None,
    ) -> ClusterResult:
        """Cluster points, average payloads inside clusters; row i is of client `owners[i]`."""

    def check(self) -> None:
        """Raise if a process of the session has ended."""

    def close(self) -> None:
        """End the session."""
