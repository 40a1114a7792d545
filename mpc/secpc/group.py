"""The clients of a job as the server sees them: what it can ask, and who is lost."""

from collections.abc import Callable, Mapping
from typing import Protocol

from mpc.ring.fixedpoint import FloatArray, Int64Array
from mpc.secpc.field import Elements
from mpc.secpc.messages import CodedOrder, OwnRows, Query
from mpc.secpc.tally import Tally

Received = Mapping[int, Int64Array]
"""By client that reported: whose shares it has, (J,), 1 or 0."""


class ClientGroup(Protocol):
    """Interface of clients in this process, or in processes of their own.

    A client that fails or is silent is lost: it is not asked again in this job, and what others
    hold of it goes on to count.
    """

    clients: tuple[str, ...]
    """Their roles."""
    lost: dict[int, str]
    """Why each lost client is lost, by its place."""
    on_phase: Callable[[str], None]
    """Is told of each phase before it begins: share, masks, distances, sums, result."""
    tally: Tally
    """Of the current job."""

    @property
    def is_whole(self) -> bool:
        """Whether no client is lost or has ended."""

    rounds: int
    """Longest chain of dependent messages of the current job."""

    def share(self, order: CodedOrder, rows: Mapping[int, OwnRows]) -> Received:
        """Let all clients share their rows and first mask polynomials with one another."""

    def share_masks(self, polynomials: int) -> Received:
        """Let all clients share further mask polynomials with one another."""

    def ask_distances(self, query: Query) -> Mapping[int, Elements]:
        """Return answers by client, flattened (N C,)."""

    def ask_sums(self, query: Query) -> Mapping[int, Elements]:
        """Return answers by client, flattened (K Y,)."""

    def deliver(self, results: Mapping[int, Int64Array]) -> Mapping[int, FloatArray]:
        """Send each client its sums and sizes, (R, M + 1); return the means and sizes it makes."""

    def close(self) -> None:
        """End all clients. Idempotent."""
