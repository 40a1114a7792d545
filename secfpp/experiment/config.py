"""All settings of a run: a tree of frozen dataclasses, checked when made.

`secfpp.config` has the branches that all methods share. Each method in `secfpp.methods` brings the
branch of its own settings. Functions of the rooms below take the branch that they need, not the
tree.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, make_dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

from secfpp.config.checks import require
from secfpp.config.clustering import ClusteringConfig
from secfpp.config.inside import InsideConfig
from secfpp.config.partition import PartitionConfig
from secfpp.config.personal import PersonalConfig
from secfpp.config.presets import read_start
from secfpp.config.privacy import PrivacyConfig
from secfpp.config.secure import SecureConfig
from secfpp.config.training import TrainingConfig
from secfpp.config.tree import from_json
from secfpp.config.workload import WorkloadConfig
from secfpp.json_file import JsonValue
from secfpp.methods.interface import Method, MethodSettings
from secfpp.methods.registry import METHODS, MethodName

__all__ = ["RunConfig", "load_config"]

MOST_SEEDS: Final = 10_000
"""The most seeds of one run or comparison."""
DEFAULT_METHODS: Final[tuple[MethodName, ...]] = (
    "zero-shot",
    "local-only",
    "promptfl",
    "dp-promptfl",
    "one-cluster",
    "random-clusters",
    "oracle",
    "secfpp-plain",
    "secfpp",
)
"""Methods of a short run, in the order of the table; `secfpp compare` runs all."""
MOVED: Final = {
    "clip_norm": "dppromptfl",
    "clip_norm_local": "ldppromptfl",
    "clip_norm_clusters": "dpclusters",
}
"""Settings that older files have under `privacy`, and their branch today."""

OwnT = TypeVar("OwnT")
ConfigT = TypeVar("ConfigT")


def _with_branches_of_methods(config: type[ConfigT]) -> type[ConfigT]:
    """Add a field for each method that has settings of its own."""
    methods = [method for method in METHODS.values() if method.has_settings]
    branches = [
        (method.branch, method.settings, field(default_factory=method.settings))
        for method in methods
    ]
    known = {entry.name for entry in fields(config)}  # type: ignore[arg-type]
    taken = [name for name, *_ in branches if name in known]
    if taken:
        raise TypeError(f"branches of methods have names of other settings: {', '.join(taken)}")
    namespace = {name: getattr(config, name) for name in ("__doc__", "__module__", "__qualname__")}
    return make_dataclass(
        config.__name__, branches, bases=(config,), namespace=namespace, frozen=True, kw_only=True
    )


@_with_branches_of_methods
@dataclass(frozen=True, kw_only=True)
class RunConfig(WorkloadConfig):
    """Everything that decides what a run computes and where its results go."""

    partition: PartitionConfig = field(default_factory=PartitionConfig)
    """How images are dealt to clients."""
    training: TrainingConfig = field(default_factory=TrainingConfig)
    """How prompts are trained."""
    personal: PersonalConfig = field(default_factory=PersonalConfig)
    """What clients add to their prompts from their own images."""
    clustering: ClusteringConfig = field(default_factory=ClusteringConfig)
    """How clients are clustered."""
    secure: SecureConfig = field(default_factory=SecureConfig)
    """How the computing parties are run."""
    privacy: PrivacyConfig = field(default_factory=PrivacyConfig)
    """The budget of differentially private methods."""
    inside: InsideConfig = field(default_factory=InsideConfig)
    """Noise inside the secure sum."""
    methods: tuple[MethodName, ...] = DEFAULT_METHODS
    """Methods to run, in this order."""
    seeds: int = 1
    """Number of seeds; each repeats everything, also the partition."""
    first_seed: int = 0
    """The first seed; the others follow by one."""
    participation: float = 1.0
    """Fraction of clients that take part in a round; a new draw for each round."""
    out: Path | None = None
    """Run folder to make. None: `runs/` and the date and time."""
    resume: Path | None = None
    """Run folder to resume; its own settings are then used."""

    def __post_init__(self) -> None:
        """Refuse values out of range or in contradiction."""
        require(bool(self.methods), "methods", self.methods, "at least one method")
        require(
            len(set(self.methods)) == len(self.methods), "methods", self.methods, "named once each"
        )
        require(1 <= self.seeds <= MOST_SEEDS, "seeds", self.seeds, f"in 1..{MOST_SEEDS}")
        require(self.first_seed >= 0, "first_seed", self.first_seed, "at least 0")
        require(
            0 < self.participation <= 1, "participation", self.participation, "above 0, at most 1"
        )

    @property
    def seed_list(self) -> tuple[int, ...]:
        """The seeds of this run, in order."""
        return tuple(range(self.first_seed, self.first_seed + self.seeds))

    def settings_of(self, method: Method[OwnT]) -> MethodSettings[OwnT]:
        """Return the settings that a method may read: its own branch and the common ones."""
        own = getattr(self, method.branch) if method.has_settings else method.settings()
        return MethodSettings(
            own=own,
            training=self.training,
            clustering=self._clustering(),
            privacy=self.privacy,
            personal=self.personal,
            images_per_client=self.partition.images_per_client,
            inside=self.inside,
            parties=self.secure.parties,
        )

    def _clustering(self) -> ClusteringConfig:
        """Return how clients are clustered; only a simulation on one machine has an evaluator."""
        if self.secure.network is None:
            return self.clustering
        return replace(self.clustering, evaluate=False)

    @staticmethod
    def from_older_json(value: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
        """Move settings of older files to their branch of today; see `MOVED`."""
        privacy = value.get("privacy")
        if not isinstance(privacy, Mapping):
            return value
        moved: dict[str, JsonValue] = {}
        for name in MOVED.keys() & privacy.keys():
            own = value.get(MOVED[name], {})
            if not isinstance(own, Mapping):
                return value
            moved[MOVED[name]] = {name: privacy[name], **own}
        kept = {name: item for name, item in privacy.items() if name not in MOVED}
        return {**value, **moved, "privacy": kept}


def load_config(path: Path) -> RunConfig:
    """Read a whole run's settings from a JSON file, or from `preset:NAME`.

    Raises
    ------
    ConfigError
        If the file cannot be read, is not JSON, or holds what `from_json` refuses.
    """
    return from_json(RunConfig, read_start(path))
