"""A party's shares of the shards of a sharded clustering, and the jobs that follow the shards.

The server orders shards one after another, then the second level, then reassignments of each
shard's points, then that each shard's results are handed back. All that follows the shards is said
by their terms, to which their owners consented: the server's orders say nothing but which comes
next.
"""

from dataclasses import dataclass, field, replace
from functools import lru_cache

import torch

from mpc.clustering.pipeline import Clustering
from mpc.clustering.reassignment import Centres, join, reassigned
from mpc.clustering.second_level import second_level
from mpc.clustering.shard_results import hand_back
from mpc.clustering.shard_sums import ShardRows
from mpc.clustering.weighted_points import ShardShares
from mpc.consent.chain import Ledger
from mpc.engine.context import SharedTensor
from mpc.engine.reveal import OWN_MEAN, PartyRevealer
from mpc.errors import FrameError
from mpc.jobs.encoding import shape_of
from mpc.jobs.job import ClusterJob
from mpc.jobs.order import Order
from mpc.jobs.sharding import final_job, same_clustering
from mpc.net.handshake import Reception
from mpc.preprocessing.schedule import Schedule
from mpc.roles.follow_up import FollowUp
from mpc.roles.job_meter import Network
from mpc.roles.mailbox import Mailbox
from mpc.roles.sharded_dry_run import (
    ReassignmentShape,
    SecondLevelShape,
    ShardShape,
    dry_hand_back,
    dry_join,
    dry_reassignment,
    dry_second_level,
    schedule_from,
)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _KeptShard:
    order: Order
    shares: ShardShares = field(repr=False)
    rows: ShardRows | None = field(repr=False)
    """None if points are not reassigned, or not any more."""


