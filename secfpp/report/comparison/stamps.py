"""Warnings before the numbers: insecure, unfinished, or tuned on reported seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from secfpp.report.comparison.records import Comparison
from secfpp.report.run.headline import Stamp, listed


def stamps(found: Comparison) -> tuple[Stamp, ...]:
    """Return the warnings that must precede the numbers."""
    alarms = []
    if found.base.child("secure").flag("insecure_dev"):
        alarms.append("insecure-dev: insecure shortcuts were allowed")
    reasons = (row.insecure for line in found.lines for row in line.rows if row.insecure)
    alarms.extend(f"Not secure: {reason}" for reason in dict.fromkeys(reasons))
    alarms.extend(_unfinished(found))
    reported = [seed for seed in found.seeds if seed in tuned_on(found)]
    if reported:
        alarms.append(f"Tuning seeds: defaults were chosen on {_numbers(reported)} of these seeds")
    calm = []
    if len(found.seeds) == 1:
        calm.append("One seed: no standard error, no test")
    if found.base.child("clustering").flag("evaluate"):
        calm.append("Simulation: labels opened to an evaluator")
    return (*(Stamp(text=t, alarm=True) for t in alarms), *(Stamp(text=t) for t in calm))


def _unfinished(found: Comparison) -> Iterator[str]:
    """Name missing results and failed cells."""
    there = {line.method for line in found.lines}
    missing = [name for name in found.config.texts("methods") if name not in there]
    budgets = found.config.numbers("epsilons")
    short = [line.full_title for line in found.lines if not set(found.seeds) <= set(line.seeds)]
    for lines in found.private().values():
        had = {line.rows[0].budget for line in lines}
        absent = [f"{epsilon:g}" for epsilon in budgets if epsilon not in had]
        if absent:
            short.append(
                f"{lines[0].title} (none at \N{GREEK SMALL LETTER EPSILON} = {', '.join(absent)})"
            )
    if missing:
        yield f"Unfinished comparison; no result yet: {', '.join(missing)}"
    if short:
        listed_ = ", ".join(short[:4]) + (f" and {len(short) - 4} more" if len(short) > 4 else "")
        yield f"Unfinished comparison; seeds or budgets are missing: {listed_}"
    for failure in found.summary.children("failed"):
        yield f"Failed: {failure.text('cell')}: {failure.text('error')}"
    if not (missing or short) and found.summary and not found.summary.flag("complete"):
        yield "Unfinished comparison"


def tuned_on(found: Comparison) -> tuple[int, ...]:
    """Return the seeds on which defaults were chosen, from the comparison's summary."""
    return tuple(int(seed) for seed in found.summary.numbers("tuned_on_seeds"))


def tuning_note(found: Comparison) -> str:
    """Name the seeds on which settings were chosen, and those of them that are reported."""
    seeds, reported = tuned_on(found), found.seeds
    if not seeds:
        return "The folder does not say on which seeds settings were chosen."
    both = [seed for seed in reported if seed in seeds]
    outcome = (
        f"Of these, {_numbers(both)} are reported here: results on them are optimistic."
        if both
        else f"None of them is among those reported here ({_numbers(reported)})."
    )
    return (
        f"Defaults of all methods, learning rates and clipping bounds included, were chosen on "
        f"seeds {_numbers(seeds)}, with equal budgets of local steps. {outcome} What was tried is "
        "in docs/appendix/search.md."
    )


def _numbers(seeds: Sequence[int]) -> str:
    """Return seeds as a list in prose; consecutive seeds by their ends."""
    if len(seeds) > 3 and list(seeds) == list(range(seeds[0], seeds[-1] + 1)):
        return f"{seeds[0]} to {seeds[-1]}"
    return listed([str(seed) for seed in seeds])
