"""Noise that computing parties add under sharing: what it takes, and what it guarantees.

Every party adds discrete Gaussian noise to every sum, and the noise of any one of them keeps the
budget alone: parties that pool what they know can subtract all but the honest one's. A result has
as many draws as there are parties.

All releases of a run together are one Gaussian mechanism, whose squared inverse multiplier is the
sum of theirs (Dong, Roth, Su, JRSS-B 2022). Noise is on integers. Discrete Gaussian noise of
variance s^2 on M integers is a post-processing of continuous noise of variance s^2 - r^2, rounded
at random by a discrete Gaussian of variance r^2 around each number, but for a factor of at most 1 +
8 M exp(-2 pi^2 r^2) in each probability, by Poisson's summation (Peikert, CRYPTO 2010, theorem 3.1,
is the general case). So epsilon is that of continuous noise of less variance: 6.25 squares of
the last bit less for sums, which have thousands of such bits, and 1.5625 less for sizes, which have
few. The factors then add less than 1e-8 to epsilon, for up to a million numbers and a thousand
sizes. Renyi divergences need no such step (Canonne, Kamath, Steinke, NeurIPS 2020).
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from secfpp.config.privacy import PrivacyConfig
from secfpp.errors import ConfigError
from secfpp.privacy.accounting import epsilon_pld, epsilon_rdp, least_multiplier

__all__ = ["InsideNoise", "Release", "calibrate_inside", "spent_by"]

SIZE_LOSS: Final = 1.25**2
"""r^2 of a size, over the square of its sensitivity, 1."""
SUM_LOSS: Final = 2.5**2 / 2.0**22
"""r^2 of a number of a sum, over the square of its sensitivity, which is at least 2^11 units of the
last bit; see `mpc.jobs.encoding`."""
MOST_DELTA: Final = 0.1
"""The largest delta of a job of the computing parties."""
_SLACK: Final = 1e-8
"""What the factors of random rounding may add to epsilon, for all numbers of a run."""
_MOST_EXCESS: Final = 3.0
"""Noise is at most so many times what a single continuous draw would need."""
_HALVINGS: Final = 30


@dataclass(frozen=True, kw_only=True)
class Release:
    """One job of the parties: its noise, and how that is divided."""

    noise_multiplier: float
    """Standard deviation of one party's noise over the sensitivity, if the job's whole noise were a
    single draw."""
    size_share: float = 0.0
    """Part of the budget of each noised vector that the sizes beside it have."""
    centre_share: float = 0.0
    """Part of the job's budget that noised centres have."""
    centre_updates: int = 0
    """Noised centres."""

    @property
    def parts(self) -> tuple[tuple[float, float], ...]:
        """Squared multiplier of every noised vector, and how much of it rounding takes."""
        square = self.noise_multiplier**2
        vectors = [square / (1 - self.centre_share)]
        if self.centre_updates:
            each = square * self.centre_updates / self.centre_share
            vectors += [each] * self.centre_updates
        sums = [(each / (1 - self.size_share), SUM_LOSS) for each in vectors]
        sizes = [(each / self.size_share, SIZE_LOSS) for each in vectors] if self.size_share else []
        return (*sums, *sizes)

    @property
    def centre_multiplier(self) -> float | None:
        """Standard deviation of the noise on sums of points over their bound; None without."""
        if not self.centre_updates:
            return None
        each = self.noise_multiplier**2 * self.centre_updates / self.centre_share
        return math.sqrt(each / (1 - self.size_share))

    @property
    def size_variance(self) -> float:
        """Variance of one party's noise on the size of a cluster; 0 if sizes have none."""
        if not self.size_share:
            return 0.0
        return self.noise_multiplier**2 / (1 - self.centre_share) / self.size_share

    @property
    def means_multiplier(self) -> float:
        """Standard deviation of the noise on sums of steps over the clipping norm."""
        return self.noise_multiplier / math.sqrt((1 - self.centre_share) * (1 - self.size_share))


