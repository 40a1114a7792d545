"""What everybody outside the computing parties got and gave in a job, for a test to pool."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from mpc import ClusterJob, ClusterResult, SecureSession
from mpc.fixedpoint import Int64Array
from mpc.frames import OPENED, SHARE
from mpc.randomness import KEY_BYTES
from mpc.rehearsal import JobShape
from mpc.transport import Link
from tests.security.dealers_view import DealersView, dealers_view


@dataclass(slots=True)
class Pool:
    """A session whose dealer shows its keys, and what everybody outside the parties sees of it."""

    session: SecureSession
    folder: Path
    got: dict[str, list[Int64Array]] = field(default_factory=dict)
    """By role: the share of something opened that came from each party."""
    shared: dict[str, list[Int64Array]] = field(default_factory=dict)
    """By owner: the share of its input that went to each party."""

    def run(self, job: ClusterJob, points: np.ndarray, payload: np.ndarray) -> ClusterResult:
        self.got.clear()
        self.shared.clear()
        return self.session.cluster(job, points, payload)

    def view(self, job: ClusterJob, dim: int, payload: int, iterations: int) -> DealersView:
        """Return what the dealer knows of the last job."""
        num_points = len(self.shared)
        shape = JobShape(
            job=job,
            num_points=num_points,
            dim=dim,
            payload=payload,
            num_parties=self.session.num_parties,
            owner_of_N=tuple(range(num_points)),
        )
        keys = (self.folder / "keys").read_bytes()
        assert len(keys) == KEY_BYTES * self.session.num_parties
        return dealers_view(keys, shape, self.session._jobs, iterations)

    def rows_got(self, held: list[int]) -> Int64Array:
        """Return the shares that owners of one row each got, (P, H, M + 1)."""
        return np.stack([np.concatenate(self.got[f"client:{row}"]) for row in held], axis=1)

    def rows_shared(self, held: list[int], dim: int) -> Int64Array:
        """Return the shares of their payloads, (P, H, M)."""
        shared = [np.concatenate(self.shared[f"client:{row}"]) for row in held]
        return np.stack(shared, axis=1)[..., dim:]


class Listening:
    """Fills a pool with what this process, as server and owners, hears and tells."""

    now: Pool

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        recv_ring, send_ring = Link.recv_ring, Link.send_ring

        def hearing(link: Link, tag: bytes, shape: object, *, number: int = 0) -> Int64Array:
            array = recv_ring(link, tag, shape, number=number)  # type: ignore[arg-type]
            if tag == OPENED:
                self.now.got.setdefault(link.me, []).append(array.copy())
            return array

        def telling(link: Link, tag: bytes, array: Int64Array, *, number: int = 0) -> None:
            if tag == SHARE:
                self.now.shared.setdefault(link.me, []).append(array.copy())
            send_ring(link, tag, array, number=number)

        patch.setattr(Link, "recv_ring", hearing)
        patch.setattr(Link, "send_ring", telling)
