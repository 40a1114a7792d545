"""One job at a computing party, from received shares to sent results.

Shape letters: N points, D dimensions of a point, M of a payload.
"""

import math
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from mpc.clustering.pipeline import Decision, cluster_shares
from mpc.consent.chain import Ledger
from mpc.consent.policy import Consent
from mpc.consent.spending import SPENT
from mpc.consent.terms import Terms
from mpc.engine.context import Party, SharedTensor
from mpc.engine.reveal import PartyRevealer
from mpc.errors import (
    Cause,
    ConsentError,
    FrameError,
    PartyError,
    PeerClosedError,
    PeerTimeoutError,
)
from mpc.jobs.encoding import shape_of
from mpc.jobs.kept import Kept
from mpc.jobs.order import Order, Rows
from mpc.net.frames import CONTROL, DECISION
from mpc.net.handshake import Reception
from mpc.net.link import Link
from mpc.preprocessing.provider import DealerProvider
from mpc.preprocessing.schedule import Schedule
from mpc.ring.fixedpoint import Int64Array
from mpc.roles.dry_run import JobShape, schedule_for
from mpc.roles.inputs import Inputs
from mpc.roles.job_meter import Meter, Network
from mpc.roles.mailbox import Mailbox
from mpc.roles.shards import Shards

KeptShares = Kept[torch.Tensor]
"""A party's shares of the last assignment of every owner, (R, K) each."""


@dataclass(frozen=True, kw_only=True)
class Charter:
    """What a party holds every job against, and where it writes what it did."""

    session: str
    run: str
    """Name of this run of the session; see `mpc.consent.terms.Terms`."""
    consent: Consent
    ledger: Ledger

    def terms_of(self, order: Order, num_parties: int) -> Terms:
        """Return the terms of an order of this session."""
        return Terms.of(order, session=self.session, run=self.run, parties=num_parties)

    def write(self, event: str, order: Order, **values: object) -> None:
        """Append an event of a job to the ledger."""
        self.ledger.write(event, run=self.run, job=order.number, **values)

    def spend(self, order: Order) -> None:
        """Write down what a job's owners spend, on disk before anything is opened."""
        job = order.job
        if job.is_private:
            values = {"guarantee": job.guarantee, "rho": job.rho, "owners": list(order.rows)}
            self.write(SPENT, order, **values)
            self.ledger.sync()


def run_job(
    network: Network,
    reception: Reception,
    order: Order,
    kept: KeptShares,
    shards: Shards,
    *,
    charter: Charter,
    mailbox: Mailbox,
    timeout_s: float,
    job_timeout_s: float,
) -> None:
    """Agree with the owners, compute, send them results, and report public values to the server.

    If this party's policy does not allow the job, or if data owners refuse or fail, the job is
    given up, nothing is opened, and the party is ready for the next one.

    Parameters
    ----------
    network : Network
    reception : Reception
        Accepts data owners.
    order : Order
    kept : Kept
        What a warm start begins with; the job's result is added.
    shards : Shards
        Results of shards before; that of a shard is added.
    charter : Charter
    mailbox : Mailbox
        Keeps the owners' results.
    timeout_s : float
        Longest wait for a data owner to connect, and longest silence of one while it sends.
    job_timeout_s : float
        Longest time that all owners together may take to send.
    """
    began = time.monotonic()
    order.check_kept(kept)
    shards.check(order)
    shards.drop_ended(reception)
    meter = Meter(network, job=order.number)
    heartbeat = _Heartbeat(network.server, order.number, every_s=timeout_s / 4)
    heartbeat()
    terms = charter.terms_of(order, network.communicator.get_world_size())
    inputs = Inputs(
        reception,
        order,
        terms,
        timeout_s=timeout_s,
        job_timeout_s=job_timeout_s,
        heartbeat=heartbeat,
    )
    shares = _agreed_shares(network, order, terms, inputs, charter, heartbeat)
    if not _may_go_on(network, order, inputs, charter, within_s=job_timeout_s):
        return
    charter.spend(order)
    for name in order.rows:
        mailbox.forget(name)
    owners = {link: order.rows[link.peer] for link in shares}
    given = assemble(network.party, owners, shares, dim=order.dim)
    meter.inputs_are_in()
    revealer = PartyRevealer(
        network.server,
        owners,
        order.job,
        number=order.number,
        record=lambda entry: charter.write("opened", order, **entry.as_line()),
        keep=mailbox.put,
    )
    keep = (kept, shards)
    report = _computed(network, order, given, keep, revealer, meter, within_s=job_timeout_s)
    for name in revealer.undelivered:
        reception.drop(name)
    seconds = round(time.monotonic() - began, 3)
    charter.write("done", order, seconds=seconds, undelivered=len(revealer.undelivered))
    charter.ledger.sync()
    told = report | meter.report(list(owners))
    with suppress(PeerClosedError):  # the next server, or nobody, goes on
        network.server.send_json(CONTROL, told, number=order.number)


