"""Write the page of a comparison, its numbers, its tables and its figure."""

from __future__ import annotations

from pathlib import Path

from secfpp.report.attacks.records import load_attacks
from secfpp.report.comparison.front import front_svg
from secfpp.report.comparison.load import load_comparison
from secfpp.report.comparison.numbers import numbers_json
from secfpp.report.comparison.page import compose, places_of
from secfpp.report.comparison.tables import accuracy_records, cost_records, write_csv
from secfpp.report.comparison.utility import utility_svg
from secfpp.report.kit.render import render
from secfpp.report.run.write import (
    FIGURE_NAME,
    NUMBERS_NAME,
    PAGE_NAME,
    write_attacks_figure,
    write_text,
)

ACCURACY_NAME = "accuracy.csv"
COSTS_NAME = "costs.csv"
FRONT_NAME = "front.svg"
TEMPLATE_NAME = "compare.html.j2"


def write_comparison(folder: Path, out: Path | None = None) -> tuple[Path, Path]:
    """Write `report.html`, `report.json`, two tables and two figures.

    The tables are `accuracy.csv` and `costs.csv`. The figures are `front.svg`, own mix against
    uniform accuracy, and `figure.svg`, the privacy-utility curve of the first mix; there is none of
    the latter without a differentially private method. After `secfpp attack`, `attacks.svg`
    shows attack success against accuracy.

    Parameters
    ----------
    folder
        The folder of a comparison, finished or not.
    out
        Folder to write to; that of the comparison by default.

    Returns
    -------
    tuple of Path
        The page and the numbers.

    Raises
    ------
    RunFolderError
        If `folder` is not that of a comparison or is damaged.
    """
    found = load_comparison(folder)
    target = out or folder
    target.mkdir(parents=True, exist_ok=True)
    page, numbers = target / PAGE_NAME, target / NUMBERS_NAME
    attacks = load_attacks(folder)
    write_text(page, render(TEMPLATE_NAME, compose(found, attacks)))
    write_text(numbers, numbers_json(found, attacks))
    write_attacks_figure(target, attacks, places_of(found.of_mix(found.mixes[0])))
    write_csv(target / ACCURACY_NAME, accuracy_records(found))
    write_csv(target / COSTS_NAME, cost_records(found))
    if drawn := front_svg(found):
        write_text(target / FRONT_NAME, drawn)
    if drawn := utility_svg(found.of_mix(found.mixes[0])):
        write_text(target / FIGURE_NAME, drawn)
    return page, numbers
