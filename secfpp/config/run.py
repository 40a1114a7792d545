"""All settings of a run: a tree of frozen dataclasses, checked when made.

Reading from and writing to JSON is in `secfpp.config.tree`; nothing here is global, and every
function downstream takes the branch it needs, not the tree.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mpc.jobs.job import Comparisons
from mpc.session.session import insecure_stamps
from secfpp.config.methods import (
    LARGEST,
    CflConfig,
    DpFplConfig,
    FedOtpConfig,
    FedPgpConfig,
    IfcaConfig,
    PFedPromptConfig,
)
from secfpp.data.partition import PartitionConfig
from secfpp.errors import ConfigError

__all__ = [
    "ClusteringConfig",
    "DescriptorName",
    "DeviceName",
    "LinksName",
    "MethodName",
    "PartitionConfig",
    "PrecisionName",
    "PrivacyConfig",
    "ProviderName",
    "RevealPolicy",
    "RunConfig",
    "SecureConfig",
    "TrainingConfig",
]

MethodName = Literal[
    "zero-shot",
    "local-only",
    "promptfl",
    "dp-promptfl",
    "ldp-promptfl",
    "dp-clusters",
    "dp-fpl",
    "fedotp",
    "fedpgp",
    "pfedprompt",
    "ifca",
    "cfl",
    "one-cluster",
    "random-clusters",
    "oracle",
    "secfpp-plain",
    "secfpp",
]
DescriptorName = Literal[
    "text-features", "update", "prompt", "projected-update", "projected-prompt", "mean-image"
]
RevealPolicy = Literal["own-mean", "assignments", "distances"]
ProviderName = Literal["dealer", "tfp"]
LinksName = Literal["tls", "plain"]
DeviceName = Literal["cpu", "cuda", "auto"]
PrecisionName = Literal["fp32", "bf16", "fp16"]

MOST_SEEDS = 10_000
"""Of one run or comparison."""


def _require(condition: bool, name: str, value: object, limit: str) -> None:
    """Raise ConfigError naming the setting, its value and what it must be."""
    if not condition:
        raise ConfigError(f"{name}={value!r} but it must be {limit}; change {name}")


def _require_positive(name: str, value: float, *, zero: bool = False) -> None:
    """Refuse a number that is not positive (or zero, where allowed), or beyond all use."""
    ok = value <= LARGEST and (value > 0 or (zero and value == 0))
    _require(ok, name, value, f"{'at least' if zero else 'above'} 0 and at most {LARGEST:g}")


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How prompts are trained. Every method spends the same local steps a round."""

    rounds: int = 10
    """Rounds of communication."""
    local_steps: int = 30
    """Optimiser steps a client takes each round, over all parts of its prompt together."""
    shared_steps: int = 25
    """Of `local_steps`, those spent on the shared part P_G by two-level methods; the rest go to
    P_L."""
    num_context: int = 8
    """Context tokens T of a prompt."""
    lr: float = 0.01
    """Adam's learning rate of methods with one prompt a client (local-only, PromptFL)."""
    lr_shared: float = 0.02
    """Adam's learning rate of P_G in two-level methods."""
    lr_local: float = 0.001
    """Adam's learning rate of P_L in two-level methods."""
    alignment_weight: float = 12.0
    """Weight of mean(1 - cos(image, text of its own class)) in the loss of P_G, and in that of
    local-only, which gains by it too."""
    local_memory: float = 0.0
    """What P_L keeps of itself when a new P_G has come: 0 starts it anew, 1 goes on."""
    local_pull: float = 0.0
    """Weight of the squared length of P_L in its own loss."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        _require(self.rounds >= 1, "training.rounds", self.rounds, "at least 1")
        _require(self.local_steps >= 1, "training.local_steps", self.local_steps, "at least 1")
        _require(
            0 <= self.shared_steps <= self.local_steps,
            "training.shared_steps",
            self.shared_steps,
            f"between 0 and training.local_steps={self.local_steps}",
        )
        _require(1 <= self.num_context <= 64, "training.num_context", self.num_context, "in 1..64")
        for name in ("lr", "lr_shared", "lr_local"):
            _require_positive(f"training.{name}", getattr(self, name))
        for name in ("alignment_weight", "local_pull"):
            _require_positive(f"training.{name}", getattr(self, name), zero=True)
        _require(0 <= self.local_memory <= 1, "training.local_memory", self.local_memory, "in 0..1")


@dataclass(frozen=True, kw_only=True)
class ClusteringConfig:
    """How clients are grouped."""

    k: int | None = 5
    """Clusters. None (`none` on the command line): chosen under sharing from 1 to `k_max`, and
    known to all."""
    k_max: int = 8
    """With no k given: the most clusters to choose."""
    iterations: int = 20
    """Iterations of k-means."""
    reveal: RevealPolicy = "own-mean"
    """What is opened: each client its own cluster's mean; labels too; distances too."""
    min_cluster_size: int = 3
    """Of a smaller cluster nothing is opened: its members keep their own update. Baselines that
    average in the clear give them the mean of all clients."""
    comparisons: Comparisons = "auto"
    """How parties compare: by keys (fewest rounds), digits (fewest bytes), or whichever pays."""
    descriptor: DescriptorName = "text-features"
    """What of a client is clustered."""
    projection_dim: int = 64
    """Dimensions kept by the projected descriptors."""
    evaluate: bool = True
    """Open the labels to an evaluator, who knows the true domains, for the ARI. A simulation's
    privilege: it stands in the ledger, and is off in deployment."""

    def __post_init__(self) -> None:
        """Refuse values out of range or in contradiction."""
        _require(self.k is None or self.k >= 1, "clustering.k", self.k, "at least 1")
        _require(1 <= self.k_max <= 16, "clustering.k_max", self.k_max, "in 1..16")
        _require(
            1 <= self.iterations <= 1000,
            "clustering.iterations",
            self.iterations,
            "in 1..1000",
        )
        _require(
            self.min_cluster_size >= 1,
            "clustering.min_cluster_size",
            self.min_cluster_size,
            "at least 1",
        )
        _require(
            self.projection_dim >= 1, "clustering.projection_dim", self.projection_dim, "at least 1"
        )


