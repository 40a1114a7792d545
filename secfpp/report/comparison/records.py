"""Records of a comparison for the report: frozen, read once, tolerant of absent values.

A *row* is one method in one mix on one seed, with one budget if the method is differentially
private; a *line* is all seeds of a mix, method, variant and budget. Accuracies are fractions, costs
sums over a run's rounds.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import sqrt
from pathlib import Path
from typing import Final

from secfpp.comparison.paired import PairedTest, paired_test
from secfpp.report.kit.fields import Fields
from secfpp.report.kit.text import NO_BREAK
from secfpp.report.run.records import ClusterMap, Reveal, SecureJob, SeedMean

MEASURES: Final = {
    "own_mix": "own mix",
    "uniform": "uniform",
    "own_classes": "own classes",
    "neighbour_classes": "neighbour classes",
    "other_domains": "other domains",
    "worst_client": "worst client",
}
"""Accuracies, in the order of the table."""
PAIRED: Final = ("own_mix", "uniform")
"""Measures in which methods are compared with the reference."""
COSTS: Final = (
    "secure_rounds",
    "bytes_client",
    "bytes_party",
    "seconds_train",
    "seconds_share",
    "seconds_online",
    "seconds_dealer",
)


def epsilon_equals(value: float) -> str:
    """Return a budget as text without a line break."""
    return f"\N{GREEK SMALL LETTER EPSILON}{NO_BREAK}={NO_BREAK}{value:g}"


@dataclass(frozen=True, kw_only=True)
class Guarantee:
    """The guarantee of a differentially private row; None or empty if the table has no value."""

    epsilon_target: float
    epsilon_pld: float | None
    epsilon_rdp: float | None
    epsilon_paper: float | None
    """By the formula of the method's paper."""
    delta: float | None
    compositions: float | None
    unit: str
    neighbours: str
    sampling: str
    trust: str
    name: str = ""
    """Of the guarantee, for a method with several to choose from."""

    @property
    def epsilon(self) -> float:
        """The tightest accounted epsilon, or the budget."""
        return self.epsilon_target if self.epsilon_pld is None else self.epsilon_pld


@dataclass(frozen=True, kw_only=True, eq=False)
class Row:
    """One line of table.csv."""

    method: str
    title: str
    seed: int
    guarantee: Guarantee | None
    values: Mapping[str, float]
    """By column; absent if nothing was measured."""
    insecure: str
    mix: str = ""
    """Name of the mix; empty without a grid."""
    variant: str = ""
    """Label of a variant; empty for the method as the settings have it."""
    cell: str = ""
    """Name of its run folder."""

    @property
    def budget(self) -> float | None:
        """The epsilon of the settings."""
        return None if self.guarantee is None else self.guarantee.epsilon_target


