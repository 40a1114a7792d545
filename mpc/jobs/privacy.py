"""Fields of a job that say what differential privacy its results have.

Noise goes onto the shares of every cluster's sum and size, before a size is compared with the
minimum and before anything is opened: one draw a cluster, so that all members receive the same.
Each party's draw alone keeps the promise. `mpc.jobs.noise` has the variances, and
`mpc.jobs.statement` says it all in words.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from mpc.errors import InputError
from mpc.jobs.accounting import epsilon_of, multiplier_for, rho_of
from mpc.jobs.job_numbers import integer_of, positive

if TYPE_CHECKING:
    from mpc.jobs.job import ClusterJob

Guarantee = Literal["none", "means", "known-assignment", "pipeline"]
GUARANTEES: Final[tuple[Guarantee, ...]] = ("none", "means", "known-assignment", "pipeline")
"""What noise protects; see `PrivacyFields.guarantee`."""
DEFAULT_DELTA: Final = 1e-5
MOST_DELTA: Final = 0.1
"""A larger delta promises nothing."""
MAX_NOISED_ITERATIONS: Final = 64
"""Most reassignments of a job whose centres have noise; each one has a part of the budget."""
LEAST_SIZE_SHARE: Final = 0.1
_CLOSE: Final = 1e-9
"""Relative difference of two machines' floating point."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PrivacyFields:
    """The guarantee of a job, its budget, and how the budget is divided."""

    guarantee: Guarantee = "none"
    """What noise protects. `none`: there is no noise. `means`: the payloads, given the assignment,
    which this job computes from the points without noise. `known-assignment`: the payloads, given
    the assignment that the parties keep from earlier jobs; it is used as it is, points are not
    looked at, and a row that is not kept is in no cluster. `pipeline`: points and payloads; centres
    have noise inside k-means, too."""
    epsilon: float | None = None
    """Budget of one data owner over `releases` jobs. None: that of `noise_multiplier`."""
    delta: float = DEFAULT_DELTA
    """Probability with which the privacy loss may exceed epsilon."""
    releases: int = 1
    """Number of jobs that the budget is for; each may have as much of it as this one."""
    noise_multiplier: float | None = None
    """Standard deviation of each party's noise over the sensitivity, if a job's whole noise were a
    single draw; a job is 1 / (2 z^2)-zCDP. None: the least that keeps the budget."""
    rows_per_owner: int = 1
    """Most rows of one data owner: the sensitivity is so many times that of a row."""
    size_share: float | None = None
    """Part of the budget that sizes have, the rest is for sums. None: 1 / (1 + sqrt(M)), at least
    0.1. 0 leaves sizes without noise, with `known-assignment` alone: they are then part of what is
    given."""
    centre_share: float = 0.5
    """Part of the budget that the centres of a `pipeline` have, the rest is for means."""

    @property
    def is_private(self) -> bool:
        """Whether results have noise."""
        return self.guarantee != "none"

    @property
    def rho(self) -> float:
        """The zCDP of this job, for each data owner; 0 without a guarantee."""
        return 0.0 if self.noise_multiplier is None else rho_of(self.noise_multiplier)

    def _settle_privacy(self) -> None:
        """Check the fields, and compute the budget from the noise or the noise from the budget."""
        if self.guarantee not in GUARANTEES:
            raise InputError(f"guarantee={self.guarantee!r} is none of {', '.join(GUARANTEES)}")
        for name in ("releases", "rows_per_owner"):
            self._put(name, integer_of(name, getattr(self, name)))
            if getattr(self, name) < 1:
                raise InputError(f"{name}={getattr(self, name)} but at least 1 is needed")
        for name in ("epsilon", "noise_multiplier"):
            if getattr(self, name) is not None:
                self._put(name, positive(name, getattr(self, name)))
        self._put("delta", positive("delta", self.delta))
        if self.delta > MOST_DELTA:
            raise InputError(f"delta={self.delta} but at most {MOST_DELTA} is possible")
        self._check_shares()
        if not self.is_private:
            if self.epsilon is not None or self.noise_multiplier is not None:
                raise InputError(
                    "epsilon and noise_multiplier need a guarantee: " + ", ".join(GUARANTEES[1:])
                )
            return
        self._settle_budget()

    def _settle_budget(self) -> None:
        """Fill in the noise or the epsilon; refuse noise that does not keep the budget."""
        if self.epsilon is None and self.noise_multiplier is None:
            raise InputError(f"guarantee={self.guarantee!r} needs an epsilon or a noise_multiplier")
        if self.epsilon is None:
            self._put("epsilon", epsilon_of(self.releases * self.rho, self.delta))
            return
        least = multiplier_for(self.epsilon, self.delta, self.releases)
        if self.noise_multiplier is None:
            self._put("noise_multiplier", least)
        elif self.noise_multiplier < least * (1 - _CLOSE):
            raise InputError(
                f"noise_multiplier={self.noise_multiplier:.6g} does not keep epsilon="
                f"{self.epsilon:.6g} at delta={self.delta:g} over {self.releases} releases: "
                f"{least:.6g} is needed"
            )

    def _check_shares(self) -> None:
        for name in ("size_share", "centre_share"):
            share = getattr(self, name)
            if share is None or (share == 0 and name == "size_share"):
                continue
            self._put(name, positive(name, share))
            if getattr(self, name) >= 1:
                raise InputError(f"{name}={share} but a part of the budget, below 1, is needed")

    def _put(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)


def check_private(job: "ClusterJob") -> None:
    """Refuse settings that a guarantee does not cover.

    Raises
    ------
    InputError
    """
    if not job.is_private:
        return
    for name, possible in _POSSIBLE[job.guarantee].items():
        value = getattr(job, name)
        if value not in possible:
            listed = " or ".join(map(repr, possible))
            raise InputError(f"guarantee={job.guarantee!r} needs {name}={listed}, not {value!r}")
    if job.size_share == 0 and job.guarantee != "known-assignment":
        raise InputError(
            f"size_share=0 but sizes need noise with guarantee={job.guarantee!r}; give a part"
        )
    if job.guarantee == "pipeline":
        _check_pipeline(job)


def _check_pipeline(job: "ClusterJob") -> None:
    if job.k is None or job.init_rows is not None:
        raise InputError("guarantee='pipeline' needs k given, and no init_rows, which are data")
    if job.iterations > MAX_NOISED_ITERATIONS:
        raise InputError(
            f"iterations={job.iterations} but guarantee='pipeline' has {MAX_NOISED_ITERATIONS} at "
            "most: each one has a part of the budget"
        )


_POSSIBLE: Final[dict[Guarantee, dict[str, tuple[object, ...]]]] = {
    "means": {"shards": (1,)},
    "known-assignment": {
        "shards": (1,),
        "start": ("warm",),
        "reveal": ("own-mean",),
        "init_rows": (None,),
    },
    "pipeline": {
        "shards": (1,),
        "init": ("directions",),
        "start": ("fresh",),
        "restarts": (1,),
        "reveal": ("own-mean",),
        "centre": (False,),
        "standardize": (False,),
    },
}
"""Values that fields of a job with a guarantee may have."""


def size_share(job: "ClusterJob", width: int) -> float:
    """Return the part of a release's budget that sizes have, beside sums of so many numbers."""
    if job.size_share is not None:
        return job.size_share
    return max(LEAST_SIZE_SHARE, 1 / (1 + math.sqrt(width)))
