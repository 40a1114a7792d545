"""The figures of the page, as SVG files."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from peers.network_model import LAN, WAN
from peers.record import Record
from peers.report import Report

INK, MUTED, RULE = "#222222", "#666666", "#dddddd"
STYLE: Final = {
    "svg.fonttype": "none",
    "svg.hashsalt": "secfpp",
    "font.family": "sans-serif",
    "font.size": 9.0,
    "axes.edgecolor": RULE,
    "axes.labelcolor": MUTED,
    "axes.titlesize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.5,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
}

MANY_TICKS: Final = 40.0
"""An axis whose ends differ by a larger factor has ticks at powers of ten only."""


@dataclass(frozen=True, slots=True)
class Look:
    """How an engine is drawn: a colour for the project, a marker for the variant."""

    colour: str
    marker: str


LOOKS: Final = {
    "ours-2": Look("#c1121f", "o"),
    "ours-2-fss": Look("#c1121f", "D"),
    "ours-2-boolean": Look("#c1121f", "s"),
    "ours-3": Look("#c1121f", "^"),
    "crypten-tfp-2": Look("#2a6f97", "o"),
    "crypten-ttp-2": Look("#2a6f97", "s"),
    "crypten-tfp-3": Look("#2a6f97", "^"),
    "spu-semi2k": Look("#588157", "o"),
    "spu-aby3": Look("#588157", "^"),
    "mpyc": Look("#8d6a9f", "^"),
    "mpspdz-replicated": Look("#e09f3e", "^"),
    "mpspdz-dealer": Look("#e09f3e", "s"),
}


@contextmanager
def drawn(path: Path, size_inches: tuple[float, float]) -> Iterator[Figure]:
    """Make a figure, whatever the user's matplotlibrc says, and write it."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        figure = Figure(figsize=size_inches, layout="constrained")
        yield figure
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})


def rows_of(report: Report, size: str) -> list[Record]:
    """Return what was measured at a size."""
    return [row for row in report.records if row.size == size and not row.failed]


def draw_peers(report: Report, path: Path) -> None:
    """Draw time against bytes of an iteration, a panel a size."""
    sizes = [str(workload["size"]) for workload in report.workloads]
    with drawn(path, (8.4, 0.7 + 2.6 * ((len(sizes) + 1) // 2))) as figure:
        panels = figure.subplots((len(sizes) + 1) // 2, min(2, len(sizes)), squeeze=False).flat
        for axes, size in zip(panels, sizes, strict=False):
            axes.set_title(f"(N, D, K) = ({', '.join(size.split('x'))})", loc="left")
            for row in rows_of(report, size):
                look = LOOKS[row.engine]
                axes.plot(
                    [row.iteration_bytes / 1e6],
                    [1e3 * row.iteration_s],
                    look.marker,
                    color=look.colour,
                    markersize=9 if row.engine.startswith("ours") else 7,
                )
            axes.margins(0.12)
            log_scales(axes)
            axes.set_xlabel("MB an iteration, on the wire, all parties")
            axes.set_ylabel("ms an iteration")
        figure.legend(handles=handles(report), loc="outside lower center", ncols=4, frameon=False)


def draw_networks(report: Report, path: Path) -> None:
    """Draw measured and modelled times of all engines, a panel a size."""
    sizes = [str(workload["size"]) for workload in report.workloads]
    names = [name for name in report.engines if any(r.engine == name for r in report.records)]
    with drawn(path, (2.6 + 2.0 * len(sizes), 0.9 + 0.26 * len(names))) as figure:
        panels = figure.subplots(1, len(sizes), sharex=True, sharey=True, squeeze=False)[0]
        for axes, size in zip(panels, sizes, strict=True):
            axes.set_title(f"({', '.join(size.split('x'))})", loc="left")
            for row in rows_of(report, size):
                seconds = (row.iteration_s, LAN.seconds(row), WAN.seconds(row))
                at, colour = names.index(row.engine), LOOKS[row.engine].colour
                known = [(1e3 * s, m) for s, m in zip(seconds, ("o", "|", "D"), strict=True) if s]
                axes.plot([x for x, _ in known], [at] * len(known), color=colour, linewidth=1)
                for x, marker in known:
                    axes.plot([x], [at], marker, color=colour, markersize=6)
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter(FuncFormatter(plain))
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.set_xlabel("ms an iteration")
            axes.set_ylim(len(names) - 0.5, -0.5)
        panels[0].set_yticks(range(len(names)), [str(report.engines[n]["title"]) for n in names])
        kinds = (("o", "loopback, measured"), ("|", "LAN, modelled"), ("D", "WAN, modelled"))
        figure.legend(
            handles=[
                Line2D([], [], marker=marker, linestyle="none", color=MUTED, label=label)
                for marker, label in kinds
            ],
            loc="outside lower center",
            ncols=3,
            frameon=False,
        )


def draw_growth(found: dict[str, object], path: Path) -> None:
    """Draw time and bytes of an iteration against N, D and K."""
    series, base = found["series"], found["base"]
    with drawn(path, (8.4, 4.6)) as figure:
        grid = figure.subplots(2, len(series), sharey="row", squeeze=False)
        for column, (letter, values) in enumerate(series.items()):
            xs = [point["size"][letter] for point in values["points"]]
            fixed = ", ".join(f"{k.upper()} = {v}" for k, v in base.items() if k != letter)
            for axes, key, scale in zip(
                grid[:, column], ("iteration_s", "iteration_bytes"), (1e3, 1e-6), strict=True
            ):
                ys = [scale * point[key] for point in values["points"]]
                axes.plot(xs, ys, "o-", color=LOOKS["ours-2"].colour, markersize=5, linewidth=1)
                slope = values["exponent_s" if key == "iteration_s" else "exponent_bytes"]
                if slope is not None:
                    text = f"{letter.upper()}$^{{{round(slope, 1) + 0.0:.1f}}}$"
                    axes.annotate(text, (0.05, 0.85), xycoords="axes fraction", color=INK)
                log_scales(axes)
            grid[0, column].set_title(fixed, loc="left")
            grid[1, column].set_xlabel(letter.upper())
        grid[0, 0].set_ylabel("ms an iteration")
        grid[1, 0].set_ylabel("MB an iteration")


def log_scales(axes: Axes) -> None:
    """Make both scales logarithmic, with plain numbers."""
    for name in ("x", "y"):
        getattr(axes, f"set_{name}scale")("log")
        axis = getattr(axes, f"{name}axis")
        low, high = axis.get_view_interval()
        ticks = (1.0,) if high > MANY_TICKS * low else (1.0, 2.0, 5.0)
        axis.set_major_locator(LogLocator(subs=ticks, numticks=9))
        axis.set_major_formatter(FuncFormatter(plain))
        axis.set_minor_formatter(NullFormatter())


def plain(value: float, _: int) -> str:
    """Write a number without exponent."""
    return f"{value:g}" if value < 1e4 else f"{value / 1e3:g}k"


def handles(report: Report) -> Sequence[Line2D]:
    """Return the legend's pictures of engines that were measured."""
    measured = {row.engine for row in report.records if not row.failed}
    return [
        Line2D(
            [],
            [],
            linestyle="none",
            marker=LOOKS[name].marker,
            color=LOOKS[name].colour,
            label=str(entry["title"]),
        )
        for name, entry in report.engines.items()
        if name in measured
    ]
