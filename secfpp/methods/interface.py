"""The interface of all methods: what a client sends, gets and keeps.

Shape letters: n participants, r receivers, N clients, B images of a client (padded), C classes, D
dimensions of a descriptor, M numbers of a shared prompt.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from mpc.jobs.result import LedgerEntry, Session
from mpc.traffic import NO_TRAFFIC, Traffic
from secfpp.config.clustering import ClusteringConfig
from secfpp.config.inside import InsideConfig
from secfpp.config.personal import PersonalConfig
from secfpp.config.privacy import PrivacyConfig
from secfpp.config.training import TrainingConfig
from secfpp.learning.losses import Shards
from secfpp.learning.prompts import FloatArray, PromptState
from secfpp.learning.training import LocalSteps, TextTower
from secfpp.privacy.statement import PrivacyStatement
from secfpp.seeds import Seeds

__all__ = [
    "AnyMethod",
    "ClientBatch",
    "Card",
    "Contribution",
    "Exchange",
    "IntArray",
    "Method",
    "MethodContext",
    "MethodSettings",
    "NoSettings",
    "ExchangeResult",
    "Prototypes",
    "RoundPlan",
    "Trainer",
]

IntArray = npt.NDArray[np.int64]
Prototypes = Literal["with update", "by label", "none"]
OwnT = TypeVar("OwnT")
"""Settings of one method alone."""


@dataclass(frozen=True, kw_only=True)
class Card:
    """A description of a method, for `secfpp methods` and the report."""

    name: str
    title: str
    sends: str
    """What leaves a client in a round, and who sees it."""
    gets: str
    """What a client gets back."""
    keeps: str
    """What never leaves it."""
    privacy: str
    """What hides the client's update, and from whom."""
    source: str
    """The paper, or the purpose."""


@dataclass(frozen=True, kw_only=True)
class RoundPlan:
    """Local work of one round: steps on P_G, the exchange, steps on P_L."""

    shared: LocalSteps
    """On P_G, before the exchange."""
    local: LocalSteps
    """On P_L, after it."""
    local_memory: float = 1.0
    """Factor on P_L before its steps."""

    @property
    def steps(self) -> int:
        """Local steps a round, both parts together."""
        return self.shared.steps + self.local.steps


@dataclass(frozen=True, kw_only=True, eq=False)
class Contribution:
    """The input of the exchange: one row for each participant of the round."""

    round_index: int
    """0, 1, ..."""
    clients_n: IntArray
    """Participants, ascending."""
    num_clients: int
    """Clients N of the federation."""
    descriptor_nD: FloatArray
    """Unit-norm descriptors."""
    before_nM: FloatArray
    """P_G minus the public start, before the local steps."""
    update_nM: FloatArray
    """P_G minus the public start, after the local steps."""
    sent: Mapping[str, FloatArray] = field(default_factory=dict)
    """Further values that clients of a method send, by name: one row for each participant."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ExchangeResult:
    """The result of the exchange."""

    clients_r: IntArray
    """Clients that receive a new P_G."""
    update_rM: FloatArray
    """Their new P_G minus the public start."""
    given: Mapping[str, FloatArray] = field(default_factory=dict)
    """Further values for `PromptState.extra`, by name: one row for each receiver."""
    bytes_client: int = 0
    """Bytes that one client sends and receives, if no protocol counts its own traffic."""
    k: int | None = None
    """Number of clusters; None for a method without clusters."""
    clusters_descriptors: bool = False
    """Whether these are clusters of the descriptors."""
    labels_n: IntArray | None = None
    """Cluster of each participant, if the policy opens it."""
    ledger: tuple[LedgerEntry, ...] = ()
    """Who learned what."""
    traffic: Traffic = NO_TRAFFIC
    """Rounds, bytes and seconds."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ClientBatch:
    """Some clients that work together in one batch: their images and the frozen tower."""

    tower: TextTower
    """Frozen text tower with the class names behind the context."""
    logit_scale: float
    """CLIP's inverse temperature."""
    shards: Shards
    """Training images of the n clients."""
    validation: Shards
    """Images that the same clients hold out for choices of their own; may be none."""
    clients_n: IntArray
    """Numbers of the clients."""
    round_index: int
    """0, 1, ..."""
    heartbeat: Callable[[], None] = lambda: None
    """Called before each local step; raises if a computing party has died."""


