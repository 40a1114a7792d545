"""What everybody outside the computing parties got in a job, for a test to pool."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mpc import ClusterJob, ClusterResult, SecureSession
from mpc.jobs.bounds import with_bounds
from mpc.jobs.encoding import shape_of
from mpc.jobs.rows import encode_payload
from mpc.net.frames import OPENED
from mpc.net.link import Link
from mpc.ring.fixedpoint import Int64Array
from mpc.ring.randomness import KEY_BYTES
from mpc.roles.dry_run import JobShape
from mpc.session.data_owner import DataOwner
from tests.security.dealers_view import DealersView, dealers_view


@dataclass(slots=True)
class Pool:
    """A session whose dealer shows its keys, and what everybody outside the parties sees of it."""

    session: SecureSession
    folder: Path
    got: dict[str, list[Int64Array]] = field(default_factory=dict)
    """By role: the share of something opened that came from each party."""
    job: ClusterJob = field(init=False)
    """The last, all its bounds known."""
    shape: JobShape = field(init=False)
    result: ClusterResult = field(init=False)

    def run(self, job: ClusterJob, points: np.ndarray, payload: np.ndarray) -> ClusterResult:
        self.got.clear()
        self.job = with_bounds(job, points, payload)
        self.shape = JobShape(
            job=shape_of(self.job),
            num_points=len(points),
            dim=points.shape[1],
            payload=payload.shape[1],
            num_parties=self.session.num_parties,
            owner_of_N=tuple(range(len(points))),
        )
        self.result = self.session.cluster(self.job, points, payload)
        return self.result

    def view(self) -> DealersView:
        """Return what the dealer knows of the last job."""
        keys = (self.folder / "keys").read_bytes()
        assert len(keys) == KEY_BYTES * self.session.num_parties
        return dealers_view(keys, self.shape, self.session._jobs, self.result.iterations)

    def encoded(self, payload: np.ndarray) -> Int64Array:
        """Return payloads as owners share them."""
        return encode_payload(payload, self.job)

    def rows_got(self, held: list[int]) -> Int64Array:
        """Return the shares that owners of one row each got, (P, H, M + 1)."""
        return np.stack([np.concatenate(self.got[f"client:{row}"]) for row in held], axis=1)


class Listening:
    """Fills a pool with what this process, as server and owners, hears."""

    now: Pool

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        recv_ring, next_of_owner = Link.recv_ring, DataOwner._next

        def hearing(link: Link, tag: bytes, shape: object, *, number: int = 0) -> Int64Array:
            array = recv_ring(link, tag, shape, number=number)  # type: ignore[arg-type]
            if tag == OPENED:
                self.now.got.setdefault(link.me, []).append(array.copy())
            return array

        def owner_hearing(owner: DataOwner, link: Link, tag: bytes, *more: Any) -> bytearray:
            payload = next_of_owner(owner, link, tag, *more)
            if tag == OPENED:  # of one row
                array = np.frombuffer(payload, dtype=np.int64)[None, :]
                self.now.got.setdefault(link.me, []).append(array.copy())
            return payload

        patch.setattr(Link, "recv_ring", hearing)
        patch.setattr(DataOwner, "_next", owner_hearing)
