"""The public description of a job, checked when it is made.

Shape letters: N points, D dimensions of a point, M of a payload.
"""

import warnings
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, Self

from mpc.errors import BudgetError, InputError
from mpc.jobs.arrays import check_arrays
from mpc.jobs.job_numbers import bounds_of, integer_of
from mpc.jobs.privacy import check_private
from mpc.jobs.sharding import ShardFields, check_shard
from mpc.ring.fixedpoint import FloatArray

RevealPolicy = Literal["own-mean", "assignments", "distances"]
REVEAL_POLICIES: Final[tuple[RevealPolicy, ...]] = ("own-mean", "assignments", "distances")
"""In order of how much they open, least first; see `mpc.engine.reveal`."""

MAX_POINTS: Final = 8191
"""More points would overflow the ring (squared cluster sizes) and the memory (distances)."""

K_CANDIDATES_MAX: Final = 8
"""Default of `k_max`, the largest number of clusters to try if k is None."""

Comparisons = Literal["auto", "fss", "lut", "boolean"]
COMPARISONS: Final[tuple[Comparisons, ...]] = ("auto", "fss", "lut", "boolean")
FORMER_COMPARISONS: Final[dict[object, Comparisons]] = {
    "keys": "fss",
    "digits": "lut",
    "circuits": "boolean",
}
"""Names of version 0.1, accepted with a warning until version 0.3."""


Init = Literal["farthest-first", "k-means++", "leaders", "random", "directions"]
K_MAX_LIMIT: Final = 16
"""The largest `k_max`: the set of legal candidates is an index into a table of 2^15 entries."""

INITS: Final[tuple[Init, ...]] = (
    "farthest-first",
    "k-means++",
    "leaders",
    "random",
    "directions",
)
"""Ways to choose the first centres; see `mpc.clustering.seeding` and `mpc.clustering.leaders`."""

MAX_LEADERS_POINTS: Final = 64
"""Most points of a job with leaders, whose comparisons grow as N^3 / 2."""

Beginning = Literal["fresh", "warm", "both"]
BEGINNINGS: Final[tuple[Beginning, ...]] = ("fresh", "warm", "both")
"""Where a job begins; see `ClusterJob.start`."""

MAX_COLUMNS: Final = 1024
"""Most centres over all restarts or candidates for k."""

MAX_EARLY_STARTS: Final = 255
"""Most starts of which one is chosen early: all pairs are compared at once, and a start's losses
are counted mod 256."""

MAX_ITERATIONS: Final = 10_000
"""Most reassignments of a job. Each one has its own number for randomness; more would reuse numbers
of the next job."""

MAX_JOBS: Final = (1 << 32) - 1
"""Most jobs of a session: every frame has the job's number in 4 bytes."""

MAX_ENTRIES: Final = 1 << 27
"""Most numbers that owners share in a job, N (D + M): one gigabyte at each party."""

