"""The content of the page as frozen records; every number is formatted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from secfpp.report.attacks.figure import Place
from secfpp.report.attacks.records import Attacks
from secfpp.report.attacks.section import AttackSection, attack_section
from secfpp.report.kit.cells import Cell, percent_column
from secfpp.report.kit.figures import Look, both_measures, curves, looks, swatch
from secfpp.report.kit.text import decimal
from secfpp.report.run.clusters import ClusterSection, LegendKey, cluster_section
from secfpp.report.run.cost import (
    CostRow,
    StepRow,
    TrafficTable,
    cost_rows,
    step_rows,
    traffic_table,
)
from secfpp.report.run.disclosures import Disclosure, disclosures, policy_sentence
from secfpp.report.run.headline import QUESTION, Fact, Stamp, Tile, answer, facts, stamps, tiles
from secfpp.report.run.records import HERO, MethodRow, RunRecord
from secfpp.report.run.settings import SettingsGroup, settings_groups

MEASURES = {"own_mix": "Own label mix", "uniform": "Uniform classes"}


@dataclass(frozen=True, kw_only=True)
class ResultRow:
    """One method of the result table."""

    title: str
    key: Markup
    hero: bool
    cells: tuple[Cell, ...]


@dataclass(frozen=True, kw_only=True)
class Page:
    """Everything the template prints."""

    title: str
    run_name: str
    command: str
    question: str
    answer: str
    seeds_note: str
    tiles_note: str
    cost_note: str
    reveal_text: str
    spread_shown: bool
    privacy_notes: tuple[str, ...]
    """The statement of every epsilon in the table."""
    stamps: tuple[Stamp, ...]
    tiles: tuple[Tile, ...]
    facts: tuple[Fact, ...]
    rows: tuple[ResultRow, ...]
    panels: tuple[Markup, ...]
    legend: tuple[LegendKey, ...]
    clusters: ClusterSection | None
    attacks: AttackSection | None
    reveals: tuple[Disclosure, ...]
    costs: tuple[CostRow, ...]
    traffic: TrafficTable | None
    steps: tuple[StepRow, ...]
    settings: tuple[SettingsGroup, ...]


def compose(run: RunRecord, attacks: Attacks | None = None) -> Page:
    """Turn a run, and the attacks on it if there were any, into a page."""
    known = looks([result.name for result in run.results], level=methods_without_rounds(run))
    num_seeds = len({point.seed for point in run.rounds})
    return Page(
        title=f"SecFPP: {run.folder.name}",
        run_name=run.folder.name,
        command=f"secfpp report {run.folder.name}",
        question=QUESTION,
        answer=answer(run.results),
        seeds_note=f" and {num_seeds} seeds" if num_seeds > 1 else " of one seed",
        tiles_note=(
            ", with the standard error of the paired difference over seeds"
            if num_seeds > 1
            else "; one seed, so no error can be given"
        ),
        cost_note=", mean over seeds" if num_seeds > 1 else "",
        reveal_text=policy_sentence(run.config),
        spread_shown=any(result.own_mix.standard_error for result in run.results),
        privacy_notes=tuple(
            f"{result.title}: {result.privacy_in_words}"
            for result in run.results
            if result.privacy_in_words
        ),
        stamps=stamps(run),
        tiles=tiles(run.results),
        facts=facts(run),
        rows=result_rows(run.results, known),
        panels=_panels(run, known),
        legend=tuple(
            LegendKey(key=_key(known[result.name], f"legend-{result.name}"), title=result.title)
            for result in run.results
        ),
        clusters=cluster_section(run.clusters) if run.clusters else None,
        attacks=attack_section(attacks, places_of(run.results)),
        reveals=disclosures(run.reveals),
        costs=cost_rows(run.results, HERO),
        traffic=traffic_table(run.jobs),
        steps=step_rows(run.jobs),
        settings=settings_groups(run.config, run.versions),
    )


def places_of(results: Sequence[MethodRow]) -> tuple[Place, ...]:
    """Return the places of methods on the axis of accuracy; a run has one budget."""
    return tuple(
        Place(method=row.name, title=row.title, epsilon=None, accuracy=row.own_mix.mean)
        for row in results
        if row.own_mix.mean is not None
    )


def methods_without_rounds(run: RunRecord) -> set[str]:
    """Return the methods that do not learn over rounds: all their lines are of round 0."""
    later = {point.method for point in run.rounds if point.round > 0}
    return {result.name for result in run.results} - later


def result_rows(results: Sequence[MethodRow], known: dict[str, Look]) -> tuple[ResultRow, ...]:
    """Return the result table with the best of each column marked."""
    columns = [
        percent_column([result.own_mix for result in results]),
        percent_column([result.uniform for result in results]),
        percent_column([result.worst_client for result in results]),
        [Cell(text=decimal(result.ari.mean)) for result in results],
        [Cell(text=decimal(result.epsilon, 1)) for result in results],
    ]
    return tuple(
        ResultRow(
            title=result.title,
            key=_key(known[result.name], f"row-{result.name}"),
            hero=result.name == HERO,
            cells=tuple(column[index] for column in columns),
        )
        for index, result in enumerate(results)
    )


def _key(look: Look, name: str) -> Markup:
    """Return the marker of a method."""
    return Markup(swatch(look, name=name))  # noqa: S704  drawn here


def _panels(run: RunRecord, known: dict[str, Look]) -> tuple[Markup, ...]:
    """Return the three accuracy pictures; none if nothing was trained."""
    if not run.results or not run.rounds:
        return ()
    drawn = [
        curves(run.rounds, known, measure=measure, title=title)
        for measure, title in MEASURES.items()
    ]
    return tuple(Markup(svg) for svg in [*drawn, both_measures(run.results, known)])  # noqa: S704