class Shards:
    """What a party keeps of a sharded clustering, from its first shard until all is handed back."""

    def __init__(self) -> None:
        self._were_here: tuple[str, ...] = ()
        """Owners of the last shard that was clustered or handed back; many of them hang up."""
        self._forget()

    def _forget(self) -> None:
        self._kept: list[_KeptShard] = []
        self._origin: SharedTensor | None = None
        self._centres: Centres | None = None
        """To which points are reassigned; None before the second level and after the last time."""
        self._done: int = 0
        """Reassignments of all shards."""
        self._reassigned: list[ShardShares] = []
        """The shards that were reassigned to these centres, in order."""
        self._results: dict[int, SharedTensor] = {}
        """What is still to be handed back, by shard."""

    @property
    def _is_complete(self) -> bool:
        """Whether the second level was done."""
        return self._centres is not None or bool(self._results)

    def check(self, order: Order) -> None:
        """Refuse a shard that does not follow those that are kept.

        Raises
        ------
        FrameError
            Its number, settings or shapes do not fit; or an owner has taken part already, and
            would be counted as two.
        """
        job = order.job
        if not job.is_shard or job.shard == 1:
            return
        if job.shard != len(self._kept) + 1 or self._is_complete:
            raise FrameError(
                f"the server sent shard {job.shard}, but {len(self._kept)} are kept of this "
                "clustering"
            )
        first = self._kept[0].order
        if not same_clustering(first.job, job) or _lengths(first) != _lengths(order):
            raise FrameError(f"the server sent a shard {job.shard} of another clustering")
        for kept in self._kept:
            again = kept.order.rows.keys() & order.rows.keys()
            if again:
                raise FrameError(
                    f"the server sent {min(again)} in shards {kept.order.job.shard} and {job.shard}"
                )

    def origin_for(self, order: Order) -> SharedTensor | None:
        """Return what the points of a shard are measured from; None: their own mean."""
        return self._origin if order.job.is_shard and order.job.shard > 1 else None

    def keep(self, order: Order, done: Clustering) -> None:
        """Keep a shard's result; the first shard of a clustering replaces all that was kept."""
        if done.sums is None:
            return
        if order.job.shard == 1:
            self._forget()
            self._origin = done.sums.origin_enc_D
        shares = ShardShares(
            points_enc_KD=done.sums.points_enc_KD,
            payload_enc_KM=done.sums.payload_enc_KM,
            assignment_enc_NK=done.assignment_enc_NK,
            owner_of_N=order.owner_of_N,
        )
        self._kept.append(_KeptShard(order=order, shares=shares, rows=done.sums.rows))
        self._were_here = tuple(order.rows)

    def drop_ended(self, reception: Reception) -> None:
        """Forget links of owners that hung up after the last shard, so that few stay open."""
        reception.drop_ended(self._were_here)

    def run_second_level(self, network: Network, ledger: Ledger, number: int) -> None:
        """Cluster the clusters of all shards, keep what owners are to receive, and report.

        Raises
        ------
        FrameError
            Shards are missing, or it was done before.
        """
        if not self._kept or len(self._kept) != self._kept[0].order.job.shards or self._is_complete:
            raise FrameError(
                f"the server asked for a second level, but {len(self._kept)} shards are kept"
            )
        job = self._job
        follow_up = FollowUp(
            network,
            ledger,
            number,
            of={"second_level_of": self._numbers},
            comparisons=job.comparisons,
            schedule=_second_level_schedule(self._shape(network)),
        )
        revealer = follow_up.revealer(job)
        shares = [kept.shares for kept in self._kept]
        done = second_level(job, shares, revealer=revealer, meter=follow_up.meter)
        self._results = dict(enumerate(done.results, start=1))
        self._centres = done.centres
        if done.centres is not None:
            self._kept = [replace(kept, shares=_nothing(kept.shares)) for kept in self._kept]
        follow_up.report(revealer, iterations=done.iterations)

    def run_reassignment(self, network: Network, ledger: Ledger, number: int, shard: int) -> None:
        """Reassign the points of a shard to the centres of all shards, and report.

        Raises
        ------
        FrameError
            It is not this shard's turn.
        """
        if self._centres is None or shard != len(self._reassigned) + 1 or shard > len(self._kept):
            raise FrameError(
                f"the server asked to reassign shard {shard}, but {len(self._reassigned)} of "
                f"{len(self._kept)} are reassigned"
            )
        kept, last = self._kept[shard - 1], self._is_last
        if kept.rows is None:
            raise FrameError(f"the server asked to reassign shard {shard}, whose rows are not kept")
        job, shape = self._job, self._shape(network)
        follow_up = FollowUp(
            network,
            ledger,
            number,
            of={"reassignment_of": [kept.order.number]},
            comparisons=job.comparisons,
            schedule=_reassignment_schedule(shape.reassignment(shard, last=last)),
        )
        self._reassigned.append(
            reassigned(
                kept.rows,
                kept.order.owner_of_N,
                self._centres,
                last=last,
                meter=follow_up.meter,
            )
        )
        if last:
            self._kept[shard - 1] = replace(kept, rows=None)
        follow_up.report(follow_up.revealer(job))

    def run_join(self, network: Network, ledger: Ledger, number: int) -> None:
        """Find the next centres, or what owners are to receive, and report.

        Raises
        ------
        FrameError
            Shards are not reassigned yet.
        """
        if self._centres is None or len(self._reassigned) != len(self._kept):
            raise FrameError(
                f"the server asked to join shards, but {len(self._reassigned)} of "
                f"{len(self._kept)} are reassigned"
            )
        job, last = self._job, self._is_last
        follow_up = FollowUp(
            network,
            ledger,
            number,
            of={"join_of": self._numbers},
            comparisons=job.comparisons,
            schedule=_join_schedule(self._shape(network), last=last),
        )
        found = join(self._reassigned, job.min_cluster_size, last=last, meter=follow_up.meter)
        if isinstance(found, Centres):
            self._centres = found
        else:
            self._centres = None
            self._results = dict.fromkeys(range(1, len(self._kept) + 1), found)
            pairs = zip(self._kept, self._reassigned, strict=True)
            self._kept = [replace(kept, shares=shares) for kept, shares in pairs]
        self._done, self._reassigned = self._done + 1, []
        follow_up.report(follow_up.revealer(job))

    def run_hand_back(
        self,
        network: Network,
        ledger: Ledger,
        number: int,
        shard: int,
        reception: Reception,
        mailbox: Mailbox,
    ) -> None:
        """Send the owners of a shard their results; what an absent one gets stays in the mailbox.

        Raises
        ------
        FrameError
            There is no second level yet, or the shard's results were handed back before.
        """
        results_enc_KM = self._results.pop(shard, None)
        if results_enc_KM is None:
            raise FrameError(f"the server asked for results of shard {shard}, but none are kept")
        kept = self._kept[shard - 1]
        order, assignment = kept.order, kept.shares.assignment_enc_NK
        payload = results_enc_KM.size(1) - 1
        shape = (*assignment.size(), payload, network.communicator.get_world_size())
        follow_up = FollowUp(
            network,
            ledger,
            number,
            of={"hand_back_of": [order.number]},
            comparisons=order.job.comparisons,
            schedule=_hand_back_schedule(*shape),
        )
        self.drop_ended(reception)
        self._were_here = tuple(order.rows)
        reception.drop_ended(order.rows)
        links = reception.present(order.rows)
        line = {"run": network.provider.run, "job": order.number}
        revealer = PartyRevealer(
            network.server,
            {link: order.rows[name] for name, link in links.items()},
            final_job(order.job),
            number=order.number,
            record=lambda entry: ledger.write("opened", **line, **entry.as_line()),
            keep=mailbox.put,
            absent={name: held for name, held in order.rows.items() if name not in links},
            keep_for=mailbox.put_for,
        )
        with follow_up.meter.step("means"):
            own_enc_NM = hand_back(assignment, results_enc_KM)
        revealer.reveal(own_enc_NM, OWN_MEAN, why="own mean, one row each")
        for name in revealer.undelivered:
            reception.drop(name)
        if self._results:
            self._kept[shard - 1] = replace(kept, shares=_nothing(kept.shares))
        else:
            self._forget()
        follow_up.report(revealer, owners=list(links.values()))

    @property
    def _job(self) -> ClusterJob:
        """The second level as a job."""
        return final_job(self._kept[0].order.job)

    @property
    def _is_last(self) -> bool:
        """Whether points are reassigned for the last time."""
        return self._done + 1 == self._kept[0].order.job.point_reassignments

    @property
    def _numbers(self) -> list[int]:
        return [kept.order.number for kept in self._kept]

    def _shape(self, network: Network) -> SecondLevelShape:
        first = self._kept[0].order
        return SecondLevelShape(
            job=shape_of(self._job),
            shards=tuple(
                ShardShape(num_points=kept.order.num_points, owner_of_N=kept.order.owner_of_N)
                for kept in self._kept
            ),
            clusters=first.job.k or 1,
            dim=first.dim,
            payload=first.payload,
            num_parties=network.communicator.get_world_size(),
        )


def _lengths(order: Order) -> tuple[int, int]:
    return order.dim, order.payload


def _nothing(shares: ShardShares) -> ShardShares:
    """Return a shard that was handed back, without its shares."""
    empty = shares.assignment_enc_NK.like(torch.zeros(0, 0, dtype=torch.int64))
    return ShardShares(
        points_enc_KD=empty, payload_enc_KM=empty, assignment_enc_NK=empty, owner_of_N=()
    )


@lru_cache(maxsize=4)
def _second_level_schedule(shape: SecondLevelShape) -> Schedule:
    return schedule_from(dry_second_level(shape), limit=shape.job.iterations)


@lru_cache(maxsize=4)
def _hand_back_schedule(num_points: int, clusters: int, payload: int, num_parties: int) -> Schedule:
    return schedule_from(dry_hand_back(num_points, clusters, payload, num_parties))


@lru_cache(maxsize=4)
def _reassignment_schedule(shape: ReassignmentShape) -> Schedule:
    return schedule_from(dry_reassignment(shape))


@lru_cache(maxsize=4)
def _join_schedule(shape: SecondLevelShape, *, last: bool) -> Schedule:
    return schedule_from(dry_join(shape, last=last))
