"""The accuracy pictures: by round, and both measures together; the styles of all methods."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from secfpp.report.kit.svg import PAPER, house_style, inline_svg, series_colour
from secfpp.report.run.records import HERO, TWIN, MethodRow, RoundPoint

BOTH_TITLE = "Both at once, after the last round"
PANEL_INCHES = (4.2, 3.3)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")


@dataclass(frozen=True, kw_only=True)
class Look:
    """The style of one method or domain in every picture and legend of the page."""

    colour: str
    css: str
    marker: str
    dashed: bool
    heavy: bool
    level: bool
    """Whether it is drawn as one dotted level, without markers."""

    @property
    def stroke(self) -> str | tuple[int, tuple[float, float]]:
        """Matplotlib's line style: solid, dashed for the twin, dotted for a level."""
        return (0, (1, 1.5)) if self.level else (0, (4, 2)) if self.dashed else "solid"


def looks(names: Sequence[str], level: Collection[str] = ()) -> dict[str, Look]:
    """Give every name a colour and a marker; SecFPP is first and heavy, its twin dashed."""
    order = sorted(names, key=lambda name: (name != HERO, name != TWIN, names.index(name)))
    found: dict[str, Look] = {}
    index = 0
    for name in order:
        twin = name == TWIN and HERO in found
        look = _look(0 if twin else index, dashed=twin, heavy=name == HERO)
        found[name] = replace(look, level=name in level)
        index += 0 if twin else 1
    return {name: found[name] for name in names}


def _look(index: int, *, dashed: bool, heavy: bool) -> Look:
    """Return style number `index`; beyond eight, colours repeat with other markers."""
    return Look(
        colour=series_colour(index),
        css=f"var(--c{index % 8})",
        marker=MARKERS[(index + index // 8) % len(MARKERS)],
        dashed=dashed,
        heavy=heavy,
        level=False,
    )


def _line(axes: Axes, xs: Sequence[float], ys: Sequence[float], look: Look) -> None:
    """Draw the line of a style."""
    width = 2.2 if look.heavy else 1.3
    axes.plot(xs, ys, color=look.colour, linestyle=look.stroke, linewidth=width)


def marks(axes: Axes, xs: Sequence[float], ys: Sequence[float], look: Look, size: float) -> None:
    """Draw the markers of a style, with a rim in the colour of the paper."""
    axes.plot(
        xs,
        ys,
        linestyle="none",
        marker=look.marker,
        markersize=size,
        markerfacecolor=PAPER if look.dashed else look.colour,
        markeredgecolor=look.colour if look.dashed else PAPER,
        markeredgewidth=0.8,
        zorder=3,
    )


def swatch(look: Look, *, name: str, line: bool = True) -> str:
    """Return the small picture before a name in a legend."""
    with house_style():
        figure = Figure(figsize=(0.36, 0.16))
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        axes.set_axis_off()
        axes.set(xlim=(0, 2), ylim=(-1, 1))
        if line:
            _line(axes, [0, 2], [0, 0], look)
        marks(axes, [1], [0], look, 6 if line else 8)
        return inline_svg(figure, name=f"key-{name}", description="")


def curves(
    points: Sequence[RoundPoint], known: dict[str, Look], *, measure: str, title: str
) -> str:
    """Return accuracy against rounds, mean over seeds, one line for each method.

    Parameters
    ----------
    points
        Lines of metrics.jsonl.
    known
        Styles of the methods, in the order of the table.
    measure
        `own_mix` or `uniform`.
    title
        Printed above the panel.
    """
    with house_style():
        figure = Figure(figsize=PANEL_INCHES, layout="constrained")
        draw_curves(panel(figure.add_subplot(), title), points, known, measure)
        return inline_svg(figure, name=measure, description=f"{title}, by round and method")


def draw_curves(
    axes: Axes, points: Sequence[RoundPoint], known: dict[str, Look], measure: str
) -> None:
    """Draw accuracy against rounds; see `curves`."""
    for name, look in _hero_last(known):
        _draw_method(axes, _mean_by_round(points, name, measure), look)
    axes.set(xlabel="round", ylabel="accuracy, %")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.margins(x=0.03)


def both_measures(results: Sequence[MethodRow], known: dict[str, Look]) -> str:
    """Return one measure against the other at the end of the run, with standard errors."""
    with house_style():
        figure = Figure(figsize=PANEL_INCHES, layout="constrained")
        draw_both(panel(figure.add_subplot(), BOTH_TITLE), results, known)
        return inline_svg(figure, name="both", description="own mix against uniform accuracy")


def draw_both(axes: Axes, results: Sequence[MethodRow], known: dict[str, Look]) -> None:
    """Draw one measure against the other; see `both_measures`."""
    for result in sorted(results, key=lambda result: known[result.name].heavy):
        x, y = result.own_mix, result.uniform
        if x.mean is None or y.mean is None:
            continue
        place = ([100 * x.mean], [100 * y.mean])
        spread = [100 * (side.standard_error or 0.0) for side in (x, y)]
        look = known[result.name]
        axes.errorbar(*place, xerr=spread[0], yerr=spread[1], color=look.colour, lw=1, fmt="none")
        marks(axes, *place, look, 10 if look.heavy else 7.5)
    axes.set(xlabel="own label mix, %", ylabel="uniform classes, %")
    axes.margins(0.12)


def _hero_last(known: dict[str, Look]) -> list[tuple[str, Look]]:
    """Return the styles in drawing order: SecFPP is on top."""
    return sorted(known.items(), key=lambda pair: pair[1].heavy)


def panel(axes: Axes, title: str) -> Axes:
    """Give a panel its title, at the upper left."""
    axes.set_title(title, loc="left", fontsize=10, fontweight="bold", pad=10)
    return axes


def _mean_by_round(
    points: Sequence[RoundPoint], name: str, measure: str
) -> list[tuple[int, float]]:
    """Return (round, mean accuracy in per cent) of one method, in the order of rounds."""
    by_round: dict[int, list[float]] = {}
    for point in points:
        value = getattr(point, measure)
        if point.method == name and value is not None:
            by_round.setdefault(point.round, []).append(100 * value)
    return [(number, fmean(values)) for number, values in sorted(by_round.items())]


def _draw_method(axes: Axes, series: list[tuple[int, float]], look: Look) -> None:
    """Draw one method: a line over its rounds, or a level across the panel."""
    if series and look.level:
        axes.axhline(series[0][1], color=look.colour, linewidth=1.3, linestyle=look.stroke)
    elif series:
        numbers, values = zip(*series, strict=True)
        _line(axes, numbers, values, look)
        marks(axes, numbers, values, look, 5.5 if look.heavy else 4.5)