@dataclass(frozen=True, kw_only=True)
class InsideNoise:
    """The noise of all rounds, and the epsilons of it."""

    first: Release
    """Of the first round."""
    later: Release
    """Of each round after it."""
    rounds: int
    epsilon_pld: float
    epsilon_rdp: float

    def of_round(self, round_index: int) -> Release:
        """Return the noise of a round, 0, 1, ..."""
        return self.later if round_index else self.first


@lru_cache(maxsize=32)
def calibrate_inside(
    privacy: PrivacyConfig,
    rounds: int,
    *,
    size_share: float = 0.0,
    clustering_share: float = 0.0,
    centre_updates: int = 0,
) -> InsideNoise:
    """Find the least noise that keeps a budget over all rounds.

    Parameters
    ----------
    privacy : PrivacyConfig
    rounds : int
        Releases of sums of steps, at least 1.
    size_share : float
        Part of the budget that sizes have, at least 0 and below 1.
    clustering_share : float
        Part of the budget that the first round's noised centres have; 0 if there are none.
    centre_updates : int
        Noised centres of the first round.

    Raises
    ------
    ConfigError
        If delta is above what a job may have.
    """
    if privacy.delta > MOST_DELTA:
        raise ConfigError(
            f"privacy.delta={privacy.delta:g} but it must be at most {MOST_DELTA:g} with noise "
            "inside the secure sum; lower --delta"
        )
    low = least_multiplier(max(privacy.epsilon - 2 * _SLACK, privacy.epsilon / 2), privacy.delta)
    high = _MOST_EXCESS * low
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        noise = _divided(middle, rounds, size_share, clustering_share, centre_updates)
        low, high = (low, middle) if _keeps(privacy, rounds, noise) else (middle, high)
    first, later = _divided(high, rounds, size_share, clustering_share, centre_updates)
    spent = spent_by((first, *[later] * (rounds - 1)), privacy.delta)
    return InsideNoise(
        first=first, later=later, rounds=rounds, epsilon_pld=spent[0], epsilon_rdp=spent[1]
    )


def _keeps(privacy: PrivacyConfig, rounds: int, noise: tuple[Release, Release]) -> bool:
    """Whether the noise of all rounds keeps a budget."""
    first, later = noise
    return spent_by((first, *[later] * (rounds - 1)), privacy.delta)[0] <= privacy.epsilon


def _divided(
    one: float, rounds: int, size_share: float, clustering_share: float, centre_updates: int
) -> tuple[Release, Release]:
    """Divide a budget that a single draw of multiplier `one` would keep; return both releases."""
    if not centre_updates:
        each = Release(noise_multiplier=one * math.sqrt(rounds), size_share=size_share)
        return each, each
    for_steps = (1 - clustering_share) / rounds  # of 1 / one^2, each round
    later = Release(noise_multiplier=one / math.sqrt(for_steps), size_share=size_share)
    first = Release(
        noise_multiplier=one / math.sqrt(clustering_share + for_steps),
        size_share=size_share,
        centre_share=clustering_share / (clustering_share + for_steps),
        centre_updates=centre_updates,
    )
    return first, later


def spent_by(releases: tuple[Release, ...], delta: float) -> tuple[float, float]:
    """Return epsilon by privacy loss distributions, and by Renyi differential privacy.

    Where noise on sizes is too small for the comparison with continuous noise, the first is the
    second.
    """
    parts = [part for release in releases for part in release.parts]
    of_renyi = 1 / math.sqrt(sum(1 / square for square, _ in parts))
    by_renyi = epsilon_rdp(of_renyi, 1, delta)
    continuous = [square - loss for square, loss in parts]
    if min(continuous) <= 0:
        return by_renyi, by_renyi
    tight = 1 / math.sqrt(sum(1 / square for square in continuous))
    return min(epsilon_pld(tight, 1, delta) + _SLACK, by_renyi), by_renyi
