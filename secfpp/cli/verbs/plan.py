"""`secfpp plan`: what the secure part of a federation will take."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.table import Table

from secfpp.cli.outcome import Outcome
from secfpp.cli.tables import table
from secfpp.cli.units import byte_size, duration
from secfpp.cli.verb import Verb
from secfpp.errors import ConfigError

if TYPE_CHECKING:
    from mpc.costs.network import Network
    from mpc.costs.speeds import Speeds
    from secfpp.analysis.planning import Plan as Planned

CAUTION = (
    "Rounds and bytes are counted, without headers of TLS and TCP, for {iterations} reassignments "
    "of k-means in a fresh start. Seconds are messages on the network, and all computing of all "
    "roles as if on one machine; roles on hosts of their own compute at the same time, so it is "
    "less there."
)
IN_SHARDS = (
    "So many are clustered in shards, by mpc.cluster_in_shards; secfpp server does not do that."
)


@dataclass(frozen=True, kw_only=True)
class Plan(Verb):
    """Say what the secure part of a federation will take: rounds, bytes, seconds and memory.

    Nothing is started, unless this machine is to be measured.
    """

    clients: int
    """Clients that take part in a round."""
    dims: int
    """Numbers of a descriptor."""
    payload: int
    """Numbers of a prompt: tokens times their width."""
    clusters: int
    """Clusters."""
    parties: int = 2
    """Computing parties, 2 to 5."""
    rounds: int = 1
    """Rounds of communication; later ones begin at the clusters of the one before."""
    rtt: float | None = None
    """Milliseconds of a round trip of your own network, beside one machine, LAN and WAN."""
    bandwidth: float | None = None
    """Megabits per second of each host of your own network."""
    calibrate: bool = False
    """Measure this machine first; it takes about half a minute."""
    speeds: Path | None = None
    """File with the speeds of a machine: read, or with `--calibrate` written. Default: speeds of a
    virtual machine with two cores."""

    def __post_init__(self) -> None:
        """Refuse half a network."""
        if (self.rtt is None) != (self.bandwidth is None):
            raise ConfigError("--rtt and --bandwidth describe one network: say both, or neither")

    def execute(self) -> Outcome:
        """Count, and draw."""
        from secfpp.analysis.planning import NETWORKS, FederationSize, plan_rounds

        sizes = FederationSize(
            clients=self.clients,
            dims=self.dims,
            payload=self.payload,
            clusters=self.clusters,
            parties=self.parties,
            rounds=self.rounds,
        )
        networks = (*NETWORKS, *self._own_network())
        planned = plan_rounds(sizes, self._speeds())
        return Outcome(record=_record(planned, networks), shown=tuple(_shown(planned, networks)))

    def _own_network(self) -> Iterator[Network]:
        from mpc.costs.network import Network

        if self.rtt is not None and self.bandwidth is not None:
            yield Network(
                name="yours", round_trip_s=self.rtt / 1e3, bits_per_s=self.bandwidth * 1e6
            )

    def _speeds(self) -> Speeds:
        """Return the speeds of this machine, of the file, or of a machine measured before."""
        from mpc.costs.speeds import TWO_CORES, read_speeds

        if not self.calibrate:
            return TWO_CORES if self.speeds is None else read_speeds(self.speeds)
        from secfpp.analysis.calibration import calibrate
        from secfpp.experiment.progress import working

        with working("doing secure jobs to measure this machine"):
            found = calibrate(self.parties)
        if self.speeds is not None:
            found.write(self.speeds)
        return found


def _record(planned: Planned, networks: Sequence[Network]) -> dict[str, object]:
    """Return a plan for machines."""
    jobs = [
        {
            "job": each.name,
            "times": each.times,
            "rounds": each.job.rounds,
            "bytes": {
                role: dict(zip(("sent", "received"), each.job.bytes_of(role), strict=True))
                for role in dict.fromkeys(line.role for line in each.job.traffic)
            },
            "seconds": {net.name: planned.seconds(each.job, net) for net in networks},
        }
        for each in planned.jobs
    ]
    return {
        **asdict(planned.size),
        "jobs": jobs,
        "seconds": {net.name: planned.total_seconds(net) for net in networks},
        "connecting_s": planned.connecting_s,
        "memory_bytes": asdict(planned.memory),
        "speeds_of": planned.speeds.machine,
    }


def _shown(planned: Planned, networks: Sequence[Network]) -> Iterator[RenderableType]:
    """Draw a plan for people."""
    size = planned.size
    yield (
        f"{size.clients:,} clients, descriptors of {size.dims:,} numbers, prompts of "
        f"{size.payload:,}, {size.clusters} clusters, {size.parties} parties"
    )
    yield ""
    yield _costs(planned)
    yield ""
    yield _times(planned, networks)
    yield ""
    memory = planned.memory
    yield (
        f"memory: a party {byte_size(memory.party)}, the dealer "
        f"{byte_size(memory.dealer)}; a process that plays the server and all clients "
        f"{byte_size(memory.simulation)}"
    )
    yield (
        f"connecting all clients to all parties, once: {duration(planned.connecting_s)} on one "
        "machine"
    )
    yield f"speeds: {planned.speeds.machine}"
    yield CAUTION.format(iterations=planned.iterations)
    if size.in_shards:
        yield IN_SHARDS


def _costs(planned: Planned) -> Table:
    """Draw rounds of messages, and bytes by role."""
    columns = ("messages in turn", "party 0", "another party", "dealer sends", "server", "a client")
    drawn = table("Rounds and bytes, sent and received", "job", "times", *columns)
    for each in planned.jobs:
        drawn.add_row(each.name, str(each.times), *_bytes_of(each.job.rounds, each.job.bytes_of))
    if len(planned.jobs) > 1:
        drawn.add_row(
            "all",
            str(planned.size.rounds),
            *_bytes_of(
                planned.total(lambda job: job.rounds),
                lambda role: (
                    planned.total(lambda job: job.bytes_of(role)[0]),
                    planned.total(lambda job: job.bytes_of(role)[1]),
                ),
            ),
        )
    return drawn


def _bytes_of(rounds: float, bytes_of: Callable[[str], tuple[float, float]]) -> Iterator[str]:
    yield f"{rounds:.0f}"
    for role in ("party:0", "party:1"):
        yield byte_size(sum(bytes_of(role)))
    yield byte_size(bytes_of("dealer")[0])
    for role in ("server", "client"):
        yield byte_size(sum(bytes_of(role)))


def _times(planned: Planned, networks: Sequence[Network]) -> Table:
    """Draw the seconds of each kind of job on each network."""
    drawn = table("Time", "job", "times", *map(_link, networks))
    for each in planned.jobs:
        seconds = [duration(planned.seconds(each.job, net)) for net in networks]
        drawn.add_row(each.name, str(each.times), *seconds)
    drawn.add_row(
        "all",
        str(planned.size.rounds),
        *(duration(planned.total_seconds(net)) for net in networks),
    )
    return drawn


def _link(net: Network) -> str:
    if net.bits_per_s == float("inf"):
        return net.name
    return f"{net.name}\n{net.round_trip_s * 1e3:g} ms\n{net.bits_per_s / 1e6:,.0f} Mbit/s"
