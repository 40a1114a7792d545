"""Attack success against accuracy: a point for each method and attacker.

Only what a method itself shows is drawn. A filled mark is the server, or all computing parties but
one; a hollow mark is a client of the same cluster.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from secfpp.report.attacks.records import Attacks, Measured
from secfpp.report.kit.figures import Look, looks, marks, panel, swatch
from secfpp.report.kit.standalone import standalone_svg
from secfpp.report.kit.svg import MUTED, PAPER, house_style, inline_svg
from secfpp.report.run.clusters import LegendKey
from secfpp.report.run.records import TWIN

FELLOW = "client of the same cluster"
PANELS = (
    ("stealing", "step cosine", "A client's own step, as stolen", "cosine with the true step"),
    ("membership", "AUC", "Members among a client's images", "AUC of the best attack"),
)
PANEL_INCHES = (4.2, 3.4)
X_AXIS = "accuracy on the client's own mix, %"
COLUMNS_OF_A_PANEL = 1.5
EPSILON = "\N{GREEK SMALL LETTER EPSILON}"


@dataclass(frozen=True, kw_only=True)
class Place:
    """A method on the axis of accuracy."""

    method: str
    title: str
    epsilon: float | None
    accuracy: float
    """Fraction, on the client's own label mix."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """One method and one attacker."""

    place: Place
    by_fellow: bool
    row: Measured


def attack_panels(found: Attacks, places: Sequence[Place]) -> tuple[Markup, ...]:
    """Return a panel for each attack that was tried."""
    known = attack_looks(found, places)
    pictures = []
    for attack, measure, title, label in PANELS:
        points = points_of(found, places, attack, measure)
        if points:
            with house_style():
                figure = Figure(figsize=PANEL_INCHES, layout="constrained")
                _draw(panel(figure.add_subplot(), title), points, known, label)
                svg = inline_svg(
                    figure, name=f"attack-{attack}", description=f"{title}, against accuracy"
                )
            pictures.append(Markup(svg))  # noqa: S704  drawn here
    return tuple(pictures)


def attacks_svg(found: Attacks, places: Sequence[Place]) -> str | None:
    """Return all panels and their legend as a separate file; None without a point."""
    known = attack_looks(found, places)
    drawn = [
        (points, title, label)
        for attack, measure, title, label in PANELS
        if (points := points_of(found, places, attack, measure))
    ]
    if not drawn:
        return None
    wide, tall = PANEL_INCHES
    with house_style():
        figure = Figure(
            figsize=(wide * len(drawn), tall + 0.8), facecolor=PAPER, layout="constrained"
        )
        for index, (points, title, label) in enumerate(drawn):
            axes = panel(figure.add_subplot(1, len(drawn), index + 1), title)
            _draw(axes, points, known, label)
        handles = [_handle(look, title) for title, look in known.items()]
        figure.legend(
            handles=[*handles, *_attackers()],
            loc="outside lower left",
            ncols=max(1, int(COLUMNS_OF_A_PANEL * len(drawn))),
            frameon=False,
        )
        return standalone_svg(figure)


def attack_legend(found: Attacks, places: Sequence[Place]) -> tuple[LegendKey, ...]:
    """Return the legend: a key for each method."""
    return tuple(
        LegendKey(
            key=Markup(swatch(look, name=f"attack-{index}", line=False)),  # noqa: S704  drawn here
            title=title,
        )
        for index, (title, look) in enumerate(attack_looks(found, places).items())
    )


def points_of(
    found: Attacks, places: Sequence[Place], attack: str, measure: str
) -> tuple[Point, ...]:
    """Return the most successful technique of each attacker on each method."""
    best: dict[tuple[int, bool], Point] = {}
    for row in found.rows:
        if (row.attack, row.measure) != (attack, measure) or not row.shown or row.variant:
            continue
        for index, place in enumerate(places):
            if place.method == row.method and place.epsilon in (None, row.budget):
                point = Point(place=place, by_fellow=row.attacker == FELLOW, row=row)
                key = (index, point.by_fellow)
                if key not in best or best[key].row.value < row.value:
                    best[key] = point
    return tuple(best.values())


def attack_looks(found: Attacks, places: Sequence[Place]) -> dict[str, Look]:
    """Return colour and marker of every method that was attacked, by its title.

    The twin has a colour of its own: at the same accuracy, its server sees what SecFPP hides.
    """
    attacked = {row.method for row in found.rows}
    titles = {place.method: place.title for place in places if place.method in attacked}
    names = {title if name == TWIN else name: title for name, title in titles.items()}
    return {names[name]: look for name, look in looks(list(names)).items()}


def _draw(axes: Axes, points: Sequence[Point], known: dict[str, Look], label: str) -> None:
    """Draw one panel, with the level of chance as a line."""
    chance = sum(point.row.chance for point in points) / len(points)
    axes.axhline(chance, color=MUTED, lw=1, linestyle=(0, (3, 2)), zorder=1)
    budgets = Counter(point.place.title for point in points if not point.by_fellow)
    for point in points:
        look = replace(known[point.place.title], dashed=point.by_fellow)
        x, row = 100 * point.place.accuracy, point.row
        spread = [[row.value - row.low], [row.high - row.value]]
        axes.errorbar([x], [row.value], yerr=spread, color=look.colour, lw=1, fmt="none")
        marks(axes, [x], [row.value], look, 7)
        if budgets[point.place.title] > 1 and point.place.epsilon is not None:
            _name_budget(axes, x, row.value, point.place.epsilon)
    axes.set(xlabel=X_AXIS, ylabel=label)
    axes.margins(0.12)


def _name_budget(axes: Axes, x: float, y: float, epsilon: float) -> None:
    """Write the budget beside a point of a method that has several."""
    axes.annotate(
        f"{EPSILON}={epsilon:g}",
        (x, y),
        xytext=(5, 4),
        textcoords="offset points",
        fontsize=7,
        color=MUTED,
        parse_math=False,
    )


def _handle(look: Look, title: str) -> Line2D:
    """Return the legend's picture of one method."""
    return Line2D(
        [],
        [],
        color=look.colour,
        linestyle="none",
        marker=look.marker,
        markersize=6,
        markerfacecolor=look.colour,
        label=title,
    )


def _attackers() -> list[Line2D]:
    """Return the legend of attackers and of chance."""
    dots = [
        ("server, or all parties but one", MUTED),
        (FELLOW, PAPER),
    ]
    found = [
        Line2D(
            [],
            [],
            color=MUTED,
            linestyle="none",
            marker="o",
            markersize=6,
            markerfacecolor=inside,
            label=label,
        )
        for label, inside in dots
    ]
    return [*found, Line2D([], [], color=MUTED, lw=1, linestyle=(0, (3, 2)), label="chance")]
