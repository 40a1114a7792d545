"""Own mix against uniform accuracy: a panel for each mix, a point for each method.

Variants of a method that vary one strength are joined by a line, which shows what the method can
trade between the two.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from secfpp.report.comparison.curves import shown_lines
from secfpp.report.comparison.records import Comparison, Line
from secfpp.report.kit.figures import Look, looks, marks, panel, swatch
from secfpp.report.kit.standalone import standalone_svg
from secfpp.report.kit.svg import MUTED, PAPER, house_style, inline_svg
from secfpp.report.run.clusters import LegendKey

PANEL_INCHES = (3.4, 3.1)
MOST_COLUMNS = 4
LEGEND_ROW_INCHES = 0.2
LABEL_SIZE = 7.0
LABEL_OFFSET_POINTS = (5, 4)
AXES = ("own mix, %", "uniform classes, %")
WITHOUT_GRID = "Own mix against uniform classes"


def front_panels(found: Comparison) -> tuple[Markup, ...]:
    """Return the panel of each mix that has a result."""
    known = front_looks(found)
    pictures = []
    for index, mix in enumerate(mixes_with_results(found)):
        with house_style():
            figure = Figure(figsize=PANEL_INCHES, layout="constrained")
            _draw(panel(figure.add_subplot(), mix or WITHOUT_GRID), found.of_mix(mix), known)
            svg = inline_svg(
                figure,
                name=f"front-{index}",
                description=f"own mix against uniform accuracy of every method {mix}".rstrip(),
            )
        pictures.append(Markup(svg))  # noqa: S704  drawn here
    return tuple(pictures)


def front_svg(found: Comparison) -> str | None:
    """Return all panels and their legend as a separate file; None without a result."""
    mixes = mixes_with_results(found)
    if not mixes:
        return None
    known = front_looks(found)
    columns = min(MOST_COLUMNS, len(mixes))
    rows = math.ceil(len(mixes) / columns)
    in_legend = max(1, 2 * columns - 1)
    wide, tall = PANEL_INCHES
    low = 0.3 + LEGEND_ROW_INCHES * math.ceil(len(known) / in_legend)
    with house_style():
        figure = Figure(
            figsize=(wide * columns, tall * rows + low), facecolor=PAPER, layout="constrained"
        )
        for index, mix in enumerate(mixes):
            axes = panel(figure.add_subplot(rows, columns, index + 1), mix or WITHOUT_GRID)
            _draw(axes, found.of_mix(mix), known)
        titles = _titles(found)
        figure.legend(
            handles=[_handle(look, titles[method]) for method, look in known.items()],
            loc="outside lower left",
            ncols=in_legend,
            frameon=False,
        )
        return standalone_svg(figure)


def front_legend(found: Comparison) -> tuple[LegendKey, ...]:
    """Return the legend: a key for each method."""
    titles = _titles(found)
    return tuple(
        LegendKey(
            key=Markup(swatch(look, name=f"front-{index}", line=False)),  # noqa: S704  drawn here
            title=titles[method],
        )
        for index, (method, look) in enumerate(front_looks(found).items())
    )


def front_note(found: Comparison) -> str:
    """Say which points are joined, in the order of the line."""
    joined = []
    for method, labels in _fronts(found).items():
        if len(labels) > 1:
            joined.append(f"{_titles(found).get(method[0], method[0])}: {', '.join(labels)}")
    return f"Joined, from one end of the line to the other: {'; '.join(joined)}." if joined else ""


def mixes_with_results(found: Comparison) -> tuple[str, ...]:
    """Return the mixes in which some method has finished a seed."""
    there = {line.mix for line in found.lines}
    return tuple(mix for mix in found.mixes if mix in there)


def front_looks(found: Comparison) -> dict[str, Look]:
    """Return colour and marker of every method; variants have those of their method."""
    return looks(list(dict.fromkeys(line.method for line in shown_lines(found))))


def _titles(found: Comparison) -> dict[str, str]:
    """Return the title of each method."""
    return {line.method: line.rows[0].title for line in found.lines}


def _fronts(found: Comparison) -> dict[tuple[str, str], list[str]]:
    """Return the labels of the variants of each method and strength, in their order."""
    fronts: dict[tuple[str, str], list[str]] = {}
    for variant in found.config.children("variants"):
        key = (variant.text("method"), variant.text("front"))
        fronts.setdefault(key, []).append(variant.text("label"))
    return fronts


def _draw(axes: Axes, part: Comparison, known: dict[str, Look]) -> None:
    """Draw the points of one mix, and a line through the variants of each front."""
    lines = [line for line in shown_lines(part) if _place(line) is not None]
    by_name = {line.name: line for line in lines}
    for (method, _), labels in _fronts(part).items():
        joined = [by_name[n] for label in labels if (n := f"{method}, {label}") in by_name]
        if len(joined) > 1:
            xs, ys = zip(*_places(joined), strict=True)
            axes.plot(xs, ys, color=known[method].colour, lw=1.2, zorder=2)
            for line in (joined[0], joined[-1]):
                _name_end(axes, line)
    for line in sorted(lines, key=lambda line: known[line.method].heavy):
        _draw_point(axes, line, known[line.method])
    axes.set(xlabel=AXES[0], ylabel=AXES[1])
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.margins(0.1)


def _name_end(axes: Axes, line: Line) -> None:
    """Write the label of a variant beside its point."""
    ((x, y),) = _places([line])
    axes.annotate(
        line.variant,
        (x, y),
        xytext=LABEL_OFFSET_POINTS,
        textcoords="offset points",
        fontsize=LABEL_SIZE,
        color=MUTED,
        parse_math=False,
    )


def _draw_point(axes: Axes, line: Line, look: Look) -> None:
    """Draw one point with its standard errors; those of variants are small."""
    ((x, y),) = _places([line])
    spread = [100 * (line.estimate(name).standard_error or 0.0) for name in ("own_mix", "uniform")]
    axes.errorbar([x], [y], xerr=spread[0], yerr=spread[1], color=look.colour, lw=0.8, fmt="none")
    marks(axes, [x], [y], look, 4.5 if line.variant else 8.5 if look.heavy else 7)


def _places(lines: Iterable[Line]) -> Sequence[tuple[float, float]]:
    """Return the places of lines that have one."""
    return [place for line in lines if (place := _place(line)) is not None]


def _place(line: Line) -> tuple[float, float] | None:
    """Return both accuracies in per cent; None if one was not measured."""
    own_mix, uniform = line.mean("own_mix"), line.mean("uniform")
    return None if own_mix is None or uniform is None else (100 * own_mix, 100 * uniform)


def _handle(look: Look, title: str) -> Line2D:
    """Return the legend's picture of one method."""
    return Line2D(
        [],
        [],
        color=look.colour,
        linestyle="none",
        marker=look.marker,
        markersize=6,
        markerfacecolor=PAPER if look.dashed else look.colour,
        label=title,
    )
