"""The summary of a comparison: means over seeds, and each method against the reference.

`summary.json` holds a `Summary`. Differences are the reference minus a method, in the same mix and
on common seeds. A private method is compared at each of its budgets. P values of the t-tests are
corrected together, by Holm's method.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from secfpp.comparison.config import TUNED_ON_PARTS, TUNED_ON_SEEDS, CompareConfig
from secfpp.comparison.paired import PairedTest, holm, paired_test
from secfpp.comparison.pool import Failure
from secfpp.comparison.table import Row
from secfpp.config.tree import to_json
from secfpp.experiment.record_folder import write_json
from secfpp.experiment.results import estimate

__all__ = ["METRICS", "PAIRED", "Line", "MeanOverSeeds", "Summary", "summarise", "write_summary"]

METRICS: Final = (
    "own_mix",
    "uniform",
    "own_classes",
    "neighbour_classes",
    "other_domains",
    "worst_client",
    "ari_first",
    "ari_last",
    "k_last",
    "secure_rounds",
    "bytes_client",
    "bytes_party",
    "seconds_train",
    "seconds_share",
    "seconds_online",
    "seconds_dealer",
)
"""Columns of the table that are averaged over seeds."""
PAIRED: Final = ("own_mix", "uniform")
"""Columns in which methods are compared with the reference."""


@dataclass(frozen=True, kw_only=True)
class MeanOverSeeds:
    """One metric of one method and budget."""

    mean: float
    standard_error: float | None
    """None with one seed."""
    num_seeds: int
    """Seeds that have the metric."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One method in one mix, with one budget if it is private."""

    mix: str
    method: str
    variant: str
    title: str
    epsilon_target: float | None
    epsilon_pld: float | None
    epsilon_rdp: float | None
    epsilon_paper: float | None
    delta: float | None
    unit: str | None
    neighbours: str | None
    sampling: str | None
    compositions: int | None
    trust: str | None
    guarantee: str | None
    """Name of the guarantee, for a method with several to choose from."""
    seeds: tuple[int, ...]
    """Finished seeds."""
    metrics: dict[str, MeanOverSeeds]
    """By column of the table; absent if no seed has a value."""
    paired: dict[str, PairedTest] | None
    """The reference minus this method, by column; None for the reference, or without common
    seeds."""
    insecure: str


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The content of summary.json."""

    complete: bool
    """Whether every cell is finished."""
    seeds: tuple[int, ...]
    mixes: tuple[str, ...]
    """Names of the mixes; empty without a grid."""
    epsilons: tuple[float, ...]
    rounds: int
    score_on: str
    """Images that accuracies are measured on. `validation`: for choices, not to be reported."""
    reference: str
    difference: str
    """A description of paired differences."""
    correction: str
    """How p values are corrected for the number of tests."""
    num_tests: int
    """Tests that are corrected together."""
    tuned_on_seeds: tuple[int, ...]
    """Seeds on which the defaults of all methods were chosen."""
    reported_and_tuned_on: tuple[int, ...]
    """Seeds of this comparison on which defaults were chosen; should be empty."""
    tuned_on_parts: tuple[str, ...]
    """Parts of the domains whose images those choices saw; `reporting` should not be among them."""
    methods: tuple[Line, ...]
    failed: tuple[Failure, ...]
    """Cells that could not be finished."""


def summarise(
    config: CompareConfig, rows: Sequence[Row], failures: Sequence[Failure], *, complete: bool
) -> Summary:
    """Average over seeds and compare with the reference.

    Parameters
    ----------
    config : CompareConfig
    rows : sequence of Row
        Rows of the table, any number.
    failures : sequence of Failure
    complete : bool
        Whether all cells are finished.

    Returns
    -------
    Summary
        Its lines in the order of the rows.
    """
    lines = _lines(config.reference, rows)
    return Summary(
        complete=complete,
        seeds=config.seed_list,
        mixes=tuple(mix.name for mix in config.grid),
        epsilons=config.epsilons,
        rounds=config.base.training.rounds,
        score_on=config.base.partition.score_on,
        reference=config.reference,
        difference=f"{config.reference} less a method, in the same mix and on the same seeds",
        correction="Holm's method over the t-tests of all lines and both accuracies",
        num_tests=len(_tests(lines)),
        tuned_on_seeds=TUNED_ON_SEEDS,
        reported_and_tuned_on=config.tuned_on,
        tuned_on_parts=TUNED_ON_PARTS,
        methods=_corrected(lines),
        failed=tuple(failures),
    )


def _lines(reference: str, rows: Sequence[Row]) -> list[Line]:
    """Summarise rows by mix, method, variant and budget."""
    groups: dict[tuple[str, str, str, float | None], list[Row]] = {}
    for row in rows:
        key = (row.mix, row.method, row.variant, row.epsilon_target)
        groups.setdefault(key, []).append(row)
    return [
        _line(group, groups.get((mix, reference, "", None), []))
        for (mix, *_), group in groups.items()
    ]


def _tests(lines: Sequence[Line]) -> dict[tuple[int, str], float]:
    """Return p of every t-test, by the place of its line and its column."""
    return {
        (place, name): test.p_t
        for place, line in enumerate(lines)
        for name, test in (line.paired or {}).items()
        if test.p_t is not None
    }


def _corrected(lines: Sequence[Line]) -> tuple[Line, ...]:
    """Correct the p values of all t-tests together."""
    tests = _tests(lines)
    corrected = dict(zip(tests, holm(list(tests.values())), strict=True))
    return tuple(
        replace(
            line,
            paired=line.paired
            and {
                name: replace(test, p_holm=corrected.get((place, name)))
                for name, test in line.paired.items()
            },
        )
        for place, line in enumerate(lines)
    )


def write_summary(path: Path, summary: Summary) -> None:
    """Replace the file as a whole."""
    write_json(path, to_json(summary))


def _line(rows: Sequence[Row], reference: Sequence[Row]) -> Line:
    """Summarise the seeds of one mix, method, variant and budget."""
    first = rows[0]
    return Line(
        mix=first.mix,
        method=first.method,
        variant=first.variant,
        title=first.title,
        epsilon_target=first.epsilon_target,
        epsilon_pld=first.epsilon_pld,
        epsilon_rdp=first.epsilon_rdp,
        epsilon_paper=first.epsilon_paper,
        delta=first.delta,
        unit=first.unit,
        neighbours=first.neighbours,
        sampling=first.sampling,
        compositions=first.compositions,
        trust=first.trust,
        guarantee=first.guarantee,
        seeds=tuple(row.seed for row in rows),
        metrics={name: found for name in METRICS if (found := _mean(rows, name))},
        paired=_paired(rows, reference),
        insecure=first.insecure,
    )


def _mean(rows: Sequence[Row], name: str) -> MeanOverSeeds | None:
    """Average one column over the seeds that have it."""
    values = [float(value) for row in rows if (value := getattr(row, name)) is not None]
    if not values:
        return None
    found = estimate(values)
    return MeanOverSeeds(
        mean=found.mean, standard_error=found.standard_error, num_seeds=len(values)
    )


def _paired(rows: Sequence[Row], reference: Sequence[Row]) -> dict[str, PairedTest] | None:
    """Compare with the reference of the same mix on common seeds."""
    there = {row.seed: row for row in reference}
    pairs = [(row, there[row.seed]) for row in rows if row.seed in there]
    if not pairs or rows is reference:
        return None
    return {
        name: paired_test([getattr(other, name) - getattr(row, name) for row, other in pairs])
        for name in PAIRED
    }