@dataclass(frozen=True, kw_only=True, eq=False)
class Line:
    """All seeds of one mix, method, variant and budget.

    Equal to itself only, so that it can be a key.
    """

    rows: tuple[Row, ...]

    @property
    def method(self) -> str:
        """Its name in settings."""
        return self.rows[0].method

    @property
    def mix(self) -> str:
        """The mix that it was run in."""
        return self.rows[0].mix

    @property
    def variant(self) -> str:
        """Label of its variant; empty for the method as the settings have it."""
        return self.rows[0].variant

    @property
    def name(self) -> str:
        """Its name in settings, with its variant if it is one."""
        return f"{self.method}, {self.variant}" if self.variant else self.method

    @property
    def title(self) -> str:
        """Its name for readers, with its variant if it is one."""
        title = self.rows[0].title
        return f"{title}, {self.variant}" if self.variant else title

    @property
    def guarantee(self) -> Guarantee | None:
        """Its guarantee, if it is differentially private."""
        return self.rows[0].guarantee

    @property
    def full_title(self) -> str:
        """Its name, with the budget if there is one."""
        if self.guarantee is None:
            return self.title
        return f"{self.title} at {epsilon_equals(self.guarantee.epsilon_target)}"

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds that are finished."""
        return tuple(row.seed for row in self.rows)

    @property
    def is_shared(self) -> bool:
        """Whether parties computed on shares."""
        return bool(self.mean("secure_rounds") or self.mean("bytes_party"))

    def values(self, name: str) -> tuple[float, ...]:
        """Return one column over the seeds that have it."""
        return tuple(row.values[name] for row in self.rows if name in row.values)

    def mean(self, name: str) -> float | None:
        """Return the mean of a column over seeds."""
        return self.estimate(name).mean

    def estimate(self, name: str) -> SeedMean:
        """Return the mean of a column over seeds, with its standard error if there is one."""
        found = self.values(name)
        if not found:
            return SeedMean(mean=None, standard_error=None)
        error = statistics.stdev(found) / sqrt(len(found)) if len(found) > 1 else None
        return SeedMean(mean=statistics.fmean(found), standard_error=error, per_seed=found)

    def behind(self, reference: Line, name: str) -> PairedTest | None:
        """Return the lead of `reference` over this line in a column, on common seeds."""
        there = {row.seed: row.values for row in reference.rows}
        gaps = [
            there[row.seed][name] - row.values[name]
            for row in self.rows
            if name in row.values and name in there.get(row.seed, {})
        ]
        return paired_test(gaps) if gaps else None


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """One method, budget, seed and round, reduced to the values of the curves."""

    mix: str
    method: str
    variant: str
    budget: float | None
    seed: int
    round: int
    values: Mapping[str, float]
    """`own_mix` and `uniform`, if measured."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All records of a page."""

    folder: Path
    config: Fields
    versions: Fields
    summary: Fields
    lines: tuple[Line, ...]
    points: tuple[CurvePoint, ...]
    reveals: tuple[Reveal, ...]
    jobs: tuple[SecureJob, ...]
    maps: tuple[ClusterMap, ...]
    """First clustering of each seed; of the first mix."""
    num_clients: int
    p_holm: Mapping[tuple[Line, str], float] = field(default_factory=dict)
    """P of the t-test of a line in a column, corrected for all lines and columns."""

    @property
    def base(self) -> Fields:
        """Settings that all runs have in common."""
        return self.config.child("base")

    @property
    def reference(self) -> Line | None:
        """The line that the others are compared with."""
        name = self.config.text("reference", "secfpp")
        return self.line(name)

    @property
    def mixes(self) -> tuple[str, ...]:
        """Names of the mixes, in the order of the settings; one empty name without a grid."""
        asked = [mix.text("name") for mix in self.config.children("grid")]
        found = dict.fromkeys((*asked, *(line.mix for line in self.lines)))
        return tuple(found) or ("",)

    def of_mix(self, mix: str) -> Comparison:
        """Return the part of one mix."""
        return replace(
            self,
            lines=tuple(line for line in self.lines if line.mix == mix),
            points=tuple(point for point in self.points if point.mix == mix),
        )

    @property
    def on_validation(self) -> bool:
        """Whether accuracies are measured on validation images, which are not to be reported."""
        return self.base.child("partition").text("score_on") == "validation"

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of the settings."""
        first = self.config.whole("first_seed")
        return tuple(range(first, first + self.config.whole("seeds", 1)))

    @property
    def reference_title(self) -> str:
        """Name of the reference, also if it has no line."""
        line = self.reference
        return self.config.text("reference", "secfpp") if line is None else line.title

    @property
    def has_spread(self) -> bool:
        """Whether any line has more than one seed, and so a standard error."""
        return any(len(line.rows) > 1 for line in self.lines)

    def line(self, method: str) -> Line | None:
        """Return the line of a method without budgets, as the settings have it."""
        return next(
            (line for line in self.lines if line.method == method and not line.variant), None
        )

    def private(self) -> dict[str, tuple[Line, ...]]:
        """Return the private lines by method and variant, each from the least epsilon on."""
        found: dict[str, list[Line]] = {}
        for line in self.lines:
            if line.guarantee is not None:
                found.setdefault(line.name, []).append(line)
        return {
            name: tuple(sorted(lines, key=lambda line: line.rows[0].budget or 0.0))
            for name, lines in found.items()
        }
