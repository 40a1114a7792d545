"""figure.svg: the accuracy pictures as one file, for a README or a talk.

Colours are the light ones of page.css and letters are outlines, so the file looks the same
everywhere.
"""

from __future__ import annotations

import io
import re
from importlib.resources import files

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from secfpp.report.kit.figures import BOTH_TITLE, Look, draw_both, draw_curves, looks, panel
from secfpp.report.kit.svg import CSS_VARIABLES, PAPER, SERIES, house_style, series_colour
from secfpp.report.run.records import RunRecord

SIZE_INCHES = (11.0, 4.1)
STYLE_SHEET = "page.css"
LEGEND_COLUMNS = 5


def figure_svg(run: RunRecord, level: set[str]) -> str:
    """Return the three accuracy panels and a legend as an SVG file.

    Parameters
    ----------
    run
        A run with at least one result.
    level
        Methods that do not learn over rounds.
    """
    known = looks([result.name for result in run.results], level=level)
    with house_style():
        figure = Figure(figsize=SIZE_INCHES, layout="constrained", facecolor=PAPER)
        own_mix, uniform, both = figure.subplots(1, 3)
        draw_curves(panel(own_mix, "Own label mix"), run.rounds, known, "own_mix")
        draw_curves(panel(uniform, "Uniform classes"), run.rounds, known, "uniform")
        draw_both(panel(both, BOTH_TITLE), run.results, known)
        handles = [_handle(known[result.name], result.title) for result in run.results]
        figure.legend(
            handles=handles, loc="outside lower left", ncols=LEGEND_COLUMNS, frameon=False
        )
        return standalone_svg(figure)


def standalone_svg(figure: Figure) -> str:
    """Return a figure, drawn within `house_style` in its marker colours, as a separate file."""
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "path"}):
        FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None, "Creator": None})
    return _in_light_colours(buffer.getvalue())


def _handle(look: Look, title: str) -> Line2D:
    """Return the legend's picture of one method."""
    return Line2D(
        [],
        [],
        color=look.colour,
        linestyle=look.stroke,
        linewidth=2.2 if look.heavy else 1.3,
        marker=look.marker,
        markersize=6,
        markerfacecolor=PAPER if look.dashed else look.colour,
        label=title,
    )


def _in_light_colours(drawn: str) -> str:
    """Replace the marker colours by those of the style sheet's light half."""
    sheet = (files("secfpp.report") / "templates" / STYLE_SHEET).read_text(encoding="utf-8")
    light = dict(re.findall(r"(--\w+): (#[0-9a-f]{6})", sheet.split("@media")[0]))
    names = {series_colour(index): f"--c{index}" for index in range(SERIES)} | CSS_VARIABLES
    for colour, variable in names.items():
        drawn = drawn.replace(colour, light[variable])
    return drawn
