"""The two parts of a domain: images for choices and training, and images for reported numbers.

The parts depend on a domain's content alone, never on a run's seed. What one run trains, validates
or tunes on is therefore in no reported number of any other run.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["HALVES_SEED", "rank_in_class", "reporting_half"]

# Legend: N images.

HALVES_SEED = 20_251
"""Public constant; another value would draw other halves in every domain."""


def reporting_half(labels_N: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which images of a domain without a split of its own are for reporting.

    Every class is halved by chance. Of an odd number of images, development has one more, so that
    a class of one image can be trained on.

    Parameters
    ----------
    labels_N : ndarray of int64, shape (N,)
        Classes of the domain's images, in its own order.

    Returns
    -------
    ndarray of bool, shape (N,)
    """
    order_N = np.random.default_rng(HALVES_SEED).permutation(len(labels_N))
    is_reporting_N = np.zeros(len(labels_N), dtype=np.bool_)
    is_reporting_N[order_N] = rank_in_class(labels_N[order_N]) % 2 == 1
    return is_reporting_N


def rank_in_class(labels_N: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return, for each label, how many of the same stand before it."""
    rank_N = np.empty(len(labels_N), dtype=np.int64)
    for c in np.unique(labels_N):
        of_class = np.flatnonzero(labels_N == c)
        rank_N[of_class] = np.arange(len(of_class))
    return rank_N
