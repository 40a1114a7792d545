"""The lead of the reference over each line, and its p values corrected for the number of tests."""

from __future__ import annotations

from secfpp.comparison.paired import holm
from secfpp.report.comparison.records import PAIRED, Comparison, Line

__all__ = ["corrected", "correction_note"]


def corrected(found: Comparison) -> dict[tuple[Line, str], float]:
    """Return p of every t-test, corrected for all mixes, lines and columns together."""
    tests: dict[tuple[Line, str], float] = {}
    for mix in found.mixes:
        part = found.of_mix(mix)
        hero = part.reference
        for line in part.lines:
            for name in PAIRED if hero is not None and line is not hero else ():
                test = None if hero is None else line.behind(hero, name)
                if test is not None and test.p_t is not None:
                    tests[line, name] = test.p_t
    return dict(zip(tests, holm(list(tests.values())), strict=True))


def correction_note(found: Comparison) -> str:
    """Say how p values are corrected, and for how many tests."""
    return f"corrected by Holm's method for the {len(found.p_holm)} t-tests of this page"