class Trainer(Protocol):
    """Local work of a method, and how its clients classify; see `secfpp.methods.shared.trainers`.

    States have a row for each of the n clients of the batch. Row i of a result depends on row i
    alone, unless the method's card says that clients exchange values between steps.
    """

    @property
    def steps(self) -> int:
        """Local steps a round; 0 for a method that does not train."""

    @property
    def needs_patches(self) -> bool:
        """Whether the method uses regions of images."""

    @property
    def is_joint(self) -> bool:
        """Whether clients exchange values between steps, so that all must work together."""

    @property
    def rows_per_client(self) -> float:
        """Rows that a client adds to a batch of a step: 1, or its images that have their own."""

    @property
    def weighs_prompt(self) -> bool:
        """Whether P_G and P_L may be scaled before `logits`, for clients to choose how strongly."""

    def begin(self, batch: ClientBatch, state: PromptState) -> PromptState:
        """Add what the method keeps for every client; called before the first round."""

    def shared(self, batch: ClientBatch, state: PromptState) -> tuple[PromptState, torch.Tensor]:
        """Work before the exchange; also return the loss of each client, (n,) float32."""

    def local(self, batch: ClientBatch, state: PromptState) -> tuple[PromptState, torch.Tensor]:
        """Work after the exchange; also return the loss of each client."""

    def sent(self, state: PromptState) -> Mapping[str, FloatArray]:
        """Return the values that clients send besides P_G, one row each."""

    def logits(self, batch: ClientBatch, state: PromptState, images: Shards) -> torch.Tensor:
        """Score every client's images for every class: (n, B, C) float32."""


class Exchange(Protocol):
    """The step of a round that combines contributions of clients."""

    def __call__(self, contribution: Contribution) -> ExchangeResult:
        """Return what each client receives."""


@dataclass(frozen=True, kw_only=True)
class NoSettings:
    """The settings of a method that has none of its own."""


@dataclass(frozen=True, kw_only=True)
class MethodSettings(Generic[OwnT]):
    """Settings that a method may read: its own, and those that methods have in common."""

    own: OwnT
    """Settings of this method alone."""
    training: TrainingConfig
    clustering: ClusteringConfig
    privacy: PrivacyConfig
    personal: PersonalConfig
    images_per_client: int
    """Public number of training images of a client."""
    inside: InsideConfig = field(default_factory=InsideConfig)
    parties: int = 2
    """Computing parties of a run that starts its own."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MethodContext(Generic[OwnT]):
    """What an exchange may use on one seed."""

    settings: MethodSettings[OwnT]
    seeds: Seeds
    domain_N: IntArray
    """True domains. Only methods whose cards say so may use them."""
    open_session: Callable[[], Session]
    """Start the computing parties, or return those that run already."""
    public_axes: Callable[[int], FloatArray] | None = None
    """Return so many public axes of descriptors; see `secfpp.learning.descriptors.public_axes`.
    None: no model is at hand."""


@dataclass(frozen=True, kw_only=True)
class Method(Generic[OwnT]):
    """One way to personalise prompts."""

    card: Card
    settings: type[OwnT]
    """Dataclass of the method's own settings. Each field becomes a flag; it must have a default."""
    trainer: Callable[[MethodSettings[OwnT], Seeds], Trainer]
    """Make the local work of a round. It stays within the common number of steps."""
    begin: Callable[[MethodContext[OwnT]], Exchange]
    """Make the exchange of one seed."""
    is_personal: bool = True
    """Whether clients may add to their prompts what `PersonalConfig` says. False for a method that
    has a memory of its own, or whose guarantee would not cover one."""
    prototypes: Prototypes = "with update"
    """How prototypes of classes are averaged: as further columns of the update, in the clear inside
    the clusters whose labels the exchange returns, or not at all."""
    uses_parties: bool = False
    """Whether the exchange runs on the computing parties."""
    statement: Callable[[MethodSettings[OwnT]], PrivacyStatement] | None = None
    """Differential privacy that the method guarantees, if any."""

    @property
    def branch(self) -> str:
        """Key of the method's own settings in a file of settings: `dpfpl` for `dp-fpl`."""
        return self.card.name.replace("-", "")

    @property
    def has_settings(self) -> bool:
        """Whether the method has settings of its own."""
        return self.settings is not NoSettings


AnyMethod = Method[Any]
"""A method whose settings are of a type that only the method knows."""
