"""Labels of a result whose policy or evaluation opens them."""

from mpc import ClusterResult
from mpc.ring.fixedpoint import Int64Array


def labels_of(result: ClusterResult) -> Int64Array:
    assert result.labels_N is not None
    return result.labels_N
