"""All settings of a run: a tree of frozen dataclasses, checked when made.

Reading from and writing to JSON is in `secfpp.config.tree`; nothing here is global, and every
function downstream takes the branch it needs, not the tree.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from secfpp.config.checks import require
from secfpp.config.clustering import ClusteringConfig
from secfpp.config.methods import (
    CflConfig,
    DpFplConfig,
    FedOtpConfig,
    FedPgpConfig,
    IfcaConfig,
    PFedPromptConfig,
)
from secfpp.config.partition import PartitionConfig
from secfpp.config.privacy import PrivacyConfig
from secfpp.config.secure import SecureConfig
from secfpp.config.training import TrainingConfig

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
DeviceName = Literal["cpu", "cuda", "auto"]
PrecisionName = Literal["fp32", "bf16", "fp16"]

MOST_SEEDS = 10_000
"""Of one run or comparison."""


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
