"""What every method is: what a client sends, what it gets, what it keeps.

Shape letters: n participants, r receivers, N clients, D dimensions of a descriptor, M numbers of a
shared prompt.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from mpc.jobs import LedgerEntry, Session
from mpc.traffic import NO_TRAFFIC, Traffic
from secfpp.config import MethodName, RunConfig, TrainingConfig
from secfpp.losses import LossTerms
from secfpp.privacy.statement import PrivacyStatement
from secfpp.prompts import FloatArray
from secfpp.seeds import Seeds

__all__ = [
    "Card",
    "Contribution",
    "Exchange",
    "IntArray",
    "Method",
    "Outcome",
    "RoundPlan",
    "Setting",
    "TrainedSteps",
]

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Card:
    """A method in words, for `secfpp methods` and the report."""

    name: MethodName
    title: str
    sends: str
    """What leaves a client in a round, and who sees it."""
    gets: str
    """What a client gets back."""
    keeps: str
    """What never leaves it."""
    privacy: str
    """What hides its update, and from whom."""
    source: str
    """Paper, or what it is for."""


@dataclass(frozen=True, kw_only=True)
class TrainedSteps:
    """Local steps on one part of the prompt."""

    steps: int
    """Steps a round; 0 leaves the part as it is."""
    lr: float
    """Adam's learning rate."""
    terms: LossTerms
    """The loss."""


@dataclass(frozen=True, kw_only=True)
class RoundPlan:
    """Local work of one round: steps on P_G, the exchange, steps on P_L."""

    shared: TrainedSteps
    """On P_G, before the exchange."""
    local: TrainedSteps
    """On P_L, after it."""
    local_memory: float = 1.0
    """What P_L keeps of itself before its steps."""

    @property
    def steps(self) -> int:
        """Local steps a round, both parts together."""
        return self.shared.steps + self.local.steps


@dataclass(frozen=True, kw_only=True, eq=False)
class Contribution:
    """What the participants of one round bring to the exchange, one row each."""

    round_index: int
    """0, 1, ..."""
    clients_n: IntArray
    """Which clients take part, ascending."""
    num_clients: int
    """Clients N of the federation."""
    descriptor_nD: FloatArray
    """Unit-norm descriptors."""
    before_nM: FloatArray
    """P_G less the public start, before the local steps."""
    update_nM: FloatArray
    """P_G less the public start, after them."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """What comes back from the exchange."""

    clients_r: IntArray
    """Clients that receive something."""
    update_rM: FloatArray
    """Their new P_G less the public start."""
    k: int | None = None
    """Groups that were formed, where there are groups."""
    labels_n: IntArray | None = None
    """Group of each participant, if the policy opens it."""
    ledger: tuple[LedgerEntry, ...] = ()
    """Who learned what."""
    traffic: Traffic = NO_TRAFFIC
    """What it cost."""


class Exchange(Protocol):
    """The part of a round in which clients depend on one another."""

    def __call__(self, contribution: Contribution) -> Outcome:
        """Turn contributions into what each client gets."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Setting:
    """What a method may use when it begins one seed."""

    config: RunConfig
    seeds: Seeds
    domain_N: IntArray
    """True domains: for the oracle, which says so in its card."""
    open_session: Callable[[], Session]
    """Start the computing parties, or return those that run already."""


@dataclass(frozen=True, kw_only=True)
class Method:
    """One way to personalise prompts."""

    card: Card
    plan: Callable[[TrainingConfig], RoundPlan]
    """Local work a round, out of the common budget of steps."""
    begin: Callable[[Setting], Exchange]
    """The exchange of one seed."""
    statement: Callable[[RunConfig], PrivacyStatement] | None = None
    """Differential privacy that the method guarantees, if any."""