MAX_LABEL: Final = 1000
"""Most characters of a job's label, which is copied to every line of the ledger."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusterJob(ShardFields):
    """Public description of one job: cluster points, and average payloads inside clusters."""

    k: int | None
    """Number of clusters. None chooses it from 1 to `k_max`; see `mpc.clustering.choose_k`."""
    iterations: int = 20
    """Most reassignments. The job ends earlier if one changes nothing (that bit is public)."""
    reveal: RevealPolicy = "own-mean"
    """Reveal policy: what is opened besides each data owner's own mean and size."""
    min_cluster_size: int = 3
    """A cluster with fewer owners is not opened, because its mean could expose another owner's
    value."""
    evaluate: bool = False
    """Open the labels to an `evaluator`; for simulations only."""
    init_rows: tuple[int, ...] | None = None
    """Public start: these points are the first centres. None: see `init`."""
    init: Init = "farthest-first"
    """How first centres are chosen: `farthest-first`, one after another; `k-means++`, drawn with
    `seed`; `leaders`, all at once, for at most `MAX_LEADERS_POINTS` points; `random`, distinct
    rows drawn with `seed`, which takes no round. A drawn row that is rejected stands for the
    origin. Centres of the first three are secret; of `random`, the numbers of rows are public.
    `directions`, for guarantee `pipeline` alone: public directions drawn with `seed`."""
    restarts: int = 1
    """Number of fresh starts, run in the same rounds; the one with least inertia is kept. For
    k-means++ it is chosen at the end. For leaders and random rows it is chosen after the first
    iteration; starts of leaders are the order of rows and further public orders, drawn with
    `seed`. With k=None each number of clusters has its own starts, fewer if it is small; see
    `open_blocks`."""
    start: Beginning = "fresh"
    """Where the job begins. `fresh`: at first centres. `warm`: at the assignment that the parties
    keep from the jobs before; nothing is opened for it. `both`: a warm start runs beside the fresh
    ones as a further restart. If too few rows are kept, or another number of clusters, the job
    begins fresh; see `mpc.jobs.kept`. A warm start with k=None takes the last k; `both` needs a
    given k."""
    warm_iterations: int | None = None
    """Most reassignments of a job that begins warm, and not beside fresh starts; None: as
    `iterations`. With one of them, nothing is opened to find out when to stop."""
    seed: int = 0
    """Seed of the public draws of k-means++, leaders and random rows; no mask depends on it."""
    k_max: int = K_CANDIDATES_MAX
    """The largest number of clusters to choose if k is None."""
    centre: bool = True
    """Subtract the mean of all points, which stays secret; the result does not depend on the
    origin."""
    standardize: bool = False
    """Divide each feature by its standard deviation, which stays secret. The relative error is at
    most 2^-12. A constant feature becomes 0. Needs `centre`."""
    norm_bound: float | None = None
    """Public bound on the Euclidean norm of a point, after centring and standardising if those are
    on. Points have 18 bits below it. For this bound and the next three, None takes the least power
    of two that fits the rows and makes it public. Only a process that holds all rows can do so."""
    value_bound: float | tuple[float, ...] | None = None
    """Public bound on the magnitude of a raw coordinate, up to 2^26 times the norm bound. If
    features are standardised, a bound for each feature, up to 2^26 times its entry of
    `feature_bounds`."""
    feature_bounds: tuple[float, ...] | None = None
    """If features are standardised: a public bound on the distance of each feature from its mean. A
    bound that is 2^6 times too large costs 6 of the feature's 18 bits."""
    payload_bound: float | None = None
    """Public bound on the Euclidean norm of a point's payload. Payloads have 24 bits below it;
    fewer if they have more than 128 numbers."""
    comparisons: Comparisons = "auto"
    """Comparison protocol: `fss`, function secret sharing (two parties, fewest rounds); `lut`,
    look-up tables of digits (fewest bytes); `boolean`, Boolean circuits (most rounds). `auto` is
    `fss` for two parties and few comparisons, else `lut`. With more than two parties `fss` falls
    back to `lut`. See `mpc.gates.comparison_choice`."""
    label: str = ""
    """Text that is copied to every ledger line, e.g. "round 3"."""
    round: int = 0
    """Number of the federated round; 0 for a job that is none."""

    def __post_init__(self) -> None:
        self._take_integers()
        self._take_shard_integers()
        if self.k is not None and self.k < 1:
            raise InputError(f"k={self.k} but at least one cluster is needed")
        for name in ("iterations", "warm_iterations"):
            most = getattr(self, name)
            if most is not None and most < 1:
                raise InputError(f"{name}={most} but at least 1 is needed")
        self._check_limits()
        if self.reveal not in REVEAL_POLICIES:
            raise InputError(f"reveal={self.reveal!r} is none of {', '.join(REVEAL_POLICIES)}")
        if self.min_cluster_size < 1:
            raise InputError(f"min_cluster_size={self.min_cluster_size} but at least 1 is needed")
        self._check_bounds()
        if self.comparisons in FORMER_COMPARISONS:
            object.__setattr__(self, "comparisons", _renamed(self.comparisons))
        if self.comparisons not in COMPARISONS:
            raise InputError(
                f"comparisons={self.comparisons!r} is none of {', '.join(COMPARISONS)}"
            )
        self._check_start()
        if self.init_rows is not None:
            self._check_init_rows(self.init_rows)
        check_shard(self)
        self._settle_privacy()
        check_private(self)

    def _take_integers(self) -> None:
        """Convert NumPy integers to Python integers; refuse other types, such as 2.5 or "2"."""
        names = ("iterations", "min_cluster_size", "restarts", "seed", "k_max", "round")
        given = [name for name in ("k", "warm_iterations") if getattr(self, name) is not None]
        for name in (*names, *given):
            object.__setattr__(self, name, integer_of(name, getattr(self, name)))
        if self.init_rows is not None:
            rows = tuple(integer_of("init_rows", row) for row in self.init_rows)
            object.__setattr__(self, "init_rows", rows)

    def _check_bounds(self) -> None:
        for name in ("norm_bound", "value_bound", "feature_bounds", "payload_bound"):
            bound = getattr(self, name)
            if bound is not None:
                object.__setattr__(self, name, bounds_of(name, bound))
        if self.standardize and not self.centre:
            raise InputError("standardize=True needs centre=True")
        if not self.standardize:
            if self.feature_bounds is not None:
                raise InputError("feature_bounds are for standardize=True")
            if isinstance(self.value_bound, tuple):
                raise InputError("a value_bound of each feature is for standardize=True")

    def _check_limits(self) -> None:
        """Refuse values that are too large; a party checks a job that a server sent."""
        most = max(self.iterations, self.warm_iterations or 1)
        if most > MAX_ITERATIONS:
            raise InputError(
                f"iterations={most} but a job has {MAX_ITERATIONS} at most; it ends by "
                "itself when nothing changes"
            )
        if self.min_cluster_size > MAX_POINTS:
            raise InputError(
                f"min_cluster_size={self.min_cluster_size} but a job has at most {MAX_POINTS} "
                "points"
            )
        if len(self.label) > MAX_LABEL:
            raise InputError(
                f"a label of {len(self.label)} characters, but {MAX_LABEL} are possible at most"
            )

    def _check_start(self) -> None:
        if self.init not in INITS:
            raise InputError(f"init={self.init!r} is none of {', '.join(INITS)}")
        if self.start not in BEGINNINGS:
            raise InputError(f"start={self.start!r} is none of {', '.join(BEGINNINGS)}")
        if self.restarts < 1 or self.k_max < 1:
            raise InputError(
                f"restarts={self.restarts}, k_max={self.k_max} but at least 1 is needed of each"
            )
        if self.k is None and self.k_max > K_MAX_LIMIT:
            raise InputError(f"k_max={self.k_max} but k is chosen from {K_MAX_LIMIT} at most")
        if self.seed < 0:
            raise InputError(f"seed={self.seed} but a number of at least 0 is needed")
        if self.init == "directions" and self.guarantee != "pipeline":
            raise InputError("init='directions' is for guarantee='pipeline'")
        drawn = self.init != "farthest-first" and self.init_rows is None
        if self.restarts > 1 and not drawn:
            raise InputError(
                f"restarts={self.restarts} but only starts of k-means++, leaders and random "
                "rows differ from one another; say init='random' without init_rows, or restarts=1"
            )
        if self.k is None:
            self._check_open()
            return
        blocks = max(self.num_blocks, self.restarts)  # a warm job may have to begin fresh
        if self.k * blocks > MAX_COLUMNS:
            raise InputError(
                f"{self.k} clusters in {blocks} restarts are more than "
                f"{MAX_COLUMNS} centres; lower one of them"
            )
        if self.at_once and blocks > MAX_EARLY_STARTS:
            raise InputError(
                f"restarts={self.restarts}, start={self.start!r}: at most {MAX_EARLY_STARTS} "
                f"starts run beside one another with init={self.init!r}"
            )

    def _check_open(self) -> None:
        """Check the start of a job that chooses k."""
        if self.init not in ("farthest-first", "random"):
            raise InputError(
                "k=None is chosen from starts that are farthest-first or random; give k for "
                f"{self.init}"
            )
        if self.start == "both":
            raise InputError("start='both' needs a given k; with k=None say 'fresh' or 'warm'")
        centres = sum(open_blocks(self.restarts, self.k_max))
        if centres > MAX_COLUMNS:
            raise InputError(
                f"up to {self.k_max} clusters in up to {self.restarts} restarts each are "
                f"{centres} centres, but at most {MAX_COLUMNS} are possible; lower one of them"
            )
        if self.restarts > 1 and self.iterations == 1:
            raise InputError(
                f"restarts={self.restarts} with k=None need at least 2 iterations: the best start "
                "of each number of clusters is chosen after the first"
            )

    def _check_init_rows(self, rows: tuple[int, ...]) -> None:
        if self.k is None:
            raise InputError("init_rows needs a given k")
        if len(rows) != self.k or len(set(rows)) != len(rows):
            raise InputError(
                f"init_rows has {len(rows)} entries {rows}; k={self.k} distinct are needed"
            )

    @property
    def by_leaders(self) -> bool:
        """Whether fresh first centres are leaders."""
        return self.init == "leaders" and self.init_rows is None

    @property
    def by_random_rows(self) -> bool:
        """Whether fresh first centres are rows drawn at random."""
        return self.init == "random" and self.init_rows is None

    @property
    def at_once(self) -> bool:
        """Whether fresh first centres are found all at once, and the best start is chosen early."""
        return self.by_leaders or self.by_random_rows

    @property
    def num_blocks(self) -> int:
        """Starts that run beside one another."""
        return {"fresh": self.restarts, "warm": 1, "both": self.restarts + 1}[self.start]

    def blocks(self, largest: int) -> tuple[int, ...]:
        """Return the clusters of every fresh start: k each, or of candidates 1 .. `largest`."""
        if self.k is None:
            return open_blocks(self.restarts, largest)
        return (self.k,) * self.restarts

    @property
    def is_batch(self) -> bool:
        """Whether several clusterings run side by side: restarts, or candidates for k."""
        return self.k is None or self.num_blocks > 1

    @property
    def opens_labels_last(self) -> bool:
        """Whether policy `assignments` opens labels at the end only, not in every iteration."""
        return self.is_batch or self.at_once or self.start == "warm"

    def check_points(self, points_ND: FloatArray, payload_NM: FloatArray) -> None:
        """Refuse input arrays that do not fit the job, before anything is shared.

        Parameters
        ----------
        points_ND : ndarray of float64, (N, D)
        payload_NM : ndarray of float64, (N, M)

        Raises
        ------
        InputError
            Wrong rank or dtype, an empty array, NaN or infinity, different N, k > N, or a start out
            of range.
        """
        check_arrays(points_ND, payload_NM)
        self.check_shapes(len(points_ND), points_ND.shape[1], payload_NM.shape[1])

    def check_shapes(self, num_points: int, dim: int, payload: int) -> None:
        """Refuse shapes that do not fit the job.

        Raises
        ------
        InputError, BudgetError
            Nothing to cluster or to average, too many numbers, k > N, or a start out of range.
        """
        n, entries = num_points, num_points * (dim + payload)
        if min(n, dim, payload) < 1:
            raise InputError(f"{n} points of {dim} numbers, and {payload} to average: no job")
        if n > MAX_POINTS:
            raise BudgetError(f"{n} points, but at most {MAX_POINTS} fit the fixed-point budget")
        if entries > MAX_ENTRIES:
            raise BudgetError(
                f"{n} points of {dim} numbers, and {payload} to average, are {entries} numbers, "
                f"but at most {MAX_ENTRIES} are shared in a job; lower one of the three"
            )
        if self.k is not None and self.k > n:
            raise InputError(f"k={self.k} but only {n} points; lower --k or add points")
        if self.by_leaders and n > MAX_LEADERS_POINTS:
            raise InputError(
                f"init='leaders' is for up to {MAX_LEADERS_POINTS} points, not {n}; say "
                "init='farthest-first' or 'k-means++'"
            )
        if self.init_rows is not None and not all(0 <= row < n for row in self.init_rows):
            raise InputError(f"init_rows {self.init_rows} must lie in 0..{n - 1}")

    def as_json(self) -> dict[str, object]:
        """Return the job as plain values for a control message."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: object) -> Self:
        """Rebuild and check a job that came in a control message."""
        if not isinstance(values, dict):
            raise InputError("a job must be a JSON object")
        return cls(**{**values, **{name: _tuple(values.get(name)) for name in _TUPLES}})


def open_blocks(restarts: int, largest: int) -> tuple[int, ...]:
    """Return the clusters of every start if k is left open, those of a candidate together.

    Candidate k has 8 k - 7 starts, or `restarts` if these are fewer: a single cluster needs one,
    and the more clusters there are, the fewer starts have a row in each.
    """
    sizes = range(1, largest + 1)
    return tuple(k for k in sizes for _ in range(min(restarts, 8 * k - 7)))


_TUPLES: Final = ("init_rows", "feature_bounds", "value_bound")


def _tuple(value: Any) -> Any:
    """Return a JSON list as a tuple; return other values unchanged, for a later check to refuse."""
    return tuple(value) if isinstance(value, list) else value


def _renamed(former: object) -> Comparisons:
    """Return the current name of a comparison protocol, with a warning."""
    now = FORMER_COMPARISONS[former]
    what = f"comparisons={former!r} is now {now!r}; the old name is understood until version 0.3"
    warnings.warn(what, FutureWarning, stacklevel=4)
    return now
