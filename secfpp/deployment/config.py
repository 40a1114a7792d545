"""The settings that all clients and the server of a federation share, in one file."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from secfpp.config.checks import require, require_positive
from secfpp.config.clustering import ClusteringConfig
from secfpp.config.inside import InsideConfig
from secfpp.config.personal import PersonalConfig
from secfpp.config.privacy import PrivacyConfig
from secfpp.config.training import TrainingConfig
from secfpp.config.tree import from_json, read_settings, to_json
from secfpp.config.workload import PrecisionName, Views
from secfpp.errors import ConfigError
from secfpp.methods.shared.noised_jobs import NoisedJobs
from secfpp.privacy.inside import calibrate_inside
from secfpp.seeds import Seeds

__all__ = ["FederationConfig", "label_of", "load_federation", "model_digest", "settings_digest"]

_DIGEST_CHARACTERS: Final = 16


def _deployed() -> ClusteringConfig:
    return ClusteringConfig(evaluate=False)


def _inside_a_deployment() -> InsideConfig:
    return InsideConfig(dp_guarantee="means")


@dataclass(frozen=True, kw_only=True)
class FederationConfig:
    """What clients and server of a federation must have in common."""

    classes: tuple[str, ...]
    """Names of all classes, in one order for everybody; a client may have images of some only."""
    phrase: str = "a photo of a"
    """Words whose embeddings every prompt starts from."""
    model: str = "embedded"
    """`embedded`, an open_clip name, or `local-dir:PATH`. Each host may have it at another path."""
    pretrained: str | None = None
    """Weights of an open_clip name."""
    precision: PrecisionName = "fp32"
    """Precision of the image tower."""
    views: Views = "crops"
    """What an image's feature is made of; see `secfpp run --help`."""
    training: TrainingConfig = field(default_factory=TrainingConfig)
    """How prompts are trained, and for how many rounds."""
    personal: PersonalConfig = field(default_factory=PersonalConfig)
    """What clients add to their prompts from their own images."""
    clustering: ClusteringConfig = field(default_factory=_deployed)
    """How clients are clustered, and what is opened."""
    payload_bound: float = 64.0
    """Public bound on the norm of what is averaged: the update and sums of image features. A client
    over it scales its own down. With a budget the bound is `inside.dp_clip_norm`."""
    privacy: PrivacyConfig | None = None
    """Budget of differential privacy inside the secure sum. None: means have no noise."""
    inside: InsideConfig = field(default_factory=_inside_a_deployment)
    """What a budget covers, and the bound on a client's step."""
    quorum: int = 5
    """Fewest clients of a round."""
    seed: int = 0
    """Of the public draws of first centres."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        require(len(self.classes) >= 2, "classes", self.classes, "two at least")
        twice = sorted({name for name in self.classes if self.classes.count(name) > 1})
        if twice:
            raise ConfigError(f"classes names {', '.join(map(repr, twice))} twice")
        require_positive("payload_bound", self.payload_bound)
        require(self.quorum >= 1, "quorum", self.quorum, "at least 1")
        require(self.seed >= 0, "seed", self.seed, "at least 0")
        require(
            not self.clustering.evaluate,
            "clustering.evaluate",
            self.clustering.evaluate,
            "false: it opens labels to an evaluator, which only a simulation has",
        )
        if self.privacy is not None:
            require(
                self.inside.dp_guarantee == "means",
                "inside.dp_guarantee",
                self.inside.dp_guarantee,
                "means: clients that are programs of their own have no other guarantee yet",
            )
            require(
                self.clustering.reveal == "own-mean",
                "clustering.reveal",
                self.clustering.reveal,
                "own-mean with a budget: noise covers nothing else",
            )
            calibrate_inside(self.privacy, self.training.rounds)  # refuses what cannot be kept

    @property
    def noised_jobs(self) -> NoisedJobs | None:
        """The maker of jobs with a budget; None without one."""
        if self.privacy is None:
            return None
        return NoisedJobs(
            clustering=self.clustering,
            inside=self.inside,
            privacy=self.privacy,
            rounds=self.training.rounds,
            seed=Seeds(self.seed).number("first centres"),
        )


def load_federation(path: Path) -> FederationConfig:
    """Read a federation's settings.

    Raises
    ------
    ConfigError
        If the file cannot be read, is not JSON, or holds what `from_json` refuses.
    """
    value = read_settings(path)
    if isinstance(value, dict):
        clustering = value.setdefault("clustering", {})
        if isinstance(clustering, dict):
            clustering.setdefault("evaluate", False)
        inside = value.setdefault("inside", {})
        if isinstance(inside, dict):
            inside.setdefault("dp_guarantee", "means")
    return from_json(FederationConfig, value)


def settings_digest(config: FederationConfig) -> str:
    """Return the digest of all settings but where the model lies on this host."""
    value = to_json(config)
    if not isinstance(value, dict):
        raise ConfigError("settings have no JSON form")
    value.pop("model")
    training = value["training"]
    if isinstance(training, dict):
        training.pop("clients_at_once")
    text = json.dumps(value, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_CHARACTERS]


def model_digest(initial_TW: npt.NDArray[np.float32]) -> str:
    """Return a digest by which hosts know that their models are the same.

    It is of the public start of every prompt: rows of the model's token embedding as they are, so
    that all machines compute the same digest of the same weights.

    Parameters
    ----------
    initial_TW : ndarray of float32, (T, W)
    """
    return hashlib.sha256(initial_TW.tobytes()).hexdigest()[:_DIGEST_CHARACTERS]


def label_of(config: FederationConfig, model: str, round_number: int) -> str:
    """Return the label of a round's job, by which a client knows settings and model as its own.

    Parameters
    ----------
    config : FederationConfig
    model : str
        Of `model_digest`.
    round_number : int
    """
    return f"settings {settings_digest(config)}, model {model}, round {round_number}"
