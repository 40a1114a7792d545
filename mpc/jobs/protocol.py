"""The protocols that a job may be computed by, and what they do not do of it."""

from typing import TYPE_CHECKING, Final, Literal

from mpc.errors import InputError

if TYPE_CHECKING:
    from mpc.jobs.job import ClusterJob

ProtocolName = Literal["additive", "crypten"]
PROTOCOLS: Final[tuple[ProtocolName, ...]] = ("additive", "crypten")
"""`additive`: our own protocols on additive shares mod 2^64, with a dealer. `crypten`: shares and
dealer are the same, but every operation is CrypTen's own."""

_POSSIBLE: Final[dict[str, tuple[object, ...]]] = {
    "reveal": ("own-mean", "assignments"),
    "init": ("farthest-first", "random"),
    "restarts": (1,),
    "start": ("fresh",),
    "standardize": (False,),
    "comparisons": ("auto",),
    "shards": (1,),
}
"""Values that fields of a job may have if CrypTen's own operations compute it."""


def check_protocol(job: "ClusterJob") -> None:
    """Refuse an unknown protocol, and settings that the job's protocol does not honour.

    Raises
    ------
    InputError
    """
    if job.protocol not in PROTOCOLS:
        raise InputError(f"protocol={job.protocol!r} is none of {', '.join(PROTOCOLS)}")
    if job.protocol == "additive":
        return
    if job.k is None:
        raise InputError(f"k=None but protocol={job.protocol!r} does not choose k; give it")
    for name, possible in _POSSIBLE.items():
        if getattr(job, name) not in possible:
            listed = " or ".join(map(repr, possible))
            raise InputError(
                f"{name}={getattr(job, name)!r} but protocol={job.protocol!r} has {name}={listed}"
            )
