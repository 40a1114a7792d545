"""The pictures of a report: accuracy by round, both measures at once, the map of clients."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from math import cos, hypot, pi, sin
from statistics import fmean

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from secfpp.report.hull import convex_hull
from secfpp.report.records import HERO, TWIN, ClusterMap, MethodResult, RoundPoint
from secfpp.report.svg import MUTED, PAPER, RULE, house_style, inline_svg, series_colour

PANEL_INCHES = (4.2, 3.3)
MAP_INCHES = (4.8, 4.0)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")
BLOB_POINTS = 34  # thickness of the shape round a cluster, a point a side
LABEL_POINTS = (40.0, 25.0)  # from the outermost member to the middle of its cluster's name
NUM_DIRECTIONS = 16  # tried for the name of a cluster
MAP_POINTS = (220.0, 190.0)  # about the room that the clients take on the map
MARGIN = 0.16  # of the data's width, left free around the map


@dataclass(frozen=True, kw_only=True)
class Look:
    """How one method or domain is drawn, in every picture and legend of the page."""

    colour: str
    css: str
    marker: str
    dashed: bool
    heavy: bool
    level: bool
    """Drawn as one dotted level, without markers."""


def looks(names: Sequence[str], level: Collection[str] = ()) -> dict[str, Look]:
    """Give every name a colour and a marker; the hero comes first and heavy, its twin dashed."""
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
    """Return look number `index`; past eight, colours repeat with other markers."""
    return Look(
        colour=series_colour(index),
        css=f"var(--c{index % 8})",
        marker=MARKERS[(index + index // 8) % len(MARKERS)],
        dashed=dashed,
        heavy=heavy,
        level=False,
    )


def _line(axes: Axes, xs: Sequence[float], ys: Sequence[float], look: Look) -> None:
    """Draw the line of a look."""
    style = (0, (1, 1.5)) if look.level else (0, (4, 2)) if look.dashed else "solid"
    width = 2.2 if look.heavy else 1.3
    axes.plot(xs, ys, color=look.colour, linestyle=style, linewidth=width)


def _marks(axes: Axes, xs: Sequence[float], ys: Sequence[float], look: Look, size: float) -> None:
    """Draw the markers of a look, rimmed in the colour of the paper."""
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
    """Return the small picture that stands before a name in a legend."""
    with house_style():
        figure = Figure(figsize=(0.36, 0.16))
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        axes.set_axis_off()
        axes.set(xlim=(0, 2), ylim=(-1, 1))
        if line:
            _line(axes, [0, 2], [0, 0], look)
        _marks(axes, [1], [0], look, 6 if line else 8)
        return inline_svg(figure, name=f"key-{name}", description="")


def curves(
    points: Sequence[RoundPoint], known: dict[str, Look], *, measure: str, title: str
) -> str:
    """Return accuracy against rounds, mean over seeds, one line a method.

    Parameters
    ----------
    points
        Lines of metrics.jsonl.
    known
        Looks of the methods, in the order of the table.
    measure
        `own_mix` or `uniform`.
    title
        Printed above the panel.
    """
    with house_style():
        figure, axes = _panel(PANEL_INCHES, title)
        for name, look in _hero_last(known):
            _draw_method(axes, _mean_by_round(points, name, measure), look)
        axes.set(xlabel="round", ylabel="accuracy, %")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        axes.margins(x=0.03)
        return inline_svg(figure, name=measure, description=f"{title}, by round and method")


def both_measures(results: Sequence[MethodResult], known: dict[str, Look]) -> str:
    """Return one measure against the other at the end of the run, with standard errors."""
    with house_style():
        figure, axes = _panel(PANEL_INCHES, "Both at once, after the last round")
        for result in sorted(results, key=lambda result: known[result.name].heavy):
            x, y = result.own_mix, result.uniform
            if x.mean is None or y.mean is None:
                continue
            place = ([100 * x.mean], [100 * y.mean])
            spread = [100 * (side.standard_error or 0.0) for side in (x, y)]
            look = known[result.name]
            axes.errorbar(
                *place, xerr=spread[0], yerr=spread[1], color=look.colour, lw=1, fmt="none"
            )
            _marks(axes, *place, look, 10 if look.heavy else 7.5)
        axes.set(xlabel="own label mix, %", ylabel="uniform classes, %")
        axes.margins(0.12)
        return inline_svg(figure, name="both", description="own mix against uniform accuracy")


def cluster_map(clusters: ClusterMap, known: dict[str, Look]) -> str:
    """Return the map of clients: marker and colour by true domain, a blob round each cluster."""
    with house_style():
        figure, axes = _panel(MAP_INCHES, "")
        axes.grid(False)
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_visible(False)
        for label in sorted(set(clusters.labels)):
            _draw_blob(axes, clusters.members(label))
            _name_blob(axes, clusters, label)
        for domain, look in known.items():
            _draw_domain(axes, clusters, domain, look)
        axes.margins(MARGIN)
        return inline_svg(figure, name="map", description="clients by domain and found cluster")


def _hero_last(known: dict[str, Look]) -> list[tuple[str, Look]]:
    """Return the looks in drawing order: the hero lies on top."""
    return sorted(known.items(), key=lambda pair: pair[1].heavy)


def _panel(inches: tuple[float, float], title: str) -> tuple[Figure, Axes]:
    """Return an empty panel with its title at the upper left."""
    figure = Figure(figsize=inches, layout="constrained")
    axes = figure.add_subplot()
    if title:
        axes.set_title(title, loc="left", fontsize=10, fontweight="bold", pad=10)
    return figure, axes


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
        axes.axhline(series[0][1], color=look.colour, linewidth=1.3, linestyle=(0, (1, 1.5)))
    elif series:
        numbers, values = zip(*series, strict=True)
        _line(axes, numbers, values, look)
        _marks(axes, numbers, values, look, 5.5 if look.heavy else 4.5)


def _draw_blob(axes: Axes, places: list[tuple[float, float]]) -> None:
    """Draw a soft shape round the members of one cluster, rimmed where it meets another."""
    xs, ys = zip(*convex_hull(places), strict=True)
    for colour, width in ((PAPER, BLOB_POINTS + 4), (RULE, BLOB_POINTS)):
        axes.fill(xs, ys, facecolor=colour, edgecolor=colour, lw=width, joinstyle="round", zorder=0)


def _name_blob(axes: Axes, clusters: ClusterMap, label: int) -> None:
    """Write a cluster's number beside it, on the side where there is most room."""
    axes.annotate(
        f"cluster {label}",
        *_roomiest_place(clusters, label),
        textcoords="offset points",
        ha="center",
        va="center",
        fontsize=8,
        color=MUTED,
    )


