"""Secure computation on secret-shared vectors, on CrypTen tensors; knows nothing of prompts.

>>> import numpy as np
>>> from mpc import ClusterJob, open_session
>>> rows_ND = np.array([[0.0, 1], [0, 2], [0, 3], [9, 1], [9, 2], [9, 3]])
>>> with open_session(num_parties=2) as session:  # starts two parties and a dealer
...     result = session.cluster(ClusterJob(k=2), rows_ND, payload_NM=rows_ND)
>>> result.means_NM[[0, 3]].round(3)  # of the clusters of rows 0 and 3
array([[0., 2.],
       [9., 2.]])
>>> result.sizes_N
array([3, 3, 3, 3, 3, 3])

A name is imported from its module when it is asked for. A data owner, who needs a few modules, thus
loads neither torch nor scikit-learn.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mpc.errors import MpcError
    from mpc.estimator import SecureKMeans
    from mpc.jobs.job import ClusterJob
    from mpc.jobs.result import ClusterResult, LedgerEntry, Session
    from mpc.reference.session import PlainSession
    from mpc.session.session import SecureSession, open_session
    from mpc.traffic import Traffic

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

_HOMES: Final = {
    "ClusterJob": "mpc.jobs.job",
    "ClusterResult": "mpc.jobs.result",
    "LedgerEntry": "mpc.jobs.result",
    "MpcError": "mpc.errors",
    "PlainSession": "mpc.reference.session",
    "SecureKMeans": "mpc.estimator",
    "SecureSession": "mpc.session.session",
    "Session": "mpc.jobs.result",
    "Traffic": "mpc.traffic",
    "open_session": "mpc.session.session",
}
"""The module of each name."""


def __getattr__(name: str) -> object:
    """Import a name from its module, and keep it.

    Raises
    ------
    ImportError
        A data owner's distribution does not have its module.
    """
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        value: object = getattr(import_module(home), name)
    except ModuleNotFoundError as error:
        if not str(error.name).startswith(f"{__name__}."):
            raise
        what = f"{name} is not part of a data owner's distribution; install secfpp"
        raise ImportError(what) from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return what is here, imported or not."""
    return sorted({*globals(), *__all__})
