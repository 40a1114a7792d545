"""The tables of a comparison: accuracies and paired differences of each mix, costs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.table import Table

from secfpp.cli.tables import table
from secfpp.comparison.paired import PairedTest
from secfpp.comparison.summary import PAIRED, Line, Summary
from secfpp.report.kit.differences import Difference, points, points_spread
from secfpp.report.kit.text import (
    NOTHING,
    count,
    decimal,
    megabytes,
    percent,
    seconds,
    spread,
)

LEGEND = (
    "own mix: test images with a client's own mix of classes; uniform: all classes equally often; "
    "own classes: those that it has images of; neighbours': those that only its neighbours have; "
    "elsewhere: images of other domains; worst: own mix of the worst client"
)
_ACCURACIES = {
    "own_mix": "own mix",
    "uniform": "uniform",
    "own_classes": "own classes",
    "neighbour_classes": "neighbours'",
    "other_domains": "elsewhere",
    "worst_client": "worst",
}


def mixes_shown(summary: Summary) -> tuple[str, ...]:
    """Return the mixes that have a table each; the empty name without a grid."""
    return summary.mixes or ("",)


def accuracy_table(summary: Summary, mix: str = "") -> Table:
    """Return accuracies in per cent, mean over seeds with standard error, ARI and epsilon."""
    images = "validation images, " if summary.score_on == "validation" else ""
    title = f"Accuracy in % after the last round, {images}{_seeds(len(summary.seeds))}"
    drawn = table(_of_mix(title, mix), "method", *_ACCURACIES.values(), "ARI", "epsilon")
    for line in _lines(summary, mix):
        accuracies = (_accuracy(line, name) for name in _ACCURACIES)
        drawn.add_row(_named(line), *accuracies, decimal(_mean(line, "ari_first")), _budget(line))
    return drawn


def overview_table(summary: Summary) -> Table:
    """Return own mix and uniform accuracy of every method in every mix."""
    title = f"Own mix / uniform, accuracy in %, mean over {_seeds(len(summary.seeds))}"
    drawn = table(title, "method", *summary.mixes)
    kinds = [(line.method, line.variant, line.epsilon_target) for line in summary.methods]
    for kind in dict.fromkeys(kinds):
        lines = [line for line, own in zip(summary.methods, kinds, strict=True) if own == kind]
        there = {line.mix: line for line in lines}
        budget = "" if kind[2] is None else f", epsilon {kind[2]:g}"
        cells = (_both(there.get(mix)) for mix in summary.mixes)
        drawn.add_row(f"{_named(lines[0])}{budget}", *cells)
    return drawn


def _both(line: Line | None) -> str:
    """Return both accuracies of a line."""
    if line is None:
        return NOTHING
    return " / ".join(percent(_mean(line, name)) for name in PAIRED)


def difference_table(summary: Summary, mix: str = "") -> Table:
    """Return the reference less each method, in points, with three p values."""
    columns = [c for name in PAIRED for c in (_ACCURACIES[name], "p (t)", "signs", "Holm")]
    title = (
        f"{_title(summary, summary.reference)} less a method in points, paired over seeds; "
        "two-sided p: t-test, sign flips, t-test by Holm"
    )
    drawn = table(_of_mix(title, mix), "method", *columns, "epsilon", "seeds")
    for line in _lines(summary, mix):
        if line.paired:
            cells = (cell for name in PAIRED for cell in _tested(line.paired[name]))
            number = max(test.num_seeds for test in line.paired.values())
            drawn.add_row(_named(line), *cells, _budget(line), str(number))
    return drawn


def correction(summary: Summary) -> str:
    """Return how p values are corrected."""
    return f"Holm: p of the t-test, corrected for all {summary.num_tests} tests of this comparison"


def cost_table(summary: Summary, mix: str = "") -> Table:
    """Return rounds, bytes and seconds, summed over the rounds of federation, mean over seeds."""
    drawn = table(
        _of_mix("Cost of a run (mean over seeds)", mix),
        "method",
        "epsilon",
        "secure rounds",
        "MB/client",
        "MB/party",
        "s training",
        "s sharing",
        "s online",
        "s dealer",
    )
    for line in _lines(summary, mix):
        drawn.add_row(
            _named(line),
            _budget(line),
            count(_mean(line, "secure_rounds") or None),
            megabytes(_mean(line, "bytes_client") or None),
            megabytes(_mean(line, "bytes_party") or None),
            seconds(_mean(line, "seconds_train") or None),
            seconds(_mean(line, "seconds_share") or None),
            seconds(_mean(line, "seconds_online") or None),
            seconds(_mean(line, "seconds_dealer") or None),
        )
    return drawn


def guarantees(summary: Summary) -> Iterator[str]:
    """Yield the guarantee of each private method in one line."""
    shown = _lines(summary, mixes_shown(summary)[0])
    for name in dict.fromkeys((line.method, line.variant) for line in shown):
        lines = [line for line in shown if (line.method, line.variant) == name]
        if lines[0].epsilon_target is not None:
            yield _guarantee(lines)


def _guarantee(lines: Sequence[Line]) -> str:
    """Say what one method guarantees at all its budgets."""
    first = lines[0]
    by_paper = ""
    if any(line.epsilon_paper is not None for line in lines):
        by_paper = f"; by its paper {_listed(line.epsilon_paper for line in lines)}"
    guarantee = f"guarantee {first.guarantee}, " if first.guarantee else ""
    return (
        f"{_named(first)}: {guarantee}epsilon {_listed(line.epsilon_pld for line in lines)} "
        f"(by Renyi DP {_listed(line.epsilon_rdp for line in lines)}{by_paper}) at delta "
        f"{_listed({line.delta: 0 for line in lines}, 'g')}, {first.compositions} releases; unit: "
        f"{first.unit}; neighbours: {first.neighbours}; sampling: {first.sampling}; trust: "
        f"{first.trust}"
    )


def _listed(values: Iterable[float | None], form: str = ".2f") -> str:
    """Return numbers, one a budget."""
    return ", ".join(NOTHING if value is None else format(value, form) for value in values)


def _accuracy(line: Line, name: str) -> str:
    """Return a mean in per cent, with its standard error when there is one."""
    found = line.metrics.get(name)
    if found is None:
        return NOTHING
    return f"{percent(found.mean)} {spread(found.standard_error)}".rstrip()


def _tested(test: PairedTest) -> tuple[str, str, str, str]:
    """Return a difference in points with its standard error, and its p values."""
    found = Difference(mean=test.mean, standard_error=test.standard_error)
    shown = f"{points(found)} {points_spread(found)}".rstrip()
    return (
        shown,
        decimal(test.p_t, 3),
        decimal(test.p_sign_flip, 3),
        decimal(test.p_holm, 3),
    )


def _lines(summary: Summary, mix: str) -> list[Line]:
    """Return the lines of a mix."""
    return [line for line in summary.methods if line.mix == mix]


def _named(line: Line) -> str:
    """Return the title of a method, with its variant if it is one."""
    return f"{line.title}, {line.variant}" if line.variant else line.title


def _of_mix(title: str, mix: str) -> str:
    """Return a title that begins with its mix."""
    return f"{mix}: {title}" if mix else title


def _mean(line: Line, name: str) -> float | None:
    """Return the mean of a metric."""
    found = line.metrics.get(name)
    return None if found is None else found.mean


def _budget(line: Line) -> str:
    """Return the budget of a private method."""
    return NOTHING if line.epsilon_target is None else f"{line.epsilon_target:g}"


def _title(summary: Summary, name: str) -> str:
    """Return the title of a method, or its name if it has no line."""
    return next((line.title for line in summary.methods if line.method == name), name)


def _seeds(number: int) -> str:
    """Return a number of seeds in words."""
    return f"{number} seed{'s' if number != 1 else ''}"
