"""Secure computation on secret-shared vectors, on CrypTen tensors; knows nothing of prompts.

>>> from mpc import ClusterJob, open_session
>>> with open_session(num_parties=2) as session:
...     result = session.cluster(ClusterJob(k=3), points_ND, payload_NM)
"""

from typing import TYPE_CHECKING

from mpc.errors import MpcError
from mpc.jobs.job import ClusterJob
from mpc.jobs.result import ClusterResult, LedgerEntry, Session
from mpc.reference.session import PlainSession
from mpc.session.session import SecureSession, open_session
from mpc.traffic import Traffic

if TYPE_CHECKING:
    from mpc.estimator import SecureKMeans

__all__ = [
    "ClusterJob",
    "ClusterResult",
    "LedgerEntry",
    "MpcError",
    "PlainSession",
    "SecureKMeans",
    "SecureSession",
    "Session",
    "Traffic",
    "open_session",
]


def __getattr__(name: str) -> object:
    """Import the estimator when it is asked for: scikit-learn takes a second."""
    if name == "SecureKMeans":
        from mpc.estimator import SecureKMeans

        return SecureKMeans
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
