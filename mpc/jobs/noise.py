"""Variances of the noise that each party adds, from public fields of a job alone.

Owner, party and twin compute them with the same functions. A release is the sums and the sizes of
all clusters together. One row is in one cluster, so replacing it by nothing moves the sums by at
most the norm that the parties test, and the sizes by 1.

Shape letters: N points, D dimensions of a point, M of a payload, P parties.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final, Protocol

from mpc.errors import BudgetError
from mpc.jobs.encoding import (
    HEADROOM_BITS,
    payload_width,
    squared_norm_limit,
    squared_payload_limit,
)
from mpc.jobs.job import ClusterJob
from mpc.jobs.privacy import size_share
from mpc.ring.fixedpoint import POINT_BITS, Int64Array

_LONGEST: Final = 1 << 13
"""A noised sum of points is shorter, in units of their scale; its square then fits the ring."""
TAIL: Final = 9
"""Standard deviations that the sum of all parties' noise exceeds with a probability below 1e-17."""
MAX_INDEX_BITS: Final = 16
"""Most bits of a noised size as an index of a look-up."""
_SIZE_GRAIN: Final = 1 << 20
_SUM_BITS: Final = 62
_ROUNDING: Final = 1 + 1e-12


@dataclass(frozen=True, kw_only=True, slots=True)
class Noise:
    """Noise of one release: each party's own, as it is added to its shares."""

    sum_variance: Fraction
    """Of each number of a sum, in squares of its unit in the ring."""
    size_variance: Fraction
    """Of each size; 0: sizes have no noise."""
    spread: int
    """Noised sizes are in -spread .. N + spread, but for a probability below 1e-17."""
    floor: int
    """Least size that a noised sum is divided by."""

    def index_bits(self, num_points: int) -> int:
        """Return the bits of a noised size plus `spread` as an index."""
        return (num_points + 2 * self.spread).bit_length()


def noise_of_means(job: ClusterJob, num_points: int, payload: int, num_parties: int) -> Noise:
    """Return the noise of the sums and sizes that owners receive.

    Raises
    ------
    BudgetError
        The noise does not fit the ring.
    """
    rho = job.rho * (1 - _centres(job))
    noise = _release(job, rho, squared_payload_limit(job, payload), payload, num_parties)
    largest = num_points * 2.0 ** payload_width(payload) + _tail(noise.sum_variance, num_parties)
    return _fitting(noise, num_points, largest)


def noise_of_centres(job: ClusterJob, num_points: int, dim: int, num_parties: int) -> Noise:
    """Return the noise of the centres of each of a pipeline's iterations but the first.

    A noised sum is divided by its noised size, or by `floor` if that is more. The floor is at least
    the standard deviation of a size's noise, so that an empty cluster's centre is no mere noise,
    and large enough that no centre is longer than 2^`HEADROOM_BITS` norm bounds.

    Raises
    ------
    BudgetError
        The noise does not fit the ring.
    """
    if _centres(job) == 0:
        return Noise(sum_variance=Fraction(0), size_variance=Fraction(0), spread=0, floor=1)
    rho = job.rho * _centres(job) / (job.iterations - 1)
    noise = _release(job, rho, squared_norm_limit(job, dim), dim, num_parties)
    tail, point = _tail(noise.sum_variance, num_parties, dim), 2.0 ** (POINT_BITS - HEADROOM_BITS)
    shortest = (tail + noise.spread * point) / (point * (2.0**HEADROOM_BITS - 1))
    usual = math.sqrt(num_parties * noise.size_variance)
    noise = replace(noise, floor=max(1, math.ceil(shortest), math.ceil(usual)))
    longest = (num_points * point + tail) / 2.0**POINT_BITS
    return _fitting(noise, num_points, 2.0**_SUM_BITS / _LONGEST * longest)


def _centres(job: ClusterJob) -> float:
    """Return the part of the budget that centres have."""
    return job.centre_share if job.guarantee == "pipeline" and job.iterations > 1 else 0.0


def _release(
    job: ClusterJob, rho: float, squared_limit: int, width: int, num_parties: int
) -> Noise:
    """Divide the rho of one release between sums of `width` numbers and sizes."""
    rows, share = job.rows_per_owner, size_share(job, width)
    of_sums = rows**2 * squared_limit / (2 * rho * (1 - share)) * _ROUNDING
    of_sizes = rows**2 / (2 * rho * share) * _ROUNDING if share else 0.0
    size_variance = Fraction(math.ceil(of_sizes * _SIZE_GRAIN), _SIZE_GRAIN)
    return Noise(
        sum_variance=Fraction(math.ceil(of_sums)),
        size_variance=size_variance,
        spread=math.ceil(_tail(size_variance, num_parties)),
        floor=1,
    )


def _tail(variance: Fraction, num_parties: int, width: int = 1) -> float:
    """Return a length that the noise of all parties on so many numbers hardly ever exceeds."""
    return math.sqrt(num_parties * variance) * (TAIL + math.sqrt(width) * (width > 1))


def _fitting(noise: Noise, num_points: int, largest: float) -> Noise:
    """Return noise that fits the ring and the look-ups."""
    bits = noise.index_bits(num_points)
    if largest >= 2.0**_SUM_BITS or bits > MAX_INDEX_BITS:
        raise BudgetError(
            f"the noise is too large for the fixed-point budget: {math.log2(largest):.0f} bits of "
            f"{_SUM_BITS} for sums, {bits} of {MAX_INDEX_BITS} for sizes; raise epsilon, or lower "
            "releases, iterations or rows_per_owner"
        )
    return noise


class NoiseSource(Protocol):
    """Where a party's noise comes from."""

    def draw(self, shape: Sequence[int], variance: Fraction) -> Int64Array:
        """Draw independent samples of a discrete Gaussian."""


def drawn(
    source: NoiseSource, noise: Noise, num_clusters: int, width: int
) -> tuple[Int64Array, Int64Array]:
    """Draw one party's noise of one release: of sizes, (K,), then of sums, (K, width)."""
    sizes_K = source.draw((num_clusters,), noise.size_variance)
    return sizes_K, source.draw((num_clusters, width), noise.sum_variance)
