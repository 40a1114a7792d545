"""The tidy table of a comparison: a row for each mix, method, variant, budget and seed.

Its only sources are metrics.jsonl and results.json of the cells. Methods have a row when all their
rounds are done. The file follows RFC 4180: floats have all digits, absent values are empty.
"""

import csv
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from secfpp.comparison.cells import Cell, steps_of
from secfpp.comparison.config import CompareConfig
from secfpp.comparison.folder import CompareFolder
from secfpp.config.tree import JsonValue
from secfpp.experiment.run_folder import RunFolder
from secfpp.federation.round import RoundRecord

__all__ = ["COLUMNS", "Row", "read_rows", "write_table"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One method in one mix on one seed, with one budget if it is private. Accuracies in 0..1.

    Accuracies are those after the last round. Rounds of messages, bytes and seconds are sums over
    the rounds of federation. None: not measured, or not applicable.
    """

    mix: str
    """Empty without a grid."""
    method: str
    variant: str
    """Empty for a method as the settings have it."""
    title: str
    epsilon_target: float | None
    """The budget of the run. None for a method without a guarantee, like the ten fields below."""
    epsilon_pld: float | None
    epsilon_rdp: float | None
    epsilon_paper: float | None
    """By the formula of the method's paper, if there is one."""
    delta: float | None
    unit: str | None
    neighbours: str | None
    sampling: str | None
    compositions: int | None
    trust: str | None
    guarantee: str | None
    """Name of the guarantee, for a method with several to choose from."""
    seed: int
    cell: str
    """Name of its run folder."""
    score_on: str
    """Images that accuracies are measured on: reporting, or validation."""
    rounds: int
    """Rounds of federation; 0 for a method that does not train."""
    local_steps: int
    """Local steps of a client in a round."""
    own_mix: float
    uniform: float
    own_classes: float | None
    neighbour_classes: float | None
    other_domains: float | None
    worst_client: float
    ari_first: float | None
    """Adjusted Rand index of the first round's clusters."""
    ari_last: float | None
    k_last: int | None
    """Clusters of the last round."""
    secure_rounds: int
    """Rounds of messages among the computing parties."""
    bytes_client: int
    """Bytes of the busiest client."""
    bytes_party: int
    """Bytes of the busiest party."""
    seconds_train: float
    seconds_share: float
    seconds_online: float
    seconds_dealer: float
    insecure: str
    """The reasons why the secure part was not secure; empty if it was, or if there was none."""


COLUMNS = tuple(field.name for field in dataclasses.fields(Row))
"""Columns, in the order of the file."""


def read_rows(folder: CompareFolder, cells: Sequence[Cell]) -> tuple[Row, ...]:
    """Return all rows, in the order of the settings, sorted by budget and seed.

    Raises
    ------
    ConfigError, RunFolderError
        If a file of a cell is damaged.
    """
    rows = [row for cell in cells for row in _rows_of(folder, cell)]
    place = _order(folder.config)
    budgets = {epsilon: i for i, epsilon in enumerate(folder.config.epsilons)}
    return tuple(
        sorted(
            rows,
            key=lambda row: (
                place[row.mix, row.method, row.variant],
                -1 if row.epsilon_target is None else budgets[row.epsilon_target],
                row.seed,
            ),
        )
    )


def _order(config: CompareConfig) -> dict[tuple[str, str, str], int]:
    """Return the place of each mix, method and variant; variants stand behind their method."""
    mixes = ["" if mix is None else mix.name for mix in config.mixes]
    methods = dict.fromkeys((*config.methods, *(v.method for v in config.variants)))
    labels = {
        name: ["", *(v.label for v in config.variants if v.method == name)] for name in methods
    }
    lines = [(mix, name, label) for mix in mixes for name in methods for label in labels[name]]
    return {line: place for place, line in enumerate(lines)}


def write_table(path: Path, rows: Sequence[Row]) -> None:
    """Replace the file as a whole."""
    draft = path.with_suffix(".draft")
    with draft.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(dataclasses.astuple(row) for row in rows)
    draft.replace(path)


def _rows_of(folder: CompareFolder, cell: Cell) -> list[Row]:
    """Return the rows of one cell, for finished methods."""
    said = folder.results(cell).get("methods")
    if not isinstance(said, dict):
        return []
    records = RunFolder(folder.cell(cell)).records("metrics.jsonl", RoundRecord)
    rows = []
    for name, rounds in cell.rounds.items():
        mine = sorted((r for r in records if r.method == name), key=lambda record: record.round)
        told = said.get(name)
        if len(mine) >= rounds and isinstance(told, dict):
            rows.append(_row(cell, mine, told, steps_of(cell.settings, name)))
    return rows


def _row(
    cell: Cell, records: Sequence[RoundRecord], told: Mapping[str, JsonValue], local_steps: int
) -> Row:
    """Make one row from a method's rounds and its entry in results.json."""
    last = records[-1]
    statement = told.get("privacy")
    insecure = told.get("insecure")
    return Row(
        mix=cell.mix,
        method=last.method,
        variant=cell.variant,
        title=str(told.get("title", last.method)),
        epsilon_target=cell.epsilon,
        **_privacy(statement if isinstance(statement, dict) else {}),
        seed=cell.seed,
        cell=cell.name,
        score_on=cell.settings.partition.score_on,
        rounds=last.round,
        local_steps=local_steps,
        own_mix=last.own_mix,
        uniform=last.uniform,
        own_classes=last.own_classes,
        neighbour_classes=last.neighbour_classes,
        other_domains=last.other_domains,
        worst_client=last.worst_client,
        ari_first=records[0].ari,
        ari_last=last.ari,
        k_last=last.k,
        secure_rounds=sum(record.rounds for record in records),
        bytes_client=sum(record.bytes_client_max for record in records),
        bytes_party=sum(record.bytes_party_max for record in records),
        seconds_train=sum(record.seconds_train for record in records),
        seconds_share=sum(record.seconds_share for record in records),
        seconds_online=sum(record.seconds_online for record in records),
        seconds_dealer=sum(record.seconds_dealer for record in records),
        insecure="; ".join(map(str, insecure)) if isinstance(insecure, list) else "",
    )


class _Privacy(TypedDict):
    """The columns of a row that come from a statement of privacy."""

    epsilon_pld: float | None
    epsilon_rdp: float | None
    epsilon_paper: float | None
    delta: float | None
    unit: str | None
    neighbours: str | None
    sampling: str | None
    compositions: int | None
    trust: str | None
    guarantee: str | None


def _privacy(statement: Mapping[str, JsonValue]) -> _Privacy:
    """Read a statement; empty for a method without a guarantee."""
    return _Privacy(
        epsilon_pld=_number(statement, "epsilon_pld"),
        epsilon_rdp=_number(statement, "epsilon_rdp"),
        epsilon_paper=_number(statement, "epsilon_paper"),
        delta=_number(statement, "delta"),
        unit=_text(statement, "unit"),
        neighbours=_text(statement, "neighbours"),
        sampling=_text(statement, "sampling"),
        compositions=_whole(statement, "compositions"),
        trust=_text(statement, "trust"),
        guarantee=_text(statement, "guarantee"),
    )


def _number(said: Mapping[str, JsonValue], name: str) -> float | None:
    """Read a number that may be absent."""
    value = said.get(name)
    return float(value) if isinstance(value, int | float) else None


def _whole(said: Mapping[str, JsonValue], name: str) -> int | None:
    """Read a whole number that may be absent."""
    value = said.get(name)
    return value if isinstance(value, int) else None


def _text(said: Mapping[str, JsonValue], name: str) -> str | None:
    """Read words that may be absent."""
    value = said.get(name)
    return value if isinstance(value, str) else None
