"""Noise inside the secure sum: canary clients, and an auditor who knows all parties' noise but one.

The claim is that the noise of any one party is enough. So the auditor pools what the others know,
and subtracts their draws from what clients receive. Clusters are given: the budget is that of sums
of steps.

Shape letters: N clients, K clusters, M numbers of a prompt, P parties, r receivers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import sqrt

import numpy as np

from mpc.jobs.noise import NoiseSource
from mpc.jobs.result import Session
from mpc.reference.session import PlainSession
from mpc.ring.discrete_gaussian import PrivateNoise
from mpc.ring.fixedpoint import Int64Array
from secfpp.attacks.audit.central import CentralAudit, no_session
from secfpp.attacks.audit.mechanism import OVERSHOOT
from secfpp.config.audit import Fault
from secfpp.methods.dp_secfpp import METHOD, make_exchange_on, statement_of
from secfpp.methods.interface import (
    Contribution,
    Exchange,
    ExchangeResult,
    IntArray,
    MethodContext,
    MethodSettings,
    NoSettings,
)
from secfpp.methods.shared.noised import NoisedExchange
from secfpp.seeds import Seeds

__all__ = ["Overheard", "ScaledNoise", "exchange_on", "inside_audit", "overhearing", "secure_audit"]

_UNCLIPPED = 2 * OVERSHOOT
"""A clipping norm that clips no canary, over the right one; larger ones leave fewer bits."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ScaledNoise:
    """A party whose noise has a wrong standard deviation."""

    source: NoiseSource
    factor: float

    def draw(self, shape: Sequence[int], variance: Fraction) -> Int64Array:
        """Draw with a wrong variance."""
        return self.source.draw(shape, variance * Fraction(self.factor) ** 2)


@dataclass(frozen=True, kw_only=True, eq=False)
class _RepeatedNoise:
    """A party that adds the same noise in every job."""

    source: NoiseSource
    drawn: dict[tuple[int, ...], Int64Array] = field(default_factory=dict)

    def draw(self, shape: Sequence[int], variance: Fraction) -> Int64Array:
        """Draw once for each shape."""
        if tuple(shape) not in self.drawn:
            self.drawn[tuple(shape)] = self.source.draw(shape, variance)
        return self.drawn[tuple(shape)]


@dataclass(frozen=True, kw_only=True, eq=False)
class Overheard:
    """A party that tells the auditor what it draws."""

    source: NoiseSource
    told: list[tuple[Int64Array, Fraction]] = field(default_factory=list)
    """Draws and the variances asked for."""

    def draw(self, shape: Sequence[int], variance: Fraction) -> Int64Array:
        """Draw, and tell."""
        drawn = self.source.draw(shape, variance)
        self.told.append((drawn, variance))
        return drawn


def overhearing(
    exchange: NoisedExchange, known: Sequence[Overheard], cluster_N: IntArray
) -> Exchange:
    """Return an exchange whose results lack the noise of parties that tell.

    Parameters
    ----------
    exchange : NoisedExchange
        With guarantee `known-assignment`.
    known : sequence of Overheard
        Parties of the exchange's session.
    cluster_N : ndarray of int64, (N,)
        Given cluster of every client; all take part.
    """
    clip_norm = exchange.jobs.inside.dp_clip_norm
    multiplier = exchange.jobs.noise.later.means_multiplier
    _, place_N, size_K = np.unique(cluster_N, return_inverse=True, return_counts=True)

    def call(contribution: Contribution) -> ExchangeResult:
        for party in known:
            party.told.clear()
        result = exchange(contribution)
        update_rM = result.update_rM
        for party in known:
            drawn_KM, variance = party.told[-1]  # of sums, after that of sizes
            unit = multiplier * clip_norm / sqrt(variance)
            update_rM = update_rM - (drawn_KM * unit / size_K[:, None])[place_N]
        return replace(result, update_rM=update_rM)

    return call


def inside_audit(
    settings: MethodSettings[NoSettings],
    *,
    clusters: int,
    numbers: int,
    fault: Fault | None = None,
) -> CentralAudit:
    """Audit the plaintext twin, which adds the noise of every party.

    Parameters
    ----------
    settings : MethodSettings
        With guarantee `known-assignment`.
    clusters : int
        Given clusters K.
    numbers : int
        Numbers M of a prompt.
    fault : Fault, optional
        Deliberate fault.
    """
    cluster_N = np.repeat(np.arange(clusters, dtype=np.int64), numbers - 1)

    def begin() -> Exchange:
        parties = [
            _with_fault(PrivateNoise(), fault, settings.parties) for _ in range(settings.parties)
        ]
        known = [Overheard(source=party) for party in parties[:-1]]
        session = PlainSession([*known, parties[-1]])
        exchange = exchange_on(session, _settings_with_fault(settings, fault), cluster_N)
        return overhearing(exchange, known, cluster_N)

    return _audit_of(settings, begin, clusters, numbers)


def secure_audit(
    settings: MethodSettings[NoSettings], session: Session, *, clusters: int, numbers: int
) -> CentralAudit:
    """Audit real parties, by what clients receive: the noise of all parties.

    Parameters are those of `inside_audit`, and an open session of as many parties as the settings
    say.
    """
    cluster_N = np.repeat(np.arange(clusters, dtype=np.int64), numbers - 1)
    return _audit_of(settings, lambda: exchange_on(session, settings, cluster_N), clusters, numbers)


def _audit_of(
    settings: MethodSettings[NoSettings],
    begin: Callable[[], Exchange],
    clusters: int,
    numbers: int,
) -> CentralAudit:
    """Return the audit of an exchange."""
    said = statement_of(settings, "the auditor's trust does not matter")
    return CentralAudit(statement=said, begin=begin, clusters=clusters, numbers=numbers)


def exchange_on(
    session: Session, settings: MethodSettings[NoSettings], cluster_N: IntArray
) -> NoisedExchange:
    """Make the method's exchange with given clusters."""
    context = MethodContext(
        settings=settings, seeds=Seeds(0), domain_N=cluster_N, open_session=no_session
    )
    return make_exchange_on(session, context, name=METHOD.card.name, num_draws=settings.parties)


def _with_fault(source: NoiseSource, fault: Fault | None, parties: int) -> NoiseSource:
    """Return a party's noise with a fault."""
    factors: dict[Fault | None, float] = {
        "half-noise": 1 / 2,
        "split-noise": 1 / sqrt(parties),
        "no-clipping": 1 / _UNCLIPPED,  # the bound is that much higher, and noise goes by the bound
    }
    if fault == "reused-noise":
        return _RepeatedNoise(source=source)
    return ScaledNoise(source=source, factor=factors[fault]) if fault in factors else source


def _settings_with_fault(
    settings: MethodSettings[NoSettings], fault: Fault | None
) -> MethodSettings[NoSettings]:
    """Return settings with a fault, for faults that are not the parties'."""
    if fault == "no-clipping":
        bound = _UNCLIPPED * settings.inside.dp_clip_norm
        return replace(settings, inside=replace(settings.inside, dp_clip_norm=bound))
    if fault == "one-release":
        return replace(settings, training=replace(settings.training, rounds=1))
    return settings
