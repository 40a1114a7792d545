"""The head of the page: the question, its answer in numbers, warnings and facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from secfpp.report.kit.differences import difference, points, points_spread
from secfpp.report.kit.fields import Fields
from secfpp.report.kit.text import percent
from secfpp.report.run.records import HERO, TWIN, ClusterMap, MethodRow, RunRecord

QUESTION = "Do clients gain from learning together without showing their prompts?"
RIVALS = ("zero-shot", "promptfl", "local-only", "one-cluster", "secfpp-plain")

VALIDATION_STAMP = "Validation images: for choices of settings, not to be reported"


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """A short label under the headline; warnings are red."""

    text: str
    alarm: bool = False


@dataclass(frozen=True, kw_only=True)
class Tile:
    """SecFPP minus another method, in points."""

    title: str
    own_mix: str
    own_mix_spread: str
    uniform: str
    uniform_spread: str


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A name and its value."""

    name: str
    value: str


def answer(results: Sequence[MethodRow]) -> str:
    """Return the result in two sentences, which are computed from the numbers."""
    by_name = {result.name: result for result in results}
    hero = by_name.get(HERO)
    if hero is None or hero.own_mix.mean is None or hero.uniform.mean is None:
        return "SecFPP has no result in this run, or not yet; the table shows the other methods."
    return (
        f"SecFPP reaches {percent(hero.own_mix.mean)} % on a client's own label mix and "
        f"{percent(hero.uniform.mean)} % on uniform classes. {_standing(hero, by_name)}"
    )


def _standing(hero: MethodRow, by_name: dict[str, MethodRow]) -> str:
    """Name the other methods that are beaten on both measures, on one, on none."""
    rivals = [by_name[name] for name in RIVALS if name in by_name and name != TWIN]
    phrases = {2: "above {} on both", 1: "above {} on one of the two", 0: "above {} on neither"}
    said = []
    for number, phrase in phrases.items():
        beaten = [rival.title for rival in rivals if _measures_won(hero, rival) == number]
        if beaten:
            said.append(phrase.format(listed(beaten)))
    if not said:
        return ""
    several = len(hero.own_mix.per_seed) > 1
    margin = ", counting only what exceeds the standard error over seeds" if several else ""
    return f"{'It' if several else 'On this one seed it'} stands {'; '.join(said)}{margin}."


def _measures_won(hero: MethodRow, rival: MethodRow) -> int:
    """Count the measures on which SecFPP is ahead."""
    gaps = (difference(hero.own_mix, rival.own_mix), difference(hero.uniform, rival.uniform))
    return sum(gap is not None and gap.is_win for gap in gaps)


def listed(names: Sequence[str]) -> str:
    """Return names as a list in prose; a name with a comma is quoted."""
    quoted = [
        f"\N{LEFT DOUBLE QUOTATION MARK}{name}\N{RIGHT DOUBLE QUOTATION MARK}"
        if "," in name
        else name
        for name in names
    ]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} and {quoted[-1]}"


def tiles(results: Sequence[MethodRow]) -> tuple[Tile, ...]:
    """Return the difference of SecFPP and each other method that was run."""
    by_name = {result.name: result for result in results}
    hero = by_name.get(HERO)
    if hero is None:
        return ()
    return tuple(_tile(hero, by_name[name]) for name in RIVALS if name in by_name)


def _tile(hero: MethodRow, rival: MethodRow) -> Tile:
    """Return the difference to one method on both measures."""
    own_mix = difference(hero.own_mix, rival.own_mix)
    uniform = difference(hero.uniform, rival.uniform)
    return Tile(
        title=f"against {rival.title}",
        own_mix=points(own_mix),
        own_mix_spread=points_spread(own_mix),
        uniform=points(uniform),
        uniform_spread=points_spread(uniform),
    )


def stamps(run: RunRecord) -> tuple[Stamp, ...]:
    """Return the warnings that must precede the numbers."""
    found = []
    if run.config.child("secure").flag("insecure_dev"):
        found.append(Stamp(text="insecure-dev: insecure shortcuts were allowed", alarm=True))
    if run.config.child("partition").text("score_on") == "validation":
        found.append(Stamp(text=VALIDATION_STAMP, alarm=True))
    found.extend(Stamp(text=f"Not secure: {reason}", alarm=True) for reason in run.insecure)
    protocol = run.config.child("secure").text("protocol")
    if protocol not in ("", "additive"):
        found.append(Stamp(text=f"Clusters computed by the protocol {protocol}"))
    if not run.complete:
        found.append(Stamp(text=_unfinished(run), alarm=True))
    if run.config.child("clustering").flag("evaluate"):
        found.append(Stamp(text="Simulation: labels opened to an evaluator"))
    return tuple(found)


def _unfinished(run: RunRecord) -> str:
    """Describe an unfinished run, and name the methods that have not begun."""
    begun = {result.name for result in run.results}
    missing = [name for name in run.config.texts("methods") if name not in begun]
    return "Unfinished run" + (f"; not begun: {', '.join(missing)}" if missing else "")


def facts(run: RunRecord) -> tuple[Fact, ...]:
    """Return the most important settings."""
    before = {"Seeds": str(run.config.whole("seeds", 1))}
    return settings_facts(run.config, run.versions, run.clusters, run.num_clients, before)


def settings_facts(
    config: Fields,
    versions: Fields,
    clusters: ClusterMap | None,
    num_clients: int,
    others: Mapping[str, str],
) -> tuple[Fact, ...]:
    """Return the most important settings, and `others` among them."""
    clustering, secure = config.child("clustering"), config.child("secure")
    k = clustering.number("k")
    pairs = {
        "Data": config.text("data"),
        "Model": config.text("model"),
        "Clients": _clients(clusters, num_clients),
        "Rounds": str(config.child("training").whole("rounds")),
        **others,
        "Clusters": "chosen" if k is None else f"{k:.0f}",
        "Computing parties": f"{secure.whole('parties', 2)} and a dealer",
        "Reveal policy": clustering.text("reveal"),
        "Device": _device(config, versions),
    }
    return tuple(Fact(name=name, value=value) for name, value in pairs.items() if value)


def _clients(clusters: ClusterMap | None, num_clients: int) -> str:
    """Return the number of clients and of domains, if known."""
    if clusters is not None:
        return f"{len(clusters.domains)} in {len(set(clusters.domains))} domains"
    return f"{num_clients}" if num_clients else ""


def _device(config: Fields, versions: Fields) -> str:
    """Return the device of training; `auto` is a GPU if there is one."""
    asked, gpu = config.text("device"), versions.text("gpu", "none")
    return "cpu" if asked == "cpu" or gpu == "none" else gpu
