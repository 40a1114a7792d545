"""The content of the page of a comparison as frozen records; every number is formatted."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from secfpp.report.comparison.accuracy import AccuracyGroup, accuracy_groups
from secfpp.report.comparison.curves import training_curves
from secfpp.report.comparison.expenses import expense_rows, timing_note
from secfpp.report.comparison.headline import QUESTION, answer, not_best, tiles
from secfpp.report.comparison.learning import CardRow, MethodLedger, card_rows, ledgers
from secfpp.report.comparison.records import Comparison
from secfpp.report.comparison.stamps import stamps, tuning_note
from secfpp.report.comparison.statements import Statement, statements
from secfpp.report.comparison.utility import empty_key, private_legend, utility_panels
from secfpp.report.kit.text import decimal
from secfpp.report.run.clusters import ClusterSection, LegendKey, cluster_section
from secfpp.report.run.cost import CostRow, StepRow, TrafficTable, step_rows, traffic_table
from secfpp.report.run.disclosures import policy_sentence
from secfpp.report.run.headline import Fact, Stamp, Tile, settings_facts
from secfpp.report.run.settings import SettingsGroup, settings_groups


@dataclass(frozen=True, kw_only=True)
class SeedRow:
    """Clusters of one seed against the domains."""

    cells: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ComparePage:
    """Everything the template prints."""

    title: str
    folder_name: str
    command: str
    question: str
    answer: str
    not_best: str
    reference: str
    stamps: tuple[Stamp, ...]
    tiles: tuple[Tile, ...]
    facts: tuple[Fact, ...]
    seeds_note: str
    spread_shown: bool
    reveal_text: str
    ledgers: tuple[MethodLedger, ...]
    cards: tuple[CardRow, ...]
    groups: tuple[AccuracyGroup, ...]
    utility: tuple[Markup, ...]
    utility_legend: tuple[LegendKey, ...]
    empty_key: LegendKey
    curves: tuple[Markup, ...]
    costs: tuple[CostRow, ...]
    timing_note: str
    traffic: TrafficTable | None
    steps: tuple[StepRow, ...]
    clusters: ClusterSection | None
    cluster_seeds: tuple[SeedRow, ...]
    statements: tuple[Statement, ...]
    tuning: str
    settings: tuple[SettingsGroup, ...]


def compose(found: Comparison) -> ComparePage:
    """Turn a comparison into a page."""
    number = len(found.seeds)
    first_map = found.maps[0] if found.maps else None
    return ComparePage(
        title=f"SecFPP: {found.folder.name}",
        folder_name=found.folder.name,
        command=f"secfpp report {found.folder.name}",
        question=QUESTION,
        answer=answer(found),
        not_best=not_best(found),
        reference=found.reference_title,
        stamps=stamps(found),
        tiles=tiles(found),
        facts=facts(found),
        seeds_note=f"mean over clients and {number} seeds" if number > 1 else "mean over clients",
        spread_shown=found.has_spread,
        reveal_text=policy_sentence(found.base, "all seeds"),
        ledgers=ledgers(found.reveals),
        cards=card_rows(found),
        groups=accuracy_groups(found),
        utility=utility_panels(found),
        utility_legend=private_legend(found),
        empty_key=empty_key(),
        curves=training_curves(found),
        costs=expense_rows(found),
        timing_note=timing_note(found),
        traffic=traffic_table(found.jobs),
        steps=step_rows(found.jobs),
        clusters=cluster_section(first_map) if first_map else None,
        cluster_seeds=_cluster_seeds(found),
        statements=statements(found),
        tuning=tuning_note(found),
        settings=settings_groups(found.config, found.versions),
    )


def facts(found: Comparison) -> tuple[Fact, ...]:
    """Return the most important settings."""
    first_map = found.maps[0] if found.maps else None
    seeds = found.seeds
    others = {
        "Seeds": f"{len(seeds)}" + (f" ({seeds[0]} to {seeds[-1]})" if len(seeds) > 1 else ""),
        "Methods": str(len({line.method for line in found.lines})),
    }
    return settings_facts(found.base, found.versions, first_map, found.num_clients, others)


def _cluster_seeds(found: Comparison) -> tuple[SeedRow, ...]:
    """Return the agreement of clusters and domains for each seed; only for several seeds."""
    rows = found.reference.rows if found.reference else ()
    measured = [row for row in rows if "ari_first" in row.values]
    if len(measured) < 2:
        return ()
    return tuple(
        SeedRow(
            cells=(
                str(row.seed),
                decimal(row.values.get("ari_first")),
                decimal(row.values.get("ari_last")),
                decimal(row.values.get("k_last"), 0),
            )
        )
        for row in measured
    )
