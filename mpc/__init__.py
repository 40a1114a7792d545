"""Secure k-means on secret-shared vectors, computed with CrypTen tensors.

>>> import numpy as np
>>> from mpc import ClusterJob, open_session
>>> rows_ND = np.array([[0.0, 1], [0, 2], [0, 3], [9, 1], [9, 2], [9, 3]])
>>> with open_session(num_parties=2) as session:  # starts two parties and a dealer
...     result = session.cluster(ClusterJob(k=2), rows_ND, payload_NM=rows_ND)
>>> result.means_NM[[0, 3]].round(3)  # the means of the clusters of rows 0 and 3
array([[0., 2.],
       [9., 2.]])
>>> result.sizes_N
array([3, 3, 3, 3, 3, 3])

Each name is imported from its module on first use. A data owner, who needs few modules, thus loads
neither torch nor scikit-learn.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mpc.errors import MpcError
    from mpc.estimator import SecureKMeans
    from mpc.jobs.job import ClusterJob
    from mpc.jobs.result import ClusterResult, LedgerEntry, Session
    from mpc.reference.session import PlainSession
    from mpc.secpc.session import SecPCSession
    from mpc.secpc.settings import SecPCSettings
    from mpc.session.owner import Owner
    from mpc.session.session import SecureSession, open_session
    from mpc.session.sharded import cluster_in_shards
    from mpc.traffic import Traffic

__all__ = [
    "ClusterJob",
    "ClusterResult",
    "LedgerEntry",
    "MpcError",
    "Owner",
    "PlainSession",
    "SecPCSession",
    "SecPCSettings",
    "SecureKMeans",
    "SecureSession",
    "Session",
    "Traffic",
    "cluster_in_shards",
    "open_session",
]

_MODULES: Final = {
    "ClusterJob": "mpc.jobs.job",
    "ClusterResult": "mpc.jobs.result",
    "LedgerEntry": "mpc.jobs.result",
    "MpcError": "mpc.errors",
    "Owner": "mpc.session.owner",
    "PlainSession": "mpc.reference.session",
    "SecPCSession": "mpc.secpc.session",
    "SecPCSettings": "mpc.secpc.settings",
    "SecureKMeans": "mpc.estimator",
    "SecureSession": "mpc.session.session",
    "Session": "mpc.jobs.result",
    "Traffic": "mpc.traffic",
    "cluster_in_shards": "mpc.session.sharded",
    "open_session": "mpc.session.session",
}
"""The module that defines each public name."""


def __getattr__(name: str) -> object:
    """Import a public name from its module, and cache it.

    Raises
    ------
    ImportError
        The installed distribution is a data owner's and lacks the module.
    """
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        value: object = getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        if not str(error.name).startswith(f"{__name__}."):
            raise
        what = f"{name} is not part of a data owner's distribution; install secfpp"
        raise ImportError(what) from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return all public names, imported or not."""
    return sorted({*globals(), *__all__})