def _agreed_shares(
    network: Network,
    order: Order,
    terms: Terms,
    inputs: Inputs,
    charter: Charter,
    heartbeat: Callable[[], None],
) -> dict[Link, Int64Array]:
    """Check the policy, prepare the job, and collect the shares of owners that consent."""
    try:
        charter.consent.check(terms, list(order.rows))
    except ConsentError as error:
        charter.write("refused", order, refusals=[dict(each) for each in error.refusals])
        inputs.refusals += error.refusals
        inputs.give_up(str(error), error.refusals)
        return {}
    charter.write("agreed", order, digest=terms.digest.hex(), terms=terms.as_json())
    inputs.announce()
    network.provider.compare_by(order.job.comparisons)
    if isinstance(network.provider, DealerProvider):
        network.provider.expect(order.number, _schedule_of(network, order))
    heartbeat()
    return inputs.collect()


def _may_go_on(
    network: Network, order: Order, inputs: Inputs, charter: Charter, *, within_s: float
) -> bool:
    """Tell the server what is missing, and wait for its decision whether the job goes on.

    If it does not, all owners are told why.
    """
    server = network.server
    report = {"refused": inputs.failed, "refusals": [dict(each) for each in inputs.refusals]}
    try:
        server.send_json(CONTROL, report, number=order.number)
        _await_server(server, within_s)  # it may be waiting for another party
        decision = server.recv_json(CONTROL, number=order.number)
    except PeerClosedError as error:
        decision = {"go": False, "why": str(error)}
    whole = not inputs.failed and not inputs.refusals
    if decision.get("go") and whole:
        return True
    if decision.get("go"):
        raise PartyError(f"{server.me} has not what the job needs, but the server goes on with it")
    why = str(decision.get("why", "the server gave no reason"))
    charter.write("given up", order, why=why)
    charter.ledger.sync()
    refused_by = {str(each.get("role")) for each in refusals_in(decision)}
    inputs.give_up(why, refusals_in(decision))
    _discard(network, order, refused_by, me=charter.consent.role)
    return False


def _discard(network: Network, order: Order, refused_by: Collection[str], *, me: str) -> None:
    """Discard what the dealer sends for a job that is given up.

    Party 0 asks the dealer unless it refuses the job itself. What others then receive they have to
    read, even if they refuse the job.
    """
    provider = network.provider
    if isinstance(provider, DealerProvider):
        if "party:0" in refused_by:
            provider.forget()
        elif me in refused_by:
            provider.expect(order.number, _schedule_of(network, order))
    provider.finish()


def refusals_in(message: Mapping[str, object]) -> list[Mapping[str, object]]:
    """Return the refusals in a control message."""
    listed = message.get("refusals", [])
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise FrameError("a control message has malformed refusals")
    return listed


def _computed(
    network: Network,
    order: Order,
    inputs: tuple[SharedTensor, SharedTensor],
    keep: tuple[KeptShares, Shards],
    revealer: PartyRevealer,
    meter: Meter,
    *,
    within_s: float,
) -> dict[str, object]:
    """Do the job on points and payload, send results, and return the public values."""
    points_enc_ND, payload_enc_NM = inputs
    kept, shards = keep
    done = cluster_shares(
        order.job,
        points_enc_ND,
        payload_enc_NM,
        revealer=revealer,
        meter=meter,
        decide=lambda: _decision_of(network.server, order.number, within_s=within_s),
        owner_of_N=order.owner_of_N,
        kept_enc_NK=_kept_rows(network.party, order, kept),
        origin_enc_D=shards.origin_for(order),
    )
    if order.job.is_shard:
        shards.keep(order, done)
    else:
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
