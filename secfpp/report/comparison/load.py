"""Read the folder of a comparison into the records of the report."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from secfpp.errors import RunFolderError
from secfpp.report.comparison.differences import corrected
from secfpp.report.comparison.records import Comparison, CurvePoint, Guarantee, Line, Row
from secfpp.report.kit.fields import Fields
from secfpp.report.run.load import load_run, read_object
from secfpp.report.run.records import HERO, RunRecord

SETTINGS_NAME = "compare.json"
TABLE_NAME = "table.csv"
WORDS = (
    *("mix", "method", "variant", "title", "cell", "score_on"),
    *("unit", "neighbours", "sampling", "trust", "guarantee", "insecure"),
)
REQUIRED = ("method", "seed")


def is_comparison(folder: Path) -> bool:
    """Tell whether a folder is that of a comparison."""
    return (folder / SETTINGS_NAME).is_file()


def load_comparison(folder: Path) -> Comparison:
    """Read the folder of a comparison, finished or not.

    Raises
    ------
    RunFolderError
        If `folder` is not that of a comparison, or one of its files is damaged.
    """
    if not is_comparison(folder):
        raise RunFolderError(f"{folder} is not the folder of a comparison: no {SETTINGS_NAME}")
    lines = _lines(folder / TABLE_NAME)
    cells = tuple(_cells(folder / "cells"))
    config = read_object(folder / SETTINGS_NAME)
    found = Comparison(
        folder=folder.resolve(),
        config=config,
        versions=read_object(folder / "versions.json"),
        summary=read_object(folder / "summary.json"),
        lines=lines,
        points=tuple(_points(cells, lines)),
        reveals=tuple(reveal for cell in cells for reveal in cell.reveals),
        jobs=tuple(job for cell in cells for job in cell.jobs),
        maps=tuple(
            sorted(
                (
                    cell.clusters
                    for cell in cells
                    if cell.clusters
                    and cell.clusters.method == HERO
                    and _is_of_first_mix(cell, config)
                ),
                key=lambda drawn: drawn.seed,
            )
        ),
        num_clients=max((cell.num_clients for cell in cells), default=0),
    )
    return replace(found, p_holm=corrected(found))


def _cells(folder: Path) -> Iterator[RunRecord]:
    """Yield the runs of a comparison that have begun."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if (path / "config.json").is_file():
            yield load_run(path)


def _is_of_first_mix(cell: RunRecord, config: Fields) -> bool:
    """Tell whether a run is of the first mix, with methods as the settings have them."""
    mixes = config.children("grid")
    place = f"{mixes[0].text('name')}-" if mixes else ""
    return re.fullmatch(re.escape(place) + r"seed\d+", cell.folder.name) is not None


def _lines(path: Path) -> tuple[Line, ...]:
    """Read the table; lines come in the order of their first rows."""
    groups: dict[tuple[str, str, str, float | None], list[Row]] = {}
    for row in _rows(path):
        groups.setdefault((row.mix, row.method, row.variant, row.budget), []).append(row)
    return tuple(
        Line(rows=tuple(sorted(rows, key=lambda row: row.seed))) for rows in groups.values()
    )


def _rows(path: Path) -> Iterator[Row]:
    """Read table.csv; an absent file has no rows."""
    if not path.is_file():
        return
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        try:
            absent = [name for name in REQUIRED if name not in (reader.fieldnames or ())]
            rows = [] if absent else [_row(cells) for cells in reader]
        except (ValueError, csv.Error) as error:
            raise RunFolderError(f"{path}, line {reader.line_num} is damaged: {error}") from error
    if absent:
        raise RunFolderError(f"{path} is damaged: no column {absent[0]!r}; run compare again")
    yield from rows


def _row(cells: Mapping[str, str | None]) -> Row:
    """Read one row of the table."""
    values = {
        name: number
        for name, cell in cells.items()
        if name not in WORDS and cell and (number := _number(name, cell)) is not None
    }
    words = {name: cells.get(name) or "" for name in WORDS}
    return Row(
        method=words["method"],
        title=words["title"] or words["method"],
        seed=int(values["seed"]) if "seed" in values else 0,
        guarantee=_guarantee(values, words),
        values=values,
        insecure=words["insecure"],
        mix=words["mix"],
        variant=words["variant"],
        cell=words["cell"] or _cell_of_older_table(values),
    )


def _cell_of_older_table(values: Mapping[str, float]) -> str:
    """Return the name of a row's run folder, which tables once left out."""
    budget = values.get("epsilon_target")
    ending = "" if budget is None else f"-epsilon{repr(budget).removesuffix('.0')}"
    return f"seed{int(values.get('seed', 0))}{ending}"


def _number(name: str, cell: str) -> float | None:
    """Read a number; one that is not finite counts as not measured."""
    try:
        value = float(cell)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} is {cell!r}, not a number") from error
    return value if math.isfinite(value) else None


def _guarantee(values: Mapping[str, float], words: Mapping[str, str]) -> Guarantee | None:
    """Read the guarantee of a row; None for a method that is not differentially private."""
    target = values.get("epsilon_target")
    if target is None:
        return None
    return Guarantee(
        epsilon_target=target,
        epsilon_pld=values.get("epsilon_pld"),
        epsilon_rdp=values.get("epsilon_rdp"),
        epsilon_paper=values.get("epsilon_paper"),
        delta=values.get("delta"),
        compositions=values.get("compositions"),
        unit=words["unit"],
        neighbours=words["neighbours"],
        sampling=words["sampling"],
        trust=words["trust"],
        name=words["guarantee"],
    )


def _points(cells: tuple[RunRecord, ...], lines: tuple[Line, ...]) -> Iterator[CurvePoint]:
    """Yield the rounds behind the rows of the table."""
    finished = {(row.cell, row.method): row for line in lines for row in line.rows}
    for cell in cells:
        for point in cell.rounds:
            row = finished.get((cell.folder.name, point.method))
            if row is not None:
                measured = {"own_mix": point.own_mix, "uniform": point.uniform}
                yield CurvePoint(
                    mix=row.mix,
                    method=row.method,
                    variant=row.variant,
                    budget=row.budget,
                    seed=row.seed,
                    round=point.round,
                    values={k: v for k, v in measured.items() if v is not None},
                )
