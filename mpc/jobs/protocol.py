"""The protocols that a job may be computed by, and what they do not do of it."""

from typing import TYPE_CHECKING, Final, Literal

from mpc.errors import BudgetError, InputError

if TYPE_CHECKING:
    from mpc.jobs.job import ClusterJob

ProtocolName = Literal["additive", "secpc", "crypten"]
PROTOCOLS: Final[tuple[ProtocolName, ...]] = ("additive", "secpc", "crypten")
"""`additive`: our own protocols on additive shares mod 2^64, with a dealer. `crypten`: shares and
dealer are the same, but every operation is CrypTen's own. `secpc`: the paper's protocol, in which
clients compute for one another, without parties and dealer; see `mpc.secpc`."""

STOCK_BITS: Final = 16
"""Fractional bits of points and payloads that CrypTen's own operations compute on."""
MAX_STOCK_POINTS: Final = 1023
"""Most points of such a job. The ten Newton steps of CrypTen's reciprocal are too few for a cluster
of one among more of them."""
MAX_STOCK_VALUE: Final = 256.0
"""Most times that its value bound may be over its norm bound: CrypTen's division by a public number
fails with probability 2^-64 times the sum that it divides."""

_POSSIBLE: Final[dict[ProtocolName, dict[str, tuple[object, ...]]]] = {
    "additive": {},
    "crypten": {
        "reveal": ("own-mean", "assignments"),
        "init": ("farthest-first", "random"),
        "restarts": (1,),
        "start": ("fresh",),
        "standardize": (False,),
        "comparisons": ("auto",),
        "shards": (1,),
        "guarantee": ("none",),
    },
    "secpc": {
        "reveal": ("distances",),
        "standardize": (False,),
        "comparisons": ("auto",),
        "shards": (1,),
        "guarantee": ("none",),
    },
}
"""Values that fields of a job may have if a protocol computes it; all values of other fields."""


def check_protocol(job: "ClusterJob") -> None:
    """Refuse an unknown protocol, and settings that the job's protocol does not honour.

    Raises
    ------
    InputError
    """
    if job.protocol not in PROTOCOLS:
        raise InputError(f"protocol={job.protocol!r} is none of {', '.join(PROTOCOLS)}")
    if job.k is None and job.protocol == "crypten":
        raise InputError(f"k=None but protocol={job.protocol!r} does not choose k; give it")
    for name, possible in _POSSIBLE[job.protocol].items():
        if getattr(job, name) not in possible:
            listed = " or ".join(map(repr, possible))
            raise InputError(
                f"{name}={getattr(job, name)!r} but protocol={job.protocol!r} has {name}={listed}"
            )


def check_for_parties(job: "ClusterJob") -> None:
    """Refuse a job that clients compute themselves, without computing parties.

    Raises
    ------
    InputError
    """
    if job.protocol == "secpc":
        raise InputError("protocol='secpc' is computed by clients: open an mpc.SecPCSession for it")


def check_sizes(job: "ClusterJob", num_points: int) -> None:
    """Refuse a job that is too large for the job's protocol.

    Parameters
    ----------
    job : ClusterJob
        All its bounds are known.
    num_points : int

    Raises
    ------
    BudgetError
    """
    if job.protocol != "crypten":
        return
    if num_points > MAX_STOCK_POINTS:
        raise BudgetError(
            f"{num_points} points, but protocol={job.protocol!r} has at most {MAX_STOCK_POINTS}"
        )
    value, norm = job.value_bound, job.norm_bound
    if isinstance(value, float) and norm is not None and value > MAX_STOCK_VALUE * norm:
        raise BudgetError(
            f"value_bound={value:.6g} is over {MAX_STOCK_VALUE:g} times norm_bound={norm:.6g}, but "
            f"protocol={job.protocol!r} centres points in {STOCK_BITS} fractional bits; subtract a "
            "public number from all rows, so that they are nearer to 0"
        )
