"""`python -m peers.growth`: how ours grows with N, D and K; exponents, peak memory.

One of N, D, K is varied at a time around a base. Seconds and bytes are of one iteration: the median
of long jobs less that of short ones. The exponent is the slope of a straight line through the upper
half of the points in log-log scale, where constant costs matter least. At the end one large job in
a session of its own, for the peak resident memory of every process.
"""

import argparse
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
from companions import HERE

from peers.engines.engine import Answer
from peers.hosts import Host
from peers.progress import say
from peers.report import GROWTH_FILE, measured_where, write_json
from peers.workload import LONGEST_JOB, Size, Workload

BASE: Final = Size(200, 128, 4)
SERIES: Final[dict[str, tuple[int, ...]]] = {
    "n": (20, 50, 100, 200, 500, 1000, 2000, 5000),
    "d": (16, 64, 256, 1024, 4096),
    "k": (2, 4, 8, 16, 32),
}
LARGE: Final = Size(5000, 512, 16)
LONG: Final = LONGEST_JOB
SHORT: Final = 2
REPETITIONS: Final = 5
REPETITIONS_AT_LEAST: Final = 3
SECONDS_OF_A_POINT: Final = 15.0
"""No repetition beyond the least when this is used up."""
SECONDS_OF_A_JOB: Final = 40.0
"""A series ends before a size whose long job will take longer, if time is squared in size."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """One size."""

    size: Size
    repetitions: int
    iteration_s: float
    iteration_bytes: float
    job_s: float
    """Of a long job."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Large:
    """One large job."""

    size: Size
    iterations: int
    job_s: float
    job_bytes: int
    peak_bytes: dict[str, int]


def measure(host: Host, size: Size, folder: Path) -> Point:
    """Measure one size."""
    points = save_points(size, folder)
    for iterations in (LONG, SHORT):
        host.prepare(size, points, iterations)
    jobs: dict[int, list[Answer]] = {LONG: [], SHORT: []}
    spent = 0.0
    while len(jobs[LONG]) < (REPETITIONS if spent < SECONDS_OF_A_POINT else REPETITIONS_AT_LEAST):
        for iterations, answers in jobs.items():
            answers.append(host.run(size, points, iterations))
            spent += answers[-1].seconds
    seconds = {its: median(a.seconds for a in answers) for its, answers in jobs.items()}
    sent = {its: median(a.loopback_bytes for a in answers) for its, answers in jobs.items()}
    return Point(
        size=size,
        repetitions=len(jobs[LONG]),
        iteration_s=(seconds[LONG] - seconds[SHORT]) / (LONG - SHORT),
        iteration_bytes=(sent[LONG] - sent[SHORT]) / (LONG - SHORT),
        job_s=seconds[LONG],
    )


def measure_large(host: Host, size: Size, folder: Path) -> Large:
    """Do one job, and ask for the memory of all roles."""
    answer = host.run(size, save_points(size, folder), SHORT)
    return Large(
        size=size,
        iterations=SHORT,
        job_s=answer.seconds,
        job_bytes=answer.loopback_bytes,
        peak_bytes=host.memory(),
    )


def save_points(size: Size, folder: Path) -> Path:
    """Write points of a size on which the iteration goes on for long enough."""
    path = folder / f"{size}.npy"
    np.save(path, Workload.of(size).points_ND)
    return path


def exponent(values: list[int], costs: list[float]) -> float | None:
    """Return the slope in log-log scale of the upper half of the points; None without two."""
    half = len(values) // 2
    known = [(v, c) for v, c in zip(values[half:], costs[half:], strict=True) if c > 0]
    if len(known) < 2:
        return None
    slope, _ = np.polyfit(*np.log(np.array(known).T), 1)
    return float(slope)


def series_of(host: Host, letter: str, folder: Path) -> dict[str, object]:
    """Measure a series, and fit."""
    points: list[Point] = []
    for value in SERIES[letter]:
        size = replace(BASE, **{letter: value})
        if points and points[-1].job_s * _growth(points[-1].size, size) > SECONDS_OF_A_JOB:
            say(f"{size} and more are left out: they take too long")
            break
        points.append(measure(host, size, folder))
        say(f"{size}: {1e3 * points[-1].iteration_s:.1f} ms an iteration")
    values = [getattr(point.size, letter) for point in points]
    return {
        "points": [asdict(point) for point in points],
        "exponent_s": exponent(values, [point.iteration_s for point in points]),
        "exponent_bytes": exponent(values, [point.iteration_bytes for point in points]),
    }


def _growth(before: Size, after: Size) -> float:
    return (after.n / before.n) ** 2 * (after.d / before.d) * (after.k / before.k)


def lines(series: dict[str, dict[str, object]], large: Large | None) -> list[str]:
    """Return what is printed."""
    said = []
    for letter, found in series.items():
        for what, key in (("time", "exponent_s"), ("bytes", "exponent_bytes")):
            slope = found[key]
            said.append(f"{letter.upper()}: {what} of an iteration, exponent {slope or 0:.2f}")
    if large is not None:
        said.append(f"{large.size}: {large.iterations} iterations in {large.job_s:.1f} s; peak MB")
        said += [f"  {role:20} {peak / 1e6:8.0f}" for role, peak in large.peak_bytes.items()]
    return said


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m peers.growth", description=__doc__)
    parser.add_argument("--engine", choices=("ours-2", "ours-3"), default="ours-2")
    parser.add_argument("--series", nargs="*", choices=tuple(SERIES), default=list(SERIES))
    parser.add_argument("--large", type=Size.parse, default=LARGE, metavar="NxDxK")
    parser.add_argument("--no-large", action="store_true")
    parser.add_argument("--checkout", type=Path, default=HERE.parent, help="whose mpc is measured")
    parser.add_argument("--out", type=Path, default=GROWTH_FILE)
    options = parser.parse_args()
    where, checkout = measured_where("peers.growth", options.checkout), options.checkout.resolve()
    series: dict[str, dict[str, object]] = {}
    large = None
    with TemporaryDirectory() as name:
        folder = Path(name)
        with Host(options.engine, checkout=checkout, errors=folder / "errors") as host:
            for letter in options.series:
                series[letter] = series_of(host, letter, folder)
        if not options.no_large:
            with Host(options.engine, checkout=checkout, errors=folder / "errors") as host:
                large = measure_large(host, options.large, folder)
    found = {
        "provenance": where,
        "engine": options.engine,
        "base": asdict(BASE),
        "series": series,
        "large": None if large is None else asdict(large),
    }
    write_json(options.out, found)
    sys.stdout.write("\n".join(lines(series, large)) + "\n")


if __name__ == "__main__":
    main()