def _roomiest_place(
    clusters: ClusterMap, label: int
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return a member of the cluster and an offset in points, farthest from all clients."""
    xs, ys = zip(*clusters.points, strict=True)
    scale_x = (max(xs) - min(xs) or 1.0) / MAP_POINTS[0]
    scale_y = (max(ys) - min(ys) or 1.0) / MAP_POINTS[1]
    best, best_room = (clusters.points[0], (0.0, 0.0)), -1.0
    for turn in range(NUM_DIRECTIONS):
        dx, dy = (f(2 * pi * turn / NUM_DIRECTIONS) for f in (cos, sin))
        anchor = max(
            clusters.members(label), key=lambda p: p[0] * dx / scale_x + p[1] * dy / scale_y
        )
        offset = (LABEL_POINTS[0] * dx, LABEL_POINTS[1] * dy)
        place = (anchor[0] + offset[0] * scale_x, anchor[1] + offset[1] * scale_y)
        room = min(
            hypot((x - place[0]) / scale_x, (y - place[1]) / scale_y)
            for x, y in zip(xs, ys, strict=True)
        )
        if room > best_room:
            best, best_room = (anchor, offset), room
    return best


def _draw_domain(axes: Axes, clusters: ClusterMap, domain: str, look: Look) -> None:
    """Draw the clients of one domain."""
    places = zip(clusters.points, clusters.domains, strict=True)
    mine = [point for point, owner in places if owner == domain]
    if mine:
        xs, ys = zip(*mine, strict=True)
        _marks(axes, xs, ys, look, 8)
