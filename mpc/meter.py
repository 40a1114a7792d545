"""A party's links, and what goes through them in one job: rounds, bytes and seconds."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

from mpc.communicator import MeshCommunicator
from mpc.provider import DealerProvider, FirstPartyProvider
from mpc.traffic import Phase, RoleTraffic, StepCost
from mpc.transport import Link, LinkCount


@dataclass(frozen=True, kw_only=True)
class Network:
    """A party's links and what runs on them."""

    communicator: MeshCommunicator
    provider: DealerProvider | FirstPartyProvider
    server: Link
    dealer: Link | None


@dataclass
class Meter:
    """Rounds, bytes and seconds of one job at this party."""

    network: Network
    owners: Sequence[Link]
    steps: list[StepCost] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._before = {id(link): link.count.copy() for _, link in self._links()}
        self._rounds = self.network.communicator.rounds
        self._offline = (self.network.provider.rounds, self.network.provider.seconds)
        self._started = time.perf_counter()

    def inputs_are_in(self) -> None:
        """Start the clock of the protocol: waiting for data owners is not its time."""
        self._started = time.perf_counter()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Count what happens inside as one step."""
        rounds, sent, started = self.network.communicator.rounds, self._sent(), time.perf_counter()
        yield
        self.steps.append(
            StepCost(
                name=name,
                rounds=self.network.communicator.rounds - rounds,
                bytes_sent=self._sent() - sent,
                seconds=time.perf_counter() - started,
            )
        )

    def report(self) -> dict[str, object]:
        """Return everything that was counted since the job began."""
        offline_seconds = self.network.provider.seconds - self._offline[1]
        return {
            "steps": [asdict(step) for step in self.steps],
            "roles": [asdict(entry) for entry in self._roles()],
            "rounds_online": self.network.communicator.rounds - self._rounds,
            "rounds_offline": self.network.provider.rounds - self._offline[0],
            "seconds_offline": offline_seconds,
            "seconds_online": time.perf_counter() - self._started - offline_seconds,
        }

    def _links(self) -> list[tuple[Phase, Link]]:
        links: list[tuple[Phase, Link]] = [
            ("online", link) for link in self.network.communicator.peers.values()
        ]
        if self.network.dealer is not None:
            links.append(("offline", self.network.dealer))
        return links + [("input", link) for link in self.owners]

    def _sent(self) -> int:
        return sum(link.count.bytes_sent for link in self.network.communicator.peers.values())

    def _roles(self) -> list[RoleTraffic]:
        me = f"party:{self.network.communicator.rank}"
        counts: dict[Phase, list[LinkCount]] = {}
        for phase, link in self._links():
            counts.setdefault(phase, []).append(link.count.minus(self._before[id(link)]))
        return [
            RoleTraffic(
                role=me,
                phase=phase,
                bytes_sent=sum(count.bytes_sent for count in added),
                bytes_received=sum(count.bytes_received for count in added),
                frames_sent=sum(count.frames_sent for count in added),
                frames_received=sum(count.frames_received for count in added),
            )
            for phase, added in counts.items()
        ]
