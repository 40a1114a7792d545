"""One job at a computing party, from received shares to sent results.

Shape letters: N points, D dimensions of a point, M of a payload.
"""

import math
import time
from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np
import torch

from mpc.clustering.pipeline import Decision, cluster_shares
from mpc.engine.context import Party, SharedTensor
from mpc.engine.reveal import PartyRevealer
from mpc.errors import Cause, PeerTimeoutError, TransportError
from mpc.jobs.encoding import shape_of
from mpc.jobs.kept import Kept
from mpc.jobs.order import Order, Rows
from mpc.net.exchange import collect
from mpc.net.frames import CONTROL, DECISION, SHARE
from mpc.net.handshake import Reception
from mpc.net.link import Link, allow_open_files
from mpc.preprocessing.provider import DealerProvider
from mpc.preprocessing.schedule import Schedule
from mpc.ring.fixedpoint import Int64Array
from mpc.roles.dry_run import JobShape, schedule_for
from mpc.roles.job_meter import Meter, Network

KeptShares = Kept[torch.Tensor]
"""A party's shares of the last assignment of every owner, (R, K) each."""


def run_job(
    network: Network,
    reception: Reception,
    order: Order,
    kept: KeptShares,
    *,
    timeout_s: float,
    job_timeout_s: float,
) -> None:
    """Receive shares, compute, send results to owners, and report public values to the server.

    If data owners fail, the job is cancelled, and the party is ready for the next one.

    Parameters
    ----------
    network : Network
    reception : Reception
        Accepts data owners.
    order : Order
    kept : Kept
        What a warm start begins with; the job's result is added.
    timeout_s : float
        Longest wait for a data owner to connect, and longest silence of one while it sends.
    job_timeout_s : float
        Longest time that all owners together may take to send.
    """
    order.check_kept(kept)
    meter = Meter(network, job=order.number)
    heartbeat = _Heartbeat(network.server, order.number, every_s=timeout_s / 4)
    heartbeat()
    network.provider.compare_by(order.job.comparisons)
    if isinstance(network.provider, DealerProvider):
        network.provider.expect(order.number, _schedule_of(network, order))
    heartbeat()
    links, refused = _await_owners(reception, order, timeout_s, heartbeat)
    shares, failures = collect(
        {link: order.share_shape(name) for name, link in links.items()},
        SHARE,
        number=order.number,
        silence_s=timeout_s,
        within_s=job_timeout_s,
        heartbeat=heartbeat,
    )
    refused |= _drop_failed(reception, failures)
    if not _may_go_on(network, order, refused, within_s=job_timeout_s):
        network.provider.finish()
        return
    owners = {link: order.rows[name] for name, link in links.items()}
    inputs = assemble(network.party, owners, shares, dim=order.dim)
    meter.inputs_are_in()
    revealer = PartyRevealer(network.server, owners, order.job, number=order.number)
    report = _computed(network, order, inputs, kept, revealer, meter, within_s=job_timeout_s)
    for name in revealer.undelivered:
        reception.drop(name)
    network.server.send_json(CONTROL, report | meter.report(list(owners)), number=order.number)


def _may_go_on(network: Network, order: Order, refused: dict[str, str], *, within_s: float) -> bool:
    """Tell the server which owners failed, and wait for its decision whether the job goes on."""
    server = network.server
    server.send_json(CONTROL, {"refused": refused}, number=order.number)
    _await_server(server, within_s)  # it may be waiting for another party
    return bool(server.recv_json(CONTROL, number=order.number).get("go"))


