"""The head of the page: the question, the answer in numbers, stamps and facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from secfpp.report.records import HERO, MethodResult, RunRecord
from secfpp.report.text import MINUS, NOTHING, percent

QUESTION = "Do clients who learn together, showing their prompts to nobody, do better?"
RIVALS = ("zero-shot", "promptfl", "local-only", "one-cluster", "secfpp-plain")


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """A short label under the headline; alarms are red."""

    text: str
    alarm: bool = False


@dataclass(frozen=True, kw_only=True)
class Tile:
    """SecFPP less one other method, in points."""

    title: str
    own_mix: str
    uniform: str


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A name and what it is."""

    name: str
    value: str


def answer(results: Sequence[MethodResult]) -> str:
    """Return the result in two sentences, computed, with nothing claimed beyond the numbers."""
    by_name = {result.name: result for result in results}
    hero = by_name.get(HERO)
    if hero is None or hero.own_mix.mean is None or hero.uniform.mean is None:
        return (
            "SecFPP is not among the finished methods of this run; the table shows those that are."
        )
    return (
        f"SecFPP reaches {percent(hero.own_mix.mean)} % on a client's own label mix and "
        f"{percent(hero.uniform.mean)} % on uniform classes. {_standing(hero, by_name)}"
    )


def _standing(hero: MethodResult, by_name: dict[str, MethodResult]) -> str:
    """Say which of the rivals are beaten on both measures, on one, on none."""
    won: dict[int, list[str]] = {2: [], 1: [], 0: []}
    for name in RIVALS[:-1]:
        rival = by_name.get(name)
        if rival is not None:
            won[_measures_won(hero, rival)].append(rival.title)
    phrases = {2: "above {} on both", 1: "above {} on one of the two", 0: "above {} on neither"}
    said = [phrases[number].format(_listed(titles)) for number, titles in won.items() if titles]
    return f"It stands {'; '.join(said)}." if said else ""


def _measures_won(hero: MethodResult, rival: MethodResult) -> int:
    """Count the measures on which the hero's mean is higher."""
    pairs = ((hero.own_mix, rival.own_mix), (hero.uniform, rival.uniform))
    return sum((left.mean or 0.0) > (right.mean or 0.0) for left, right in pairs)


def _listed(names: Sequence[str]) -> str:
    """Return names as prose lists them."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def tiles(results: Sequence[MethodResult]) -> tuple[Tile, ...]:
    """Return SecFPP's distance to each rival that was run."""
    by_name = {result.name: result for result in results}
    hero = by_name.get(HERO)
    if hero is None:
        return ()
    return tuple(
        Tile(
            title=f"against {rival.title}",
            own_mix=_points(hero.own_mix.mean, rival.own_mix.mean),
            uniform=_points(hero.uniform.mean, rival.uniform.mean),
        )
        for rival in (by_name[name] for name in RIVALS if name in by_name)
    )


def _points(left: float | None, right: float | None) -> str:
    """Return a signed difference in points."""
    if left is None or right is None:
        return NOTHING
    shown = f"{100 * (left - right):+.1f}".replace("-", MINUS)
    return "0.0" if shown[1:] == "0.0" else shown


def stamps(run: RunRecord) -> tuple[Stamp, ...]:
    """Return what a reader must know before the numbers."""
    found = []
    if run.config.child("secure").flag("insecure_dev"):
        found.append(Stamp(text="insecure-dev: masks were made in the open", alarm=True))
    found.extend(Stamp(text=f"Not secure: {reason}", alarm=True) for reason in run.insecure)
    missing = [name for name in run.config.texts("methods") if name not in _finished(run)]
    if missing:
        found.append(Stamp(text=f"Unfinished: {', '.join(missing)}", alarm=True))
    if run.config.child("clustering").flag("evaluate"):
        found.append(Stamp(text="Simulation: labels opened to an evaluator"))
    return tuple(found)


def _finished(run: RunRecord) -> set[str]:
    """Return the methods that have a result."""
    return {result.name for result in run.results}


def facts(run: RunRecord) -> tuple[Fact, ...]:
    """Return the settings that a reader asks for first."""
    config = run.config
    clustering, secure = config.child("clustering"), config.child("secure")
    k = clustering.number("k")
    pairs = {
        "Data": config.text("data"),
        "Model": config.text("model"),
        "Clients": _clients(run),
        "Rounds": str(config.child("training").whole("rounds")),
        "Seeds": str(config.whole("seeds", 1)),
        "Clusters": "by silhouette" if k is None else f"{k:.0f}",
        "Computing parties": f"{secure.whole('parties', 2)} and a dealer",
        "Reveal policy": clustering.text("reveal"),
        "Device": run.versions.text("device") or config.text("device"),
    }
    return tuple(Fact(name=name, value=value) for name, value in pairs.items() if value)


def _clients(run: RunRecord) -> str:
    """Return how many clients there were, and in how many domains, as far as is known."""
    if run.clusters is not None:
        return f"{len(run.clusters.domains)} in {len(set(run.clusters.domains))} domains"
    return f"{run.num_clients}" if run.num_clients else ""
