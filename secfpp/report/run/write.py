"""Write the page and its numbers next to the run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from secfpp.report.attacks.figure import Place, attacks_svg
from secfpp.report.attacks.records import Attacks, load_attacks
from secfpp.report.kit.render import render
from secfpp.report.kit.standalone import figure_svg
from secfpp.report.run.load import load_run
from secfpp.report.run.numbers import numbers_json
from secfpp.report.run.page import compose, methods_without_rounds, places_of

PAGE_NAME = "report.html"
NUMBERS_NAME = "report.json"
FIGURE_NAME = "figure.svg"
ATTACKS_FIGURE_NAME = "attacks.svg"
SPELT = "backslashreplace"
TEMPLATE_NAME = "page.html.j2"


def write_report(folder: Path, out: Path | None = None) -> tuple[Path, Path]:
    """Write `report.html`, `report.json` and, if there is a result, `figure.svg` of a run.

    If the run was attacked, `attacks.svg` shows attack success against accuracy.

    Parameters
    ----------
    folder
        A run folder.
    out
        Folder to write to; the run folder by default.

    Returns
    -------
    tuple of Path
        The page and the numbers.

    Raises
    ------
    RunFolderError
        If `folder` is not a run folder or is damaged.
    """
    run = load_run(folder)
    target = out or folder
    target.mkdir(parents=True, exist_ok=True)
    page, numbers = target / PAGE_NAME, target / NUMBERS_NAME
    attacks = load_attacks(folder)
    write_text(page, render(TEMPLATE_NAME, compose(run, attacks)))
    write_text(numbers, numbers_json(run, attacks))
    write_attacks_figure(target, attacks, places_of(run.results))
    if run.results:
        drawn = figure_svg(run, methods_without_rounds(run))
        write_text(target / FIGURE_NAME, drawn)
    return page, numbers


def write_text(path: Path, text: str) -> None:
    """Write UTF-8; undecodable bytes of names and records are spelt in ASCII."""
    path.write_text(text, encoding="utf-8", errors=SPELT)


def write_attacks_figure(target: Path, attacks: Attacks | None, places: Sequence[Place]) -> None:
    """Write the figure of attacks, if there were any on a method with a result."""
    if attacks is not None and (drawn := attacks_svg(attacks, places)):
        write_text(target / ATTACKS_FIGURE_NAME, drawn)