@dataclass(frozen=True, kw_only=True)
class SecureConfig:
    """How the computing parties are run."""

    parties: int = 2
    """Computing parties; any `parties - 1` of them may pool what they see."""
    timeout_s: float = 60.0
    """Seconds after which a silent party counts as dead."""
    provider: ProviderName = "dealer"
    """Where correlated randomness comes from: `dealer`, a process of its own, or `tfp`, CrypTen's
    own provider, whose party 0 can unmask everything: for debugging, with `insecure_dev` only."""
    links: LinksName = "tls"
    """How processes talk: TLS 1.3, or `plain` TCP on loopback, which whoever watches it reads: for
    measurements, with `insecure_dev` only."""
    network: Path | None = None
    """Use parties and a dealer that run elsewhere, named in this file; start none here."""
    certs: Path | None = None
    """Folder with the credentials of server and clients; needed with `network`."""
    insecure_dev: bool = False
    """Allow `provider=tfp` and `links=plain`. Never with real data."""

    def __post_init__(self) -> None:
        """Refuse values out of range or in contradiction."""
        _require(2 <= self.parties <= 5, "secure.parties", self.parties, "in 2..5")
        _require_positive("secure.timeout_s", self.timeout_s)
        if (self.network is None) != (self.certs is None):
            raise ConfigError(
                "secure.network and secure.certs go together: addresses and credentials"
            )
        if self.insecure and not self.insecure_dev:
            raise ConfigError(
                f"{'; '.join(self.insecure)}. To debug with it, set secure.insecure_dev"
            )

    @property
    def insecure(self) -> tuple[str, ...]:
        """What makes these settings unfit for real secrets; empty when nothing does."""
        return insecure_stamps(self.provider, self.links)


