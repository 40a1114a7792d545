"""The privacy-utility curve: accuracy against epsilon; methods without epsilon are levels."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter, NullLocator

from secfpp.report.comparison.curves import (
    DASHES,
    DOTS,
    HERO_COLOUR,
    PLACE,
    SIZE_INCHES,
    TITLES,
    framed,
)
from secfpp.report.comparison.groups import short_name
from secfpp.report.comparison.records import Comparison, Guarantee, Line
from secfpp.report.kit.figures import Look, looks, marks, panel, swatch
from secfpp.report.kit.labels import Name, name_ends
from secfpp.report.kit.standalone import standalone_svg
from secfpp.report.kit.svg import MUTED, PAPER, house_style, inline_svg
from secfpp.report.run.clusters import LegendKey
from secfpp.report.run.records import HERO

LEVELS = {"local-only": DASHES, "promptfl": (0, (6, 1.6, 1, 1.6)), "zero-shot": DOTS}
"""Strokes of the methods without epsilon that are drawn as levels beside the reference."""
EPSILON = "\N{GREEK SMALL LETTER EPSILON}"
AXIS_LABEL = f"{EPSILON}, log scale: less is more private"
WITHOUT_CURVE = "SecFPP with DP inside the secure sum (not in this version)"
BAND = 0.16
"""Opacity of the reference's standard error."""
SPARE = 1.7
"""Factor by which the axis extends beyond the least and the greatest epsilon."""


def utility_panels(found: Comparison) -> tuple[Markup, ...]:
    """Return the curve of each measure; none without a differentially private method."""
    pictures = []
    for measure, title in TITLES.items() if found.private() else ():
        with house_style():
            figure, axes = framed(title)
            _draw(axes, found, measure)
            svg = inline_svg(
                figure,
                name=f"utility-{measure}",
                description=f"{title}, against epsilon of private methods",
            )
        pictures.append(Markup(svg))  # noqa: S704  drawn here
    return tuple(pictures)


def utility_svg(found: Comparison) -> str | None:
    """Return both curves as a separate file; None without a private method."""
    if not found.private():
        return None
    with house_style():
        wide, tall = SIZE_INCHES
        low = 0.09  # of the height, for the note
        figure = Figure(figsize=(2 * wide, tall / (1 - low)), facecolor=PAPER)
        for index, (measure, title) in enumerate(TITLES.items()):
            left, bottom, width, height = PLACE
            place = ((left + index) / 2, low + bottom * (1 - low), width / 2, height * (1 - low))
            _draw(panel(figure.add_axes(place), title), found, measure)
        figure.legend(
            handles=[_empty_handle()],
            loc="lower left",
            bbox_to_anchor=(PLACE[0] / 2 - 0.008, 0.0),
            frameon=False,
            labelcolor=MUTED,
        )
        return standalone_svg(figure)


def private_legend(found: Comparison) -> tuple[LegendKey, ...]:
    """Return the legend of private methods, with the unit of each."""
    known = private_looks(found)
    keys = [
        LegendKey(
            key=Markup(swatch(known[method], name=f"utility-{method}")),  # noqa: S704  drawn here
            title=f"{lines[0].title}; unit: {unit_of(lines[0].guarantee)}",
        )
        for method, lines in found.private().items()
    ]
    return tuple(keys)


def empty_key() -> LegendKey:
    """Return the legend entry of a curve that this version cannot draw."""
    with house_style():
        figure = Figure(figsize=(0.36, 0.16))
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        axes.set_axis_off()
        axes.set(xlim=(0, 2), ylim=(-1, 1))
        handle = _empty_handle()
        handle.set_data([0, 1, 2], [0, 0, 0])
        handle.set_markevery([1])
        axes.add_line(handle)
        svg = inline_svg(figure, name="key-not-here", description="")
    return LegendKey(key=Markup(svg), title=WITHOUT_CURVE)  # noqa: S704  drawn here


