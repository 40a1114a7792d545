"""Differences of two methods: paired over seeds, with standard errors."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from math import sqrt

from secfpp.report.kit.text import MINUS, NOTHING, spread
from secfpp.report.run.records import SeedMean


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One method minus another as a fraction, mean over common seeds."""

    mean: float
    standard_error: float | None
    """Of the paired difference; None with fewer than two common seeds."""

    @property
    def is_win(self) -> bool:
        """Whether the difference is above zero and above its standard error, if there is one."""
        return self.mean > (self.standard_error or 0.0)


def difference(left: SeedMean, right: SeedMean) -> Difference | None:
    """Return `left` minus `right`; None if one of them is missing."""
    if left.mean is None or right.mean is None:
        return None
    paired = len(left.per_seed) == len(right.per_seed) > 1
    if not paired:
        return Difference(mean=left.mean - right.mean, standard_error=None)
    gaps = [a - b for a, b in zip(left.per_seed, right.per_seed, strict=True)]
    error = statistics.stdev(gaps) / sqrt(len(gaps))
    return Difference(mean=statistics.fmean(gaps), standard_error=error)


def points(found: Difference | None) -> str:
    """Return a difference in points, signed; zero has no sign."""
    if found is None:
        return NOTHING
    shown = f"{100 * found.mean:+.1f}".replace("-", MINUS)
    return "0.0" if shown[1:] == "0.0" else shown


def points_spread(found: Difference | None) -> str:
    """Return the standard error of a difference in points; empty if there is none."""
    return "" if found is None else spread(found.standard_error)
