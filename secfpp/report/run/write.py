"""Write the page and its numbers next to the run."""

from __future__ import annotations

from pathlib import Path

from secfpp.report.kit.render import render
from secfpp.report.kit.standalone import figure_svg
from secfpp.report.run.load import load_run
from secfpp.report.run.numbers import numbers_json
from secfpp.report.run.page import compose, methods_without_rounds

PAGE_NAME = "report.html"
NUMBERS_NAME = "report.json"
FIGURE_NAME = "figure.svg"
SPELT = "backslashreplace"
TEMPLATE_NAME = "page.html.j2"


def write_report(folder: Path, out: Path | None = None) -> tuple[Path, Path]:
    """Write `report.html`, `report.json` and, if there is a result, `figure.svg` of a run.

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
    write_text(page, render(TEMPLATE_NAME, compose(run)))
    write_text(numbers, numbers_json(run))
    if run.results:
        drawn = figure_svg(run, methods_without_rounds(run))
        write_text(target / FIGURE_NAME, drawn)
    return page, numbers


def write_text(path: Path, text: str) -> None:
    """Write UTF-8; undecodable bytes of names and records are spelt in ASCII."""
    path.write_text(text, encoding="utf-8", errors=SPELT)
