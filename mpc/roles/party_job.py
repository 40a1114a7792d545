"""One job as a computing party does it, from shares received to results sent.

Shape letters: N points, D dimensions of a point, M of a payload.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np

from mpc.clustering.pipeline import Decision, cluster_shares
from mpc.engine.context import Party, SharedTensor
from mpc.engine.reveal import Door
from mpc.errors import FrameError, InputError, PeerTimeoutError, TransportError
from mpc.jobs.encoding import check_bounds, shape_of
from mpc.jobs.job import ClusterJob
from mpc.net.exchange import collect
from mpc.net.frames import CONTROL, DECISION, SHARE
from mpc.net.handshake import Reception
from mpc.net.link import Link, allow_open_files
from mpc.preprocessing.provider import DealerProvider
from mpc.preprocessing.schedule import Schedule
from mpc.ring.fixedpoint import Int64Array
from mpc.roles.dry_run import JobShape, rehearse
from mpc.roles.job_meter import Meter, Network

Rows = Sequence[int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """A job as the server announces it to the parties; all of it is public."""

    number: int
    """1, 2, ... in the order of jobs."""
    job: ClusterJob
    rows: Mapping[str, Rows]
    """Which rows each data owner holds; together 0 .. N - 1."""
    dim: int
    payload: int

    @property
    def num_points(self) -> int:
        """N."""
        return sum(len(held) for held in self.rows.values())

    @property
    def owner_of_N(self) -> tuple[int, ...]:  # noqa: N802
        """Which owner holds each row, numbered in the order of `rows`."""
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
        }

    @classmethod
    def from_json(cls, number: int, message: Mapping[str, object]) -> Self:
        """Rebuild, and check again, what came in a control message.

        Raises
        ------
        FrameError
            Something is missing, malformed or contradicts itself.
        """
        try:
            rows = {str(name): [int(row) for row in held] for name, held in message["rows"].items()}  # type: ignore[attr-defined]
            order = cls(
                number=number,
                job=ClusterJob.from_json(message["job"]),
                rows=rows,
                dim=int(message["dim"]),  # type: ignore[call-overload]
                payload=int(message["payload"]),  # type: ignore[call-overload]
            )
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise FrameError(f"the server sent a malformed job: {error}") from None
        if sorted(row for held in rows.values() for row in held) != list(range(order.num_points)):
            raise FrameError("the rows of a job must be 0 .. N - 1, each of one owner")
        try:
            order.job.check_shapes(order.num_points, order.dim, order.payload)
            check_bounds(order.job, order.num_points, order.dim)
        except InputError as error:
            raise FrameError(f"the server sent a job that cannot be: {error}") from None
        return order


def run_job(
    network: Network,
    reception: Reception,
    order: Order,
    *,
    timeout_s: float,
    job_timeout_s: float,
) -> None:
    """Receive shares, compute, hand out results, and report to the server what is public.

    When data owners fail, the job is given up, and the party is ready for the next.

    Parameters
    ----------
    network : Network
    reception : Reception
        Lets data owners in.
    order : Order
    timeout_s : float
        Longest wait for a data owner to connect, and longest silence of one while it sends.
    job_timeout_s : float
        Longest time that all of them may take to send.
    """
    meter = Meter(network, job=order.number)
    pulse = _Pulse(network.server, order.number, every_s=timeout_s / 4)
    pulse()
    network.provider.compare_by(order.job.comparisons)
    if isinstance(network.provider, DealerProvider):
        network.provider.expect(order.number, _schedule_of(network, order))
    pulse()
    links, refused = _await_owners(reception, order, timeout_s, pulse)
    shares, failures = collect(
        {link: order.share_shape(name) for name, link in links.items()},
        SHARE,
        number=order.number,
        silence_s=timeout_s,
        within_s=job_timeout_s,
        pulse=pulse,
    )
    refused |= _drop_failed(reception, failures)
    network.server.send_json(CONTROL, {"refused": refused}, number=order.number)
    _await_word(network.server, job_timeout_s)  # it may be waiting for another party
    if not network.server.recv_json(CONTROL, number=order.number).get("go"):
        network.provider.finish()
        return
    owners = {link: order.rows[name] for name, link in links.items()}
    points_enc_ND, payload_enc_NM = assemble(network.party, owners, shares, dim=order.dim)
    meter.inputs_are_in()
    door = Door(network.server, owners, order.job, number=order.number)
    done = cluster_shares(
        order.job,
        points_enc_ND,
        payload_enc_NM,
        door=door,
        meter=meter,
        decide=lambda: _decision_of(network.server, order.number, within_s=job_timeout_s),
        owner_of_N=order.owner_of_N,
    )
    report: dict[str, object] = {
        "k": done.k,
        "iterations": done.iterations,
        "labels": None if done.labels is None else list(done.labels),
        "ledger": [entry.as_json() for entry in door.ledger],
        "undelivered": door.undelivered,
    }
    for name in door.undelivered:
        reception.drop(name)
    network.server.send_json(CONTROL, report | meter.report(list(owners)), number=order.number)


def _await_owners(
    reception: Reception, order: Order, timeout_s: float, pulse: Callable[[], None]
) -> tuple[dict[str, Link], dict[str, str]]:
    """Wait for every owner to connect; return links, and who did not come."""
    allow_open_files(len(reception.missing(order.rows)))
    refused: dict[str, str] = {}
    try:
        reception.wait_for(order.rows, timeout_s=timeout_s, pulse=pulse)
    except PeerTimeoutError as error:
        refused = {name: str(error) for name in reception.missing(order.rows)}
    return reception.present(order.rows), refused


def _drop_failed(reception: Reception, failures: Mapping[Link, TransportError]) -> dict[str, str]:
    """Hang up on owners that failed, who have to connect anew; return who they are and why."""
    for link in failures:
        reception.drop(link.peer)
    return {link.peer: str(error) for link, error in failures.items()}


class _Pulse:
    """Tells the server now and then that this party lives and waits for data owners."""

    def __init__(self, server: Link, number: int, *, every_s: float) -> None:
        self._server = server
        self._number = number
        self._every_s = every_s
        self._last = -math.inf

    def __call__(self) -> None:
        now = time.monotonic()
        if now - self._last >= self._every_s:
            self._last = now
            self._server.send_json(CONTROL, {"waiting": True}, number=self._number)


def assemble(
    party: Party,
    owners: Mapping[Link, Rows],
    shares: Mapping[Link, Int64Array],
    *,
    dim: int,
) -> tuple[SharedTensor, SharedTensor]:
    """Put every owner's rows in place: shares of points (N, D) and of the payload (N, M)."""
    num_points = sum(len(rows) for rows in owners.values())
    width = next(iter(shares.values())).shape[1]
    whole = np.empty((num_points, width), dtype=np.int64)
    for link, rows in owners.items():
        whole[np.asarray(rows)] = shares[link]
    points, rest = np.ascontiguousarray(whole[:, :dim]), np.ascontiguousarray(whole[:, dim:])
    return party.holds(points), party.holds(rest)


def _schedule_of(network: Network, order: Order) -> Schedule:
    """Rehearse a job, or remember one of the same shape."""
    return _rehearsed(
        JobShape(
            job=shape_of(order.job),
            num_points=order.num_points,
            dim=order.dim,
            payload=order.payload,
            owner_of_N=order.owner_of_N,
            num_parties=network.communicator.get_world_size(),
        )
    )


_rehearsed = lru_cache(maxsize=32)(rehearse)


def _await_word(server: Link, within_s: float) -> None:
    """Wait longer for the server than for a peer, but no longer than a job may take."""
    if not server.readable_within(within_s):
        raise PeerTimeoutError(
            f"{server.peer} was silent towards {server.me} for {within_s:g} s in a job"
        )


def _decision_of(server: Link, number: int, *, within_s: float) -> Decision:
    _await_word(server, within_s)  # choosing k may take it long
    decision = server.recv_json(DECISION, number=number)
    return Decision(
        labels=tuple(decision["labels"]),  # type: ignore[arg-type]
        k=int(str(decision["k"])),
        iterations=int(str(decision["iterations"])),
    )