def unit_of(guarantee: Guarantee | None) -> str:
    """Return the unit of a guarantee, without its explanation."""
    return "" if guarantee is None else guarantee.unit.partition(":")[0] or "not stated"


def private_looks(found: Comparison) -> dict[str, Look]:
    """Return colour and marker of every private method; the first colour is the reference's."""
    known = looks([HERO, *found.private()])
    return {method: known[method] for method in found.private()}


def _draw(axes: Axes, found: Comparison, measure: str) -> None:
    """Draw one panel."""
    known = private_looks(found)
    names = [*_levels(axes, found, measure)]
    epsilons: list[float] = []
    for method, lines in found.private().items():
        placed = [(line, e) for line in lines if (e := _epsilon(line)) and line.values(measure)]
        if placed:
            _curve(axes, placed, measure, known[method])
            epsilons.extend(epsilon for _, epsilon in placed)
            last = 100 * (placed[-1][0].mean(measure) or 0.0)
            names.append(Name(text=short_name(lines[0]), height=last, colour=known[method].colour))
    if epsilons:
        axes.set_xscale("log")
        axes.set_xlim(min(epsilons) / SPARE, max(epsilons) * SPARE)
        _ticks(
            axes,
            sorted({line.rows[0].budget or 0.0 for ls in found.private().values() for line in ls}),
        )
    axes.set_xlabel(AXIS_LABEL)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=7))
    axes.margins(y=0.08)
    name_ends(axes, names)


def _ticks(axes: Axes, budgets: Sequence[float]) -> None:
    """Mark the budgets of the settings."""
    axes.xaxis.set_major_locator(FixedLocator(list(budgets)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())


def _epsilon(line: Line) -> float | None:
    """Return the place of a line on the axis; None without noise."""
    epsilon = line.guarantee.epsilon if line.guarantee else 0.0
    return epsilon if epsilon > 0 else None


def _curve(axes: Axes, placed: Sequence[tuple[Line, float]], measure: str, look: Look) -> None:
    """Draw one private method, with standard errors over seeds."""
    xs = [epsilon for _, epsilon in placed]
    found = [line.estimate(measure) for line, _ in placed]
    ys = [100 * (estimate.mean or 0.0) for estimate in found]
    errors = [100 * (estimate.standard_error or 0.0) for estimate in found]
    bars = errors if any(errors) else None
    axes.errorbar(xs, ys, yerr=bars, color=look.colour, lw=1.5, elinewidth=1, capsize=2.5, zorder=3)
    marks(axes, xs, ys, look, 6)


def _levels(axes: Axes, found: Comparison, measure: str) -> list[Name]:
    """Draw the reference with its standard error, and other methods without epsilon."""
    names = []
    for method, stroke in LEVELS.items():
        line = found.line(method)
        if line is not None and line is not found.reference and line.values(measure):
            height = 100 * (line.mean(measure) or 0.0)
            axes.axhline(height, color=MUTED, lw=1.1, linestyle=stroke)
            names.append(Name(text=short_name(line), height=height))
    hero = found.reference
    if hero is not None and hero.guarantee is None and hero.values(measure):
        estimate = hero.estimate(measure)
        height, error = 100 * (estimate.mean or 0.0), 100 * (estimate.standard_error or 0.0)
        if error:
            axes.axhspan(height - error, height + error, color=HERO_COLOUR, alpha=BAND, lw=0)
        axes.axhline(height, color=HERO_COLOUR, lw=2.4)
        names.append(Name(text=short_name(hero), height=height, colour=HERO_COLOUR, bold=True))
    return names


def _empty_handle() -> Line2D:
    """Return the marker of a curve that cannot be drawn."""
    return Line2D(
        [],
        [],
        color=HERO_COLOUR,
        lw=1.2,
        linestyle=(0, (1.5, 1.5)),
        marker="o",
        markersize=6,
        markerfacecolor=PAPER,
        label=WITHOUT_CURVE,
    )
