"""The head of the page: the question, its answer in numbers, and where SecFPP is not best."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from secfpp.report.comparison.groups import TOLD_THE_TRUTH, group_of
from secfpp.report.comparison.records import MEASURES, Comparison, Line
from secfpp.report.kit.differences import Difference, points, points_spread
from secfpp.report.kit.text import count, megabytes, percent, seconds
from secfpp.report.run.headline import Tile, listed

QUESTION = "What does secure personalisation cost, and what does it gain over the alternatives?"
RIVALS = ("local-only", "promptfl")
"""Alternatives in every comparison that has them; the best private method is another."""
SECURE_SECONDS = ("seconds_share", "seconds_online", "seconds_dealer")


def answer(found: Comparison) -> str:
    """Return gain and cost in one sentence, which is computed from the numbers."""
    hero = found.reference
    if hero is None or not (hero.values("own_mix") and hero.values("uniform")):
        return (
            f"{found.reference_title} has no result in this comparison, or not yet; the tables "
            "show the other methods."
        )
    number = len(hero.seeds)
    gaps = [_gap_in_words(hero, rival) for rival in rivals(found)]
    return (
        f"{'Over ' + str(number) + ' seeds' if number > 1 else 'On one seed'} {hero.title} reaches "
        f"{percent(hero.mean('own_mix'))} % on a client's own label mix and "
        f"{percent(hero.mean('uniform'))} % on uniform classes"
        + (f": {listed(gaps).replace(' over', ' points over', 1)}" if gaps else "")
        + f", {_cost_in_words(hero)}."
    )


def _cost_in_words(hero: Line) -> str:
    """Return the cost of a run of the reference."""
    if not hero.is_shared:
        return "without any secure computation"
    spent = sum(hero.mean(name) or 0.0 for name in SECURE_SECONDS)
    return (
        f"for {count(hero.mean('secure_rounds'))} rounds of messages among the parties, "
        f"{megabytes(hero.mean('bytes_client'))} MB a client and {seconds(spent)} seconds of "
        "secure computation a run"
    )


def _gap_in_words(hero: Line, rival: Line) -> str:
    """Return the differences to one alternative."""
    own_mix, uniform = (points(gap(hero, rival, name)) for name in ("own_mix", "uniform"))
    return f"{own_mix} and {uniform} over {rival.full_title}"


def gap(hero: Line, rival: Line, name: str) -> Difference | None:
    """Return `hero` minus `rival`, paired over common seeds."""
    test = rival.behind(hero, name)
    return None if test is None else Difference(mean=test.mean, standard_error=test.standard_error)


def rivals(found: Comparison) -> tuple[Line, ...]:
    """Return the alternatives: local training, plain federated learning, the best with DP."""
    lines = [line for name in RIVALS if (line := found.line(name))]
    private = [
        line
        for line in found.lines
        if line.guarantee and line.values("own_mix") and line.method not in TOLD_THE_TRUTH
    ]
    if private:
        lines.append(max(private, key=lambda line: line.mean("own_mix") or 0.0))
    return tuple(line for line in lines if line is not found.reference)


def not_best(found: Comparison) -> str:
    """Name the measures on which a method is ahead of the reference, and its lead."""
    hero = found.reference
    if hero is None or len(found.lines) < 2:
        return ""
    ahead = [said for name in MEASURES if (said := _ahead_on(found.lines, hero, name))]
    several = len(hero.seeds) > 1
    beyond = "by more than the standard error of the paired difference" if several else ""
    if not ahead:
        return f"No method here is ahead of it {beyond or 'on this one seed'}, on any measure."
    return (
        f"It is not the best everywhere. Ahead of it {beyond or 'on this one seed'}: "
        f"{'; '.join(ahead)}."
    )


def _ahead_on(lines: Sequence[Line], hero: Line, name: str) -> str:
    """Return the leading method on one measure; empty if the reference leads."""
    ahead: list[tuple[float, Line]] = []
    for line in lines:
        found = None if line is hero else gap(hero, line, name)
        if found is not None and -found.mean > (found.standard_error or 0.0):
            ahead.append((-found.mean, line))
    if not ahead:
        return ""
    best, line = max(ahead, key=lambda pair: pair[0])
    shown = points(Difference(mean=best, standard_error=None)).removeprefix("+")
    others = len(ahead) - 1
    more = f" and {others} more" if others else ""
    return f"on {MEASURES[name]} {listed([line.full_title])} ({shown} points){more}"


def tiles(found: Comparison) -> tuple[Tile, ...]:
    """Return the differences to the alternatives and to the best methods."""
    hero = found.reference
    if hero is None:
        return ()
    shown = [*rivals(found), *_best_open(found)]
    return tuple(_tile(hero, line) for line in dict.fromkeys(shown) if line is not hero)


def _best_open(found: Comparison) -> Iterator[Line]:
    """Yield the best personalisation in the clear, and the plaintext twin of the reference."""
    lines = [line for line in found.lines if group_of(line) == "open" and line.values("own_mix")]
    if lines:
        yield max(lines, key=lambda line: line.mean("own_mix") or 0.0)
    if twin := found.line("secfpp-plain"):
        yield twin


def _tile(hero: Line, rival: Line) -> Tile:
    """Return the difference to one alternative on both measures."""
    own_mix, uniform = gap(hero, rival, "own_mix"), gap(hero, rival, "uniform")
    return Tile(
        title=f"against {rival.full_title}",
        own_mix=points(own_mix),
        own_mix_spread=points_spread(own_mix),
        uniform=points(uniform),
        uniform_spread=points_spread(uniform),
    )