def _computed(
    network: Network,
    order: Order,
    inputs: tuple[SharedTensor, SharedTensor],
    kept: KeptShares,
    revealer: PartyRevealer,
    meter: Meter,
    *,
    within_s: float,
) -> dict[str, object]:
    """Do the job on points and payload, send results, and return the public values."""
    points_enc_ND, payload_enc_NM = inputs
    done = cluster_shares(
        order.job,
        points_enc_ND,
        payload_enc_NM,
        revealer=revealer,
        meter=meter,
        decide=lambda: _decision_of(network.server, order.number, within_s=within_s),
        owner_of_N=order.owner_of_N,
        kept_enc_NK=_kept_rows(network.party, order, kept),
    )
    share_NK = done.assignment_enc_NK.share
    of_owners = {name: share_NK[list(held)] for name, held in order.rows.items()}
    kept.keep(order.number, order.job, done.k, of_owners)
    return {
        "k": done.k,
        "iterations": done.iterations,
        "labels": None if done.labels is None else list(done.labels),
        "ledger": [entry.as_json() for entry in revealer.ledger],
        "undelivered": revealer.undelivered,
    }


def _kept_rows(party: Party, order: Order, kept: KeptShares) -> SharedTensor | None:
    """Return shares of the kept assignment of a warm start, zero where nothing is kept, (N, K)."""
    if order.job.start == "fresh":
        return None
    share_NK = torch.zeros(order.num_points, kept.k, dtype=torch.int64)
    for name, held in order.rows.items():
        rows = kept.rows_of(name, len(held))
        if rows is not None:
            share_NK[list(held)] = rows
    return party.holds(share_NK)


def _await_owners(
    reception: Reception, order: Order, timeout_s: float, heartbeat: Callable[[], None]
) -> tuple[dict[str, Link], dict[str, str]]:
    """Wait for every owner to connect; return links, and the owners that did not connect."""
    allow_open_files(len(reception.missing(order.rows)))
    refused: dict[str, str] = {}
    try:
        reception.wait_for(order.rows, timeout_s=timeout_s, heartbeat=heartbeat)
    except PeerTimeoutError as error:
        refused = {name: str(error) for name in reception.missing(order.rows)}
    return reception.present(order.rows), refused


def _drop_failed(reception: Reception, failures: Mapping[Link, TransportError]) -> dict[str, str]:
    """Close the links of owners that failed, who must reconnect; return their errors."""
    for link in failures:
        reception.drop(link.peer)
    return {link.peer: str(error) for link, error in failures.items()}


class _Heartbeat:
    """Tells the server at intervals that this party is alive and waits for data owners."""

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
    """Place every owner's rows: shares of points (N, D) and of payloads (N, M)."""
    num_points = sum(len(rows) for rows in owners.values())
    width = next(iter(shares.values())).shape[1]
    whole = np.empty((num_points, width), dtype=np.int64)
    for link, rows in owners.items():
        whole[np.asarray(rows)] = shares[link]
    points, rest = np.ascontiguousarray(whole[:, :dim]), np.ascontiguousarray(whole[:, dim:])
    return party.holds(points), party.holds(rest)


def _schedule_of(network: Network, order: Order) -> Schedule:
    """Do a dry run, or return the cached schedule of a job with the same shape."""
    return _schedule_for(
        JobShape(
            job=shape_of(order.job),
            num_points=order.num_points,
            dim=order.dim,
            payload=order.payload,
            owner_of_N=order.owner_of_N,
            num_parties=network.communicator.get_world_size(),
        )
    )


_schedule_for = lru_cache(maxsize=32)(schedule_for)


def _await_server(server: Link, within_s: float) -> None:
    """Wait for a message of the server, as long as a job may take."""
    if not server.readable_within(within_s):
        raise PeerTimeoutError(
            f"{server.peer} was silent towards {server.me} for {within_s:g} s in a job",
            cause=Cause(silent=server.peer),
        )


def _decision_of(server: Link, number: int, *, within_s: float) -> Decision:
    _await_server(server, within_s)  # choosing k may take long
    decision = server.recv_json(DECISION, number=number)
    return Decision(
        labels=tuple(decision["labels"]),  # type: ignore[arg-type]
        k=int(str(decision["k"])),
        iterations=int(str(decision["iterations"])),
    )
