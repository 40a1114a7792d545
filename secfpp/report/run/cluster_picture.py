"""The map of the clients: marker and colour by true domain, a shape around each cluster."""

from __future__ import annotations

from math import cos, hypot, pi, sin

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from secfpp.report.kit.figures import Look, marks
from secfpp.report.kit.hull import convex_hull
from secfpp.report.kit.svg import MUTED, PAPER, RULE, house_style, inline_svg
from secfpp.report.run.records import ClusterMap

MAP_INCHES = (4.8, 4.0)
BLOB_POINTS = 34  # thickness of the shape around a cluster
LABEL_POINTS = (40.0, 25.0)  # from the outermost client to the middle of its cluster's name
NUM_DIRECTIONS = 16  # tried for the name of a cluster
MAP_POINTS = (220.0, 190.0)  # approximate size of the map
MARGIN = 0.16  # of the data's width, left free around the map


def cluster_map(clusters: ClusterMap, known: dict[str, Look]) -> str:
    """Return the map of clients: marker and colour by true domain, a shape around each cluster."""
    with house_style():
        figure = Figure(figsize=MAP_INCHES, layout="constrained")
        axes = figure.add_subplot()
        axes.grid(False)
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_visible(False)
        for label in sorted(set(clusters.labels)):
            _draw_blob(axes, clusters.points_of(label))
            _name_blob(axes, clusters, label)
        for domain, look in known.items():
            _draw_domain(axes, clusters, domain, look)
        axes.margins(MARGIN)
        return inline_svg(figure, name="map", description="clients by domain and found cluster")


def _draw_blob(axes: Axes, places: list[tuple[float, float]]) -> None:
    """Draw a rounded shape around the clients of one cluster."""
    xs, ys = zip(*convex_hull(places), strict=True)
    for colour, width in ((PAPER, BLOB_POINTS + 4), (RULE, BLOB_POINTS)):
        axes.fill(xs, ys, facecolor=colour, edgecolor=colour, lw=width, joinstyle="round", zorder=0)


def _name_blob(axes: Axes, clusters: ClusterMap, label: int) -> None:
    """Write a cluster's number beside it, on the side with the most room."""
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
    """Return a client of the cluster and an offset in points, farthest from all clients."""
    xs, ys = zip(*clusters.points, strict=True)
    scale_x = (max(xs) - min(xs) or 1.0) / MAP_POINTS[0]
    scale_y = (max(ys) - min(ys) or 1.0) / MAP_POINTS[1]
    best, best_room = (clusters.points[0], (0.0, 0.0)), -1.0
    for turn in range(NUM_DIRECTIONS):
        dx, dy = (f(2 * pi * turn / NUM_DIRECTIONS) for f in (cos, sin))
        anchor = max(
            clusters.points_of(label), key=lambda p: p[0] * dx / scale_x + p[1] * dy / scale_y
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
        marks(axes, xs, ys, look, 8)
