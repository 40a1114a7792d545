"""A party's links, and their rounds, bytes and seconds in one job."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from mpc.engine.communicator import MeshCommunicator
from mpc.engine.context import Party
from mpc.net.frames import HEADER_BYTES
from mpc.net.link import Link, LinkCount
from mpc.net.link_meter import LinkMeter
from mpc.preprocessing.first_party import FirstPartyProvider
from mpc.preprocessing.provider import DealerProvider
from mpc.traffic import OperationTraffic, RoleTraffic, StepCost

Counted = tuple[RoleTraffic, list[OperationTraffic]]


class Network:
    """A party's links, the objects that use them, and their traffic.

    Parameters
    ----------
    communicator : MeshCommunicator
    provider : DealerProvider or FirstPartyProvider
    party : Party
        Computes with both.
    server : Link
    dealer : Link, optional
    """

    def __init__(
        self,
        *,
        communicator: MeshCommunicator,
        provider: DealerProvider | FirstPartyProvider,
        party: Party,
        server: Link,
        dealer: Link | None,
    ) -> None:
        self.communicator = communicator
        self.provider = provider
        self.party = party
        self.server = server
        self._peers = list(communicator.peers.values())
        self._dealer = dealer
        me = f"party:{communicator.rank}"
        self._online = LinkMeter(role=me, phase="online")
        self._offline = LinkMeter(role=me, phase="offline")
        self._input = LinkMeter(role=me, phase="input")

    @property
    def others(self) -> list[Link]:
        """Links to the other parties and to the dealer."""
        return [*self._peers, *([] if self._dealer is None else [self._dealer])]

    @property
    def online_sent(self) -> LinkCount:
        """Bytes and frames sent to the other parties since the session began."""
        return sum((link.count for link in self._peers), start=LinkCount())

    def traffic(
        self, owners: Sequence[Link], *, online_s: float, offline_s: float, input_s: float
    ) -> list[Counted]:
        """Return the traffic since the last call, with the given seconds.

        At party 0 it includes the dealer's own count, which party 0 requests.
        """
        counted = [
            self._online.since_last(self._peers, online_s),
            self._input.since_last(owners, input_s),
        ]
        dealer = self.provider.finish()
        if self._dealer is not None:
            counted.append(self._offline.since_last([self._dealer], offline_s))
        return counted + ([dealer] if dealer is not None else [])


@dataclass(frozen=True, slots=True)
class _Moment:
    seconds: float
    rounds_offline: int
    seconds_offline: float


class Meter:
    """Rounds, bytes and seconds of one job at this party.

    Parameters
    ----------
    network : Network
    job : int
        Number of the job; the provider's segments are derived from it.
    """

    def __init__(self, network: Network, *, job: int) -> None:
        self._network = network
        self._job = job
        self._steps: list[StepCost] = []
        self._opened = self._started = self._moment()

    def inputs_are_in(self) -> None:
        """Start the clock of the protocol, which excludes waiting for data owners."""
        self._network.communicator.begin()
        self._started = self._moment()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure the body as one step, with the randomness of its segment."""
        communicator = self._network.communicator
        self._network.provider.begin(self._job, name)
        rounds, before = communicator.rounds, self._network.online_sent
        offline_s, started = self._network.provider.seconds, time.perf_counter()
        yield
        sent = self._network.online_sent - before
        self._steps.append(
            StepCost(
                name=name,
                rounds=communicator.rounds - rounds,
                bytes_sent=sent.bytes_sent,
                seconds=time.perf_counter() - started,
                payload_sent=sent.bytes_sent - HEADER_BYTES * sent.frames_sent,
                seconds_offline=self._network.provider.seconds - offline_s,
            )
        )

    def go_on(self) -> None:
        """Request the next iteration's tuples from the dealer."""
        self._network.provider.look_ahead()

    def report(self, owners: Sequence[Link]) -> dict[str, object]:
        """Return all measurements since the job began.

        Parameters
        ----------
        owners : sequence of Link
            Links to every data owner of the job.
        """
        now = self._moment()
        rounds_online = self._network.communicator.rounds
        seconds_offline = now.seconds_offline - self._started.seconds_offline
        seconds_online = now.seconds - self._started.seconds - seconds_offline
        counted = self._network.traffic(
            owners,
            online_s=seconds_online,
            offline_s=now.seconds_offline - self._opened.seconds_offline,
            input_s=self._started.seconds - self._opened.seconds,
        )
        return {
            "steps": [asdict(step) for step in self._steps],
            "roles": [asdict(role) for role, _ in counted],
            "operations": [asdict(entry) for _, entries in counted for entry in entries],
            "rounds_online": rounds_online,
            "rounds_offline": now.rounds_offline - self._opened.rounds_offline,
            "seconds_offline": seconds_offline,
            "seconds_online": seconds_online,
        }

    def _moment(self) -> _Moment:
        provider = self._network.provider
        return _Moment(time.perf_counter(), provider.rounds, provider.seconds)
