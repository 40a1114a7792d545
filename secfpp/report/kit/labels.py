"""Names beside the ends of lines, moved apart if they would overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from secfpp.report.kit.svg import MUTED, RULE

LABEL_SIZE = 8.5
LINE_POINTS = 10.8
"""Distance from one name to the next."""
LEADER = (1.012, 1.045)
"""Start and end of the thin line to a name, as fractions of the panel's width."""


@dataclass(frozen=True, kw_only=True)
class Name:
    """The name of a line, and the height of its end in units of the data."""

    text: str
    height: float
    colour: str = MUTED
    bold: bool = False


def spread_out(heights: Sequence[float], gap: float, low: float, high: float) -> tuple[float, ...]:
    """Return heights at least `gap` apart, as near as possible to the given ones.

    Parameters
    ----------
    heights
        Any order.
    gap
        Least distance; reduced if not all fit between `low` and `high`.
    low, high
        Bounds.

    Returns
    -------
    tuple of float
        In the order of `heights`; equal heights keep their order.
    """
    if not heights:
        return ()
    order = sorted(range(len(heights)), key=lambda index: (heights[index], index))
    gap = min(gap, (high - low) / max(1, len(heights) - 1))
    # Least squares under order: heights minus rank times gap must not decrease. Values that do
    # are pooled into their mean (pool adjacent violators).
    pools: list[tuple[float, int]] = []
    for rank, index in enumerate(order):
        total, size = heights[index] - rank * gap, 1
        while pools and pools[-1][0] / pools[-1][1] > total / size:
            before, others = pools.pop()
            total, size = total + before, size + others
        pools.append((total, size))
    levels = [total / size for total, size in pools for _ in range(size)]
    ceiling = high - gap * (len(heights) - 1)
    places = [0.0] * len(heights)
    for rank, (index, level) in enumerate(zip(order, levels, strict=True)):
        places[index] = min(max(level, low), ceiling) + rank * gap
    return tuple(places)


def name_ends(axes: Axes, names: Sequence[Name]) -> None:
    """Write names to the right of a panel whose size and limits are final.

    Parameters
    ----------
    axes
        Placed by `add_axes`; its height on paper gives the distance of names.
    names
        In any order.
    """
    low, high = axes.get_ylim()
    tall = axes.get_window_extent().height / axes.figure.dpi * 72
    gap = LINE_POINTS / tall * (high - low)
    places = spread_out([name.height for name in names], gap, low + gap / 2, high - gap / 2)
    sideways = axes.get_yaxis_transform()
    for name, place in zip(names, places, strict=True):
        axes.plot(
            LEADER, (name.height, place), transform=sideways, color=RULE, lw=0.8, clip_on=False
        )
        axes.text(
            LEADER[1] + 0.012,
            place,
            name.text,
            transform=sideways,
            color=name.colour,
            fontsize=LABEL_SIZE,
            fontweight="bold" if name.bold else "normal",
            va="center",
            parse_math=False,
        )
