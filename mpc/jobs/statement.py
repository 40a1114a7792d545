"""What a job's noise promises, with everything that the promise depends on.

Shape letters: N points, D dimensions of a point, M of a payload, P parties.
"""

import math
from dataclasses import asdict, dataclass, replace
from typing import Final, Self

from mpc.jobs.accounting import epsilon_of
from mpc.jobs.encoding import payload_unit, point_scale, squared_norm_limit, squared_payload_limit
from mpc.jobs.job import ClusterJob
from mpc.jobs.noise import noise_of_centres, noise_of_means
from mpc.jobs.privacy import Guarantee
from mpc.ring.fixedpoint import POINT_BITS

COVERS: Final[dict[Guarantee, str]] = {
    "none": "nothing",
    "means": "the payloads, given the assignment. The assignment, and k if it was chosen, come "
    "from all points without noise and are not covered: one owner's point can move others from "
    "cluster to cluster",
    "known-assignment": "the payloads. The assignment is given: the parties keep it from earlier "
    "jobs, and this job does not change it. Points are not looked at",
    "pipeline": "points and payloads: centres have noise in every iteration and are never opened, "
    "and an owner's assignment is a function of them and of its own row (joint differential "
    "privacy: what all others receive together hides an owner)",
}
"""What each guarantee covers, in words."""
NEIGHBOURS: Final = (
    "all rows of one data owner count in no cluster, as if replaced by zero; who takes part, and "
    "with how many rows, is public"
)
NEIGHBOURS_OF_PAYLOADS: Final = (
    "all payloads of one data owner are replaced by zero; clusters and their sizes are given, and "
    "who takes part is public"
)
TRUST: Final = (
    "any one honest party, and the dealer not colluding: each party's own noise alone has the "
    "stated standard deviation"
)
COMPOSITION: Final = "zero-concentrated differential privacy, whose rho adds up over jobs"


@dataclass(frozen=True, kw_only=True, slots=True)
class NoiseStatement:
    """The guarantee of one job, and of all jobs of its budget together."""

    guarantee: Guarantee
    epsilon: float
    """Of `releases` jobs like this one, by zCDP."""
    delta: float
    releases: int
    rho: float
    """zCDP of this job."""
    noise_multiplier: float
    """Standard deviation of one party's noise over the sensitivity, if the job's whole noise were a
    single draw."""
    num_parties: int
    """P; a result has the noise of all of them, sqrt(P) times the standard deviation of one."""
    rows_per_owner: int
    """Most rows of a data owner; sensitivities are for all of them."""
    sum_sensitivity: float
    """How far an owner moves the sums of payloads in L2 norm, with rounding, in the payload's
    unit."""
    sum_stddev: float
    """Of each party's noise on every number of a sum."""
    size_stddev: float
    """Of each party's noise on a size; 0: sizes are part of what is given."""
    centre_sensitivity: float | None = None
    """How far an owner moves the sums of points in each iteration, in the point's unit."""
    centre_stddev: float | None = None
    centre_size_stddev: float | None = None
    centre_updates: int = 0
    """Iterations whose centres have noise: all but the first, which has public directions."""

    @classmethod
    def of(
        cls, job: ClusterJob, *, num_points: int, dim: int, payload: int, num_parties: int
    ) -> Self | None:
        """Return the statement of a job; None without a guarantee."""
        if not job.is_private or job.noise_multiplier is None:
            return None
        unit = payload_unit(job, payload)
        means = noise_of_means(job, num_points, payload, num_parties)
        length = job.rows_per_owner * math.sqrt(squared_payload_limit(job, payload))
        statement = cls(
            guarantee=job.guarantee,
            epsilon=epsilon_of(job.releases * job.rho, job.delta),
            delta=job.delta,
            releases=job.releases,
            rho=job.rho,
            noise_multiplier=job.noise_multiplier,
            num_parties=num_parties,
            rows_per_owner=job.rows_per_owner,
            sum_sensitivity=length * unit,
            sum_stddev=math.sqrt(means.sum_variance) * unit,
            size_stddev=math.sqrt(means.size_variance),
        )
        if job.guarantee != "pipeline" or job.iterations == 1:
            return statement
        unit = float(point_scale(job)) * 2.0**-POINT_BITS
        centres = noise_of_centres(job, num_points, dim, num_parties)
        length = job.rows_per_owner * math.sqrt(squared_norm_limit(job, dim))
        return replace(
            statement,
            centre_sensitivity=length * unit,
            centre_stddev=math.sqrt(centres.sum_variance) * unit,
            centre_size_stddev=math.sqrt(centres.size_variance),
            centre_updates=job.iterations - 1,
        )

    @property
    def neighbours(self) -> str:
        """The neighbouring relation."""
        return NEIGHBOURS if self.size_stddev else NEIGHBOURS_OF_PAYLOADS

    def as_json(self) -> dict[str, object]:
        """Return plain values, with the words."""
        return asdict(self) | {"in_words": self.in_words}

    @property
    def in_words(self) -> str:
        """One paragraph for every place that shows the epsilon."""
        inside = ""
        if self.centre_updates:
            inside = (
                f"; centres: {self.centre_updates} updates, sums of points with sensitivity "
                f"{self.centre_sensitivity:.4g} and noise {self.centre_stddev:.4g}, sizes with "
                f"noise {self.centre_size_stddev:.4g}"
            )
        releases = "1 release" if self.releases == 1 else f"{self.releases} releases"
        return (
            f"guarantee {self.guarantee}: epsilon {self.epsilon:.4g} at delta {self.delta:g} over "
            f"{releases} (rho {self.rho:.4g} each); covers: {COVERS[self.guarantee]}; unit: one "
            f"data owner, at most {self.rows_per_owner} rows; neighbours: {self.neighbours}; "
            f"sensitivity: {self.sum_sensitivity:.4g} for sums, {self.rows_per_owner} for sizes; "
            f"noise of each of {self.num_parties} parties: discrete Gaussian, standard deviation "
            f"{self.sum_stddev:.4g} and {self.size_stddev:.4g}, in all "
            f"{math.sqrt(self.num_parties):.3g} times that{inside}; composition: {COMPOSITION}; "
            f"trust: {TRUST}"
        )
