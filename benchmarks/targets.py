"""What is to be reached: ratios of medians, both sides measured by turns in one run."""

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Literal

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

KEY = "targets"
Bound = Literal["at most", "at least", "no target"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A ratio, what it should be, and the figures it is of."""

    what: str
    ratio: float
    bound: Bound
    target: float
    figures: str

    @property
    def line(self) -> str:
        """What is printed of it."""
        if self.bound == "no target":
            return f"{self.what:64} {self.ratio:8.2f}  {'':21}   {self.figures}"
        met = self.ratio <= self.target if self.bound == "at most" else self.ratio >= self.target
        goal = f"({self.bound} {self.target:.2f})"
        return (
            f"{self.what:64} {self.ratio:8.2f}  {goal:16} {'met ' if met else 'MISSED'}"
            f" {self.figures}"
        )


class Samples:
    """Calls something that returns seconds, and keeps them."""

    def __init__(self, measure: Callable[[], float]) -> None:
        self._measure = measure
        self._seconds: list[float] = []

    def __call__(self) -> None:
        self._seconds.append(self._measure())

    @property
    def median(self) -> float:
        """Median of all but the first, which warms up."""
        return median(self._seconds[1:])


def by_turns(benchmark: BenchmarkFixture, ours: Samples, *others: Samples, rounds: int) -> None:
    """Measure each in turn, `rounds` times and once before to warm up.

    The table of pytest-benchmark shows the time around ours; ratios are of what samples keep.
    """

    def before() -> None:
        for other in others:
            other()

    benchmark.pedantic(ours, setup=before, rounds=rounds, warmup_rounds=1)


def note(benchmark: BenchmarkFixture, target: Target) -> None:
    """Keep a target beside the benchmark, for the JSON file and the summary."""
    benchmark.extra_info.setdefault(KEY, []).append(asdict(target))


def print_targets(reporter: pytest.TerminalReporter) -> None:
    """Print `measured ratio (target)` of all that was noted."""
    benches = [b for b in reporter.config._benchmarksession.benchmarks if KEY in b.extra_info]
    if not benches:
        return
    where = benches[0].extra_info
    reporter.section("targets: ratios of medians, measured by turns in this run")
    reporter.write_line(
        f"{where['cpu']}, {where['cores']} cores; load {where['load_before']:.1f} before, "
        f"{os.getloadavg()[0]:.1f} after"
    )
    for bench in benches:
        for entry in bench.extra_info[KEY]:
            reporter.write_line(Target(**entry).line)
