"""The content of the page of a comparison as frozen records; every number is formatted."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from secfpp.report.attacks.figure import Place
from secfpp.report.attacks.records import Attacks
from secfpp.report.attacks.section import AttackSection, attack_section
from secfpp.report.comparison.accuracy import AccuracyGroup, accuracy_groups
from secfpp.report.comparison.curves import training_curves
from secfpp.report.comparison.differences import correction_note
from secfpp.report.comparison.expenses import expense_rows, timing_note
from secfpp.report.comparison.front import front_legend, front_note, front_panels
from secfpp.report.comparison.headline import QUESTION, answer, not_best, tiles
from secfpp.report.comparison.learning import CardRow, MethodLedger, card_rows, ledgers
from secfpp.report.comparison.protocols import ProtocolTable, protocol_table
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
class MixPart:
    """What the page says of one mix."""

    name: str
    """Empty without a grid."""
    answer: str
    not_best: str
    groups: tuple[AccuracyGroup, ...]


@dataclass(frozen=True, kw_only=True)
class ComparePage:
    """Everything the template prints."""

    title: str
    folder_name: str
    command: str
    question: str
    mixes: tuple[MixPart, ...]
    first_mix: str
    """Of which the parts of the page after the accuracies are; empty without a grid."""
    reference: str
    stamps: tuple[Stamp, ...]
    tiles: tuple[Tile, ...]
    facts: tuple[Fact, ...]
    seeds_note: str
    spread_shown: bool
    reveal_text: str
    ledgers: tuple[MethodLedger, ...]
    cards: tuple[CardRow, ...]
    correction: str
    front: tuple[Markup, ...]
    front_legend: tuple[LegendKey, ...]
    front_note: str
    utility: tuple[Markup, ...]
    utility_legend: tuple[LegendKey, ...]
    empty_key: LegendKey
    curves: tuple[Markup, ...]
    attacks: AttackSection | None
    costs: tuple[CostRow, ...]
    timing_note: str
    traffic: TrafficTable | None
    steps: tuple[StepRow, ...]
    protocols: ProtocolTable | None
    clusters: ClusterSection | None
    cluster_seeds: tuple[SeedRow, ...]
    statements: tuple[Statement, ...]
    tuning: str
    settings: tuple[SettingsGroup, ...]


def compose(found: Comparison, attacks: Attacks | None = None) -> ComparePage:
    """Turn a comparison, and the attacks on it if there were any, into a page.

    What is not said of every mix is said of the first.
    """
    first = found.of_mix(found.mixes[0])
    number = len(found.seeds)
    first_map = found.maps[0] if found.maps else None
    return ComparePage(
        title=f"SecFPP: {found.folder.name}",
        folder_name=found.folder.name,
        command=f"secfpp report {found.folder.name}",
        question=QUESTION,
        mixes=tuple(_part(found.of_mix(mix), mix) for mix in found.mixes),
        first_mix=found.mixes[0],
        reference=found.reference_title,
        stamps=stamps(found),
        tiles=tiles(first),
        facts=facts(found),
        seeds_note=f"mean over clients and {number} seeds" if number > 1 else "mean over clients",
        spread_shown=found.has_spread,
        reveal_text=policy_sentence(found.base, "all seeds"),
        ledgers=ledgers(found.reveals),
        cards=card_rows(found),
        correction=correction_note(found),
        front=front_panels(found),
        front_legend=front_legend(found),
        front_note=front_note(found),
        utility=utility_panels(first),
        utility_legend=private_legend(first),
        empty_key=empty_key(),
        curves=training_curves(first),
        attacks=attack_section(attacks, places_of(first)),
        costs=expense_rows(first),
        timing_note=timing_note(found),
        traffic=traffic_table(found.jobs),
        steps=step_rows(found.jobs),
        protocols=protocol_table(found.protocols),
        clusters=cluster_section(first_map) if first_map else None,
        cluster_seeds=_cluster_seeds(first),
        statements=statements(first),
        tuning=tuning_note(found),
        settings=settings_groups(found.config, found.versions),
    )


def places_of(part: Comparison) -> tuple[Place, ...]:
    """Return the places of methods, as the settings have them, on the axis of accuracy."""
    found = []
    for line in part.lines:
        accuracy = line.mean("own_mix")
        if accuracy is not None and not line.variant:
            budget = line.rows[0].budget
            found.append(
                Place(method=line.method, title=line.title, epsilon=budget, accuracy=accuracy)
            )
    return tuple(found)


def _part(part: Comparison, mix: str) -> MixPart:
    """Return what the page says of one mix."""
    return MixPart(
        name=mix, answer=answer(part), not_best=not_best(part), groups=accuracy_groups(part)
    )


def facts(found: Comparison) -> tuple[Fact, ...]:
    """Return the most important settings."""
    first_map = found.maps[0] if found.maps else None
    seeds = found.seeds
    others = {
        "Seeds": f"{len(seeds)}" + (f" ({seeds[0]} to {seeds[-1]})" if len(seeds) > 1 else ""),
        "Methods": str(len({line.method for line in found.lines})),
    }
    if len(found.mixes) > 1:
        others["Mixes"] = str(len(found.mixes))
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
