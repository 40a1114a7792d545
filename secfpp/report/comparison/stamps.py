"""Warnings before the numbers: insecure, unfinished, for choices only, tuned on these seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from secfpp.report.comparison.records import Comparison
from secfpp.report.run.headline import VALIDATION_STAMP, Stamp, listed


def stamps(found: Comparison) -> tuple[Stamp, ...]:
    """Return the warnings that must precede the numbers."""
    alarms = []
    if found.base.child("secure").flag("insecure_dev"):
        alarms.append("insecure-dev: insecure shortcuts were allowed")
    reasons = (row.insecure for line in found.lines for row in line.rows if row.insecure)
    alarms.extend(f"Not secure: {reason}" for reason in dict.fromkeys(reasons))
    alarms.extend(_unfinished(found))
    if found.on_validation:
        alarms.append(VALIDATION_STAMP)
    reported = [seed for seed in found.seeds if seed in tuned_on(found)]
    if reported and not found.on_validation:
        alarms.append(f"Tuning seeds: defaults were chosen on {_numbers(reported)} of these seeds")
    calm = []
    if len(found.seeds) == 1:
        calm.append("One seed: no standard error, no test")
    if found.base.child("clustering").flag("evaluate"):
        calm.append("Simulation: labels opened to an evaluator")
    return (*(Stamp(text=t, alarm=True) for t in alarms), *(Stamp(text=t) for t in calm))


def _unfinished(found: Comparison) -> Iterator[str]:
    """Name missing results and failed cells."""
    missing: list[str] = []
    short: list[str] = []
    for mix in found.mixes:
        place = f"{mix}: " if mix else ""
        part = found.of_mix(mix)
        missing += [place + name for name in _missing(part)]
        short += [place + name for name in _short(part)]
    if missing:
        yield f"Unfinished comparison; no result yet: {', '.join(missing)}"
    if short:
        listed_ = ", ".join(short[:4]) + (f" and {len(short) - 4} more" if len(short) > 4 else "")
        yield f"Unfinished comparison; seeds or budgets are missing: {listed_}"
    for failure in found.summary.children("failed"):
        yield f"Failed: {failure.text('cell')}: {failure.text('error')}"
    if not (missing or short) and found.summary and not found.summary.flag("complete"):
        yield "Unfinished comparison"


def _missing(part: Comparison) -> list[str]:
    """Return the methods and variants of a mix that have no result."""
    there = {line.name for line in part.lines}
    variants = [
        f"{variant.text('method')}, {variant.text('label')}"
        for variant in part.config.children("variants")
    ]
    return [name for name in (*part.config.texts("methods"), *variants) if name not in there]


def _short(part: Comparison) -> list[str]:
    """Return the lines of a mix that lack seeds, and methods that lack budgets."""
    short = [line.full_title for line in part.lines if not set(part.seeds) <= set(line.seeds)]
    for lines in part.private().values():
        had = {line.rows[0].budget for line in lines}
        absent = [
            f"{epsilon:g}" for epsilon in part.config.numbers("epsilons") if epsilon not in had
        ]
        if absent:
            short.append(
                f"{lines[0].title} (none at \N{GREEK SMALL LETTER EPSILON} = {', '.join(absent)})"
            )
    return short


def tuned_on(found: Comparison) -> tuple[int, ...]:
    """Return the seeds on which defaults were chosen, from the comparison's summary."""
    return tuple(int(seed) for seed in found.summary.numbers("tuned_on_seeds"))


def tuning_note(found: Comparison) -> str:
    """Name the seeds on which settings were chosen, and those of them that are reported."""
    seeds, reported = tuned_on(found), found.seeds
    if not seeds:
        return "The folder does not say on which seeds settings were chosen."
    both = [seed for seed in reported if seed in seeds]
    if found.on_validation:
        outcome = "Accuracies here are on validation images, for such choices."
    elif both:
        outcome = f"Of these, {_numbers(both)} are reported here: results on them are optimistic."
    else:
        outcome = f"None of them is among those reported here ({_numbers(reported)})."
    if "reporting" in found.summary.texts("tuned_on_parts"):
        outcome += " These choices saw images of both parts of the domains, reporting ones too."
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
