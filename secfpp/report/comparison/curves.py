"""Accuracy by round: the reference in colour, the others in grey; names at the ends."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from secfpp.report.comparison.groups import group_of, short_name
from secfpp.report.comparison.records import Comparison, Line
from secfpp.report.kit.figures import panel
from secfpp.report.kit.labels import Name, name_ends
from secfpp.report.kit.svg import MUTED, PAPER, house_style, inline_svg, series_colour

SIZE_INCHES = (4.7, 4.3)
PLACE = (0.062, 0.115, 0.648, 0.79)
"""Place of the panel in the figure: left, bottom, width, height; names are to its right."""
TITLES = {
    "own_mix": "Accuracy on own label mix, %",
    "uniform": "Accuracy on uniform classes, %",
}
HERO_COLOUR = series_colour(0)
DASHES = (0, (3.5, 1.8))
DOTS = (0, (1, 1.6))


def framed(title: str) -> tuple[Figure, Axes]:
    """Return a figure with one panel of a known size and room for names at its right."""
    figure = Figure(figsize=SIZE_INCHES)
    return figure, panel(figure.add_axes(PLACE), title)


def training_curves(found: Comparison) -> tuple[Markup, ...]:
    """Return a picture of each measure; none if no method was trained."""
    drawn = shown_lines(found)
    pictures = []
    for measure, title in TITLES.items():
        series = {line: mean_by_round(found, line, measure) for line in drawn}
        if not any(len(points) > 1 for points in series.values()):
            continue
        with house_style():
            figure, axes = framed(title)
            _draw(axes, found, drawn, series)
            svg = inline_svg(
                figure, name=f"rounds-{measure}", description=f"{title}, by round and method"
            )
        pictures.append(Markup(svg))  # noqa: S704  drawn here
    return tuple(pictures)


def shown_lines(found: Comparison) -> tuple[Line, ...]:
    """Return the lines that have a curve; a private method has one at its largest budget."""
    most = {lines[-1] for lines in found.private().values()}
    return tuple(line for line in found.lines if line.guarantee is None or line in most)


def mean_by_round(found: Comparison, line: Line, measure: str) -> list[tuple[int, float]]:
    """Return (round, mean over seeds in per cent), in the order of rounds."""
    by_round: dict[int, list[float]] = {}
    for point in found.points:
        mine = (point.mix, point.method, point.variant) == (line.mix, line.method, line.variant)
        if mine and point.budget == line.rows[0].budget and measure in point.values:
            by_round.setdefault(point.round, []).append(100 * point.values[measure])
    return [(number, fmean(values)) for number, values in sorted(by_round.items())]


def _draw(
    axes: Axes,
    found: Comparison,
    drawn: Sequence[Line],
    series: dict[Line, list[tuple[int, float]]],
) -> None:
    """Draw the curves; the reference is last, so that it is on top."""
    names = []
    for line in sorted(drawn, key=lambda line: line is found.reference):
        points = series[line]
        if not points:
            continue
        hero = line is found.reference
        if len(points) == 1:
            axes.axhline(points[0][1], color=MUTED, lw=1.1, linestyle=DOTS)
        elif hero:
            _draw_reference(axes, points)
        else:
            stroke = DASHES if group_of(line) == "private" else "solid"
            axes.plot(*zip(*points, strict=True), color=MUTED, lw=1, linestyle=stroke, alpha=0.75)
        colour = HERO_COLOUR if hero else MUTED
        names.append(Name(text=_name(line), height=points[-1][1], colour=colour, bold=hero))
    axes.set_xlabel("round")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=7))
    axes.margins(x=0.0)
    name_ends(axes, names)


def _draw_reference(axes: Axes, points: Sequence[tuple[int, float]]) -> None:
    """Draw a strong curve with a dot at its end."""
    numbers, values = zip(*points, strict=True)
    axes.plot(numbers, values, color=HERO_COLOUR, lw=2.6, zorder=4)
    axes.plot(
        numbers[-1:],
        values[-1:],
        marker="o",
        markersize=6.5,
        markerfacecolor=HERO_COLOUR,
        markeredgecolor=PAPER,
        linestyle="none",
        zorder=5,
        clip_on=False,
    )


def _name(line: Line) -> str:
    """Return the name at the end of a curve."""
    name = short_name(line)
    if line.guarantee is None:
        return name
    return f"{name}, \N{GREEK SMALL LETTER EPSILON} {line.guarantee.epsilon_target:g}"
