"""The job that all engines do: points, a public start, and Lloyd's iteration in the clear.

Shape letters: N points, K clusters, D dimensions, R latent dimensions.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

RADIUS = 4.0
"""No point is longer: a public bound, and room for 16 fractional bits."""
LONGEST_JOB = 10
TRIED_SEEDS = 300
"""For a thousand points and fewer; in proportion fewer for more."""
LATENT_DIMS = (1, 2, 3)


@dataclass(frozen=True, slots=True)
class Size:
    """How many points, dimensions, clusters."""

    n: int
    d: int
    k: int

    def __str__(self) -> str:
        return f"{self.n}x{self.d}x{self.k}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `NxDxK`.

        Raises
        ------
        ValueError
            Not three positive numbers with K at most N.
        """
        n, d, k = (int(word) for word in text.split("x"))
        if not (0 < k <= n and d > 0):
            raise ValueError(f"{text}: N, D, K must be positive, and K at most N")
        return cls(n, d, k)


@dataclass(frozen=True, kw_only=True)
class Course:
    """Lloyd's iteration in the clear, from the first K points."""

    labels_TN: npt.NDArray[np.int64]
    centres_KD: FloatArray
    closest_call: float
    """The least by which any point was nearer to its centre than to another, in squared distance
    over the largest squared norm; 0 if a cluster became empty."""

    @property
    def goes_on(self) -> bool:
        """Whether every iteration changed something."""
        return not (self.labels_TN[1:] == self.labels_TN[:-1]).all(axis=1).any()


def lloyd(points_ND: FloatArray, k: int, iterations: int) -> Course:
    """Assign to the nearest centre and average, a given number of times."""
    centres_KD, labels, closest_call = points_ND[:k], [], np.inf
    for _ in range(iterations):
        dist_NK = (centres_KD**2).sum(axis=1) - 2 * points_ND @ centres_KD.T
        labels.append(dist_NK.argmin(axis=1))
        onehot_NK = np.eye(k)[labels[-1]]
        counts_K = onehot_NK.sum(axis=0)
        if not counts_K.all():
            closest_call = 0.0
            break
        nearest_N2 = np.partition(dist_NK, 1, axis=1)[:, :2] if k > 1 else np.array([[0.0, 1.0]])
        closest_call = min(closest_call, float((nearest_N2[:, 1] - nearest_N2[:, 0]).min()))
        centres_KD = onehot_NK.T @ points_ND / counts_K[:, None]
    return Course(
        labels_TN=np.array(labels),
        centres_KD=centres_KD,
        closest_call=closest_call / float((points_ND**2).sum(axis=1).max()),
    )


@dataclass(frozen=True)
class Workload:
    """Points of one size, on which Lloyd's iteration is still moving after `LONGEST_JOB`.

    Points of a few latent dimensions, turned into D: in D independent dimensions the iteration
    would end too soon. Of the seeds that are tried the one is taken on which no assignment is a
    close call, so that rounding does not decide what is compared.
    """

    size: Size
    seed: int
    latent_dims: int

    @classmethod
    def of(cls, size: Size) -> Self:
        """Find seed and latent dimensions for a size.

        Raises
        ------
        ValueError
            On no seed does the iteration go on for long enough.
        """
        best = (0.0, 0, 0)
        for dims in LATENT_DIMS:
            if dims > size.d:
                continue
            for seed in range(TRIED_SEEDS * 1000 // max(size.n, 1000)):
                course = lloyd(_latent(size, seed, dims), size.k, LONGEST_JOB + 1)
                if course.goes_on and course.closest_call > best[0]:
                    best = (course.closest_call, seed, dims)
        if best[0] == 0.0:
            raise ValueError(f"{size}: Lloyd's iteration ends early on all seeds; take more points")
        return cls(size, *best[1:])

    @cached_property
    def points_ND(self) -> FloatArray:
        """Points of norm at most `RADIUS`."""
        latent_NR = _latent(self.size, self.seed, self.latent_dims)
        rng = np.random.default_rng([self.seed, 1])
        basis_DR, _ = np.linalg.qr(rng.normal(size=(self.size.d, self.latent_dims)))
        points_ND = latent_NR @ basis_DR.T
        return np.asarray(RADIUS * points_ND / np.linalg.norm(points_ND, axis=1).max())


def _latent(size: Size, seed: int, dims: int) -> FloatArray:
    rng = np.random.default_rng([seed, 0])
    if dims == 1:  # from left to right: the start is at one end, which takes long
        return np.sort(rng.uniform(size=(size.n, 1)), axis=0)
    return rng.normal(size=(size.n, dims))


def centre_error(centres_KD: FloatArray, points_ND: FloatArray, iterations: int) -> float:
    """Return the largest distance of a centre from Lloyd's in the clear, over `RADIUS`.

    Parameters
    ----------
    centres_KD : ndarray of float64, (K, D)
    points_ND : ndarray of float64, (N, D)
    iterations : int
    """
    expected_KD = lloyd(points_ND, len(centres_KD), iterations).centres_KD
    return float(np.linalg.norm(centres_KD - expected_KD, axis=1).max() / RADIUS)