@dataclass(frozen=True, kw_only=True)
class PrivacyConfig:
    """The budget of differentially private methods: each has the whole of it."""

    epsilon: float = 8.0
    """Budget of the whole run."""
    delta: float = 1e-5
    """Probability with which the budget may fail; below 1 over the number of units, that is of
    clients, or of images for dp-fpl."""
    clip_norm: float = 0.3
    """Bound on the L2 norm of one client's step in one round, for dp-promptfl."""
    clip_norm_local: float = 0.01
    """The same for ldp-promptfl, with as much noise in every client's step as in a sum."""
    clip_norm_clusters: float = 0.03
    """The same for dp-clusters, whose sums have fewer clients."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        _require(0 < self.epsilon <= 1e9, "privacy.epsilon", self.epsilon, "above 0, at most 1e9")
        _require(0 < self.delta < 1, "privacy.delta", self.delta, "between 0 and 1")
        for name in ("clip_norm", "clip_norm_local", "clip_norm_clusters"):
            _require_positive(f"privacy.{name}", getattr(self, name))


DEFAULT_METHODS: tuple[MethodName, ...] = (
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
"""Those of a short run, in the order of the table; `secfpp compare` takes all."""


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Everything that decides what a run computes and where it leaves it."""

    data: str = "digits"
    """`digits`, the embedded domains; `NAME:PATH`, a known data set in a folder of yours (see
    docs/data.md); or a folder `domain/class/*.jpg|png`."""
    images_per_class: int | None = None
    """At most so many images of each class and domain are used. None: all."""
    max_unreadable: int | None = None
    """How many images that cannot be read are passed over. None: one in a hundred."""
    split_sha256: str | None = None
    """Sha256 that a data set's own split file must have. None: any; it is recorded."""
    cache_dir: Path | None = None
    """Where built data and image features are kept. None: the user's cache folder."""
    model: str = "embedded"
    """`embedded`, an open_clip name, or `local-dir:PATH`."""
    pretrained: str | None = None
    """Weights of an open_clip name."""
    precision: PrecisionName = "fp32"
    """In which the image tower computes; prompts are trained in float32."""
    partition: PartitionConfig = field(default_factory=PartitionConfig)
    """How images are dealt to clients."""
    training: TrainingConfig = field(default_factory=TrainingConfig)
    """How prompts are trained."""
    clustering: ClusteringConfig = field(default_factory=ClusteringConfig)
    """How clients are grouped."""
    secure: SecureConfig = field(default_factory=SecureConfig)
    """How the computing parties are run."""
    privacy: PrivacyConfig = field(default_factory=PrivacyConfig)
    """The budget of differentially private methods."""
    dpfpl: DpFplConfig = field(default_factory=DpFplConfig)
    """Settings of DP-FPL alone."""
    fedotp: FedOtpConfig = field(default_factory=FedOtpConfig)
    """Settings of FedOTP alone."""
    fedpgp: FedPgpConfig = field(default_factory=FedPgpConfig)
    """Settings of FedPGP alone."""
    pfedprompt: PFedPromptConfig = field(default_factory=PFedPromptConfig)
    """Settings of pFedPrompt alone."""
    ifca: IfcaConfig = field(default_factory=IfcaConfig)
    """Settings of IFCA alone."""
    cfl: CflConfig = field(default_factory=CflConfig)
    """Settings of CFL alone."""
    methods: tuple[MethodName, ...] = DEFAULT_METHODS
    """Methods to run, in this order."""
    seeds: int = 1
    """How many seeds; each repeats everything, partition included."""
    first_seed: int = 0
    """The first of them; the others follow by one."""
    participation: float = 1.0
    """Fraction of clients that take part in a round, drawn anew each round."""
    device: DeviceName = "auto"
    """Where prompts are trained."""
    out: Path | None = None
    """Run folder to make. None: `runs/` and the date and time."""
    resume: Path | None = None
    """Run folder to go on with; its own settings are then used."""

    def __post_init__(self) -> None:
        """Refuse values out of range or in contradiction."""
        _require(bool(self.methods), "methods", self.methods, "at least one method")
        _require(
            len(set(self.methods)) == len(self.methods), "methods", self.methods, "named once each"
        )
        _require(1 <= self.seeds <= MOST_SEEDS, "seeds", self.seeds, f"in 1..{MOST_SEEDS}")
        _require(self.first_seed >= 0, "first_seed", self.first_seed, "at least 0")
        _require(
            0 < self.participation <= 1, "participation", self.participation, "above 0, at most 1"
        )

    @property
    def seed_list(self) -> tuple[int, ...]:
        """The seeds of this run, in order."""
        return tuple(range(self.first_seed, self.first_seed + self.seeds))
