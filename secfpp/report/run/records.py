"""Records of a run folder for the report: frozen, read once, tolerant of absent values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from secfpp.report.kit.fields import Fields

HERO = "secfpp"
TWIN = "secfpp-plain"


@dataclass(frozen=True, kw_only=True)
class RoundPoint:
    """One line of metrics.jsonl, reduced to the values of the curves (accuracies in 0..1)."""

    method: str
    seed: int
    round: int
    own_mix: float | None
    uniform: float | None


@dataclass(frozen=True, kw_only=True)
class SeedMean:
    """A mean over seeds, with its standard error if there is more than one seed."""

    mean: float | None
    standard_error: float | None
    per_seed: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Rounds of messages, bytes and seconds of the whole run; None if nothing was counted."""

    rounds: float | None
    bytes_client: float | None
    bytes_party: float | None
    seconds_train: float | None
    seconds_share: float | None
    seconds_online: float | None
    seconds_dealer: float | None


@dataclass(frozen=True, kw_only=True)
class MethodRow(Costs):
    """One row of results.json: accuracies in 0..1, bytes and seconds of the whole run."""

    name: str
    title: str
    own_mix: SeedMean
    uniform: SeedMean
    worst_client: SeedMean
    ari: SeedMean
    epsilon: float | None
    privacy_in_words: str


@dataclass(frozen=True, kw_only=True)
class Reveal:
    """One opening: a line of ledger.jsonl."""

    method: str
    learner: str
    what: str
    why: str
    shape: str


@dataclass(frozen=True, kw_only=True)
class ClusterMap:
    """The simulation's view of one clustering: places, true domains, found labels of clients."""

    method: str
    seed: int
    round: int
    points: tuple[tuple[float, float], ...]
    domains: tuple[str, ...]
    labels: tuple[int, ...]

    def points_of(self, label: int) -> list[tuple[float, float]]:
        """Return the places of the clients of one cluster."""
        placed = zip(self.points, self.labels, strict=True)
        return [point for point, found in placed if found == label]


@dataclass(frozen=True, kw_only=True)
class RoleBytes:
    """Bytes sent and received by one role in one phase of one job."""

    role: str
    phase: str
    bytes_moved: int


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of the protocol, measured by party 0."""

    name: str
    rounds: int
    bytes_sent: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class SecureJob:
    """The cost of one round of federation of the secure method."""

    roles: tuple[RoleBytes, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """All records of a page."""

    folder: Path
    config: Fields
    versions: Fields
    rounds: tuple[RoundPoint, ...]
    results: tuple[MethodRow, ...]
    reveals: tuple[Reveal, ...]
    jobs: tuple[SecureJob, ...]
    clusters: ClusterMap | None
    complete: bool
    """Whether every method ran to its end on every seed."""
    num_clients: int
    insecure: tuple[str, ...]
    """The reasons why the run is unfit for real secrets, from the secure part itself."""
