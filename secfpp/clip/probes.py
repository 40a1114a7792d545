"""Linear probes: one classifier a domain against one for all domains.

If a domain's own probe is clearly better, domains conflict: one classifier for all is worse than
separate ones. If it is not, clusters of like clients may gain little.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from secfpp.errors import DataError

# Legend: N images, E embedding.

_C = 100.0


@dataclass(frozen=True, kw_only=True)
class ProbeAccuracy:
    """Accuracies on the test images of one domain, each in 0..1."""

    own: float
    """Of a probe fitted to the domain's training images."""
    pooled: float
    """Of a probe fitted to the training images of all domains."""


def probe_domains(
    features: Sequence[NDArray[np.float32]],
    labels: Sequence[NDArray[np.int64]],
    is_test: Sequence[NDArray[np.bool_]],
) -> tuple[ProbeAccuracy, ...]:
    """Fit and test logistic regression on image features.

    Parameters
    ----------
    features : sequence of ndarray of float32, each of shape (N, E)
        One array a domain.
    labels : sequence of ndarray of int64, each of shape (N,)
    is_test : sequence of ndarray of bool, each of shape (N,)

    Returns
    -------
    tuple of ProbeAccuracy
        In the order of the domains.

    Raises
    ------
    DataError
        A domain has no test image, or training images of fewer than two classes.
    """
    train = [
        (x_NE[~test_N], y_N[~test_N])
        for x_NE, y_N, test_N in zip(features, labels, is_test, strict=True)
    ]
    for place, ((_, y_N), test_N) in enumerate(zip(train, is_test, strict=True)):
        if len(np.unique(y_N)) < 2 or not test_N.any():
            raise DataError(
                f"domain {place} has {int(test_N.sum())} test images, and training images of "
                f"{len(np.unique(y_N))} class(es); a probe needs test images and two classes"
            )
    pooled = _fit(*(np.concatenate(parts) for parts in zip(*train, strict=True)))
    results = []
    for (x_NE, y_N), all_NE, all_N, test_N in zip(train, features, labels, is_test, strict=True):
        own = _fit(x_NE, y_N)
        accuracies = (float(probe.score(all_NE[test_N], all_N[test_N])) for probe in (own, pooled))
        results.append(ProbeAccuracy(own=next(accuracies), pooled=next(accuracies)))
    return tuple(results)


def _fit(x_NE: NDArray[np.float32], y_N: NDArray[np.int64]) -> LogisticRegression:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(C=_C, max_iter=200).fit(x_NE, y_N)
