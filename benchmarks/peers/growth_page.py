"""The part of the page on how ours grows."""

from collections.abc import Iterator
from typing import Final

from peers.table import milliseconds, number

TITLES: Final = {"n": "points", "d": "dimensions", "k": "clusters"}


def growth_lines(found: dict[str, object]) -> Iterator[str]:
    """Yield the part."""
    base, where = found["base"], found["provenance"]
    yield "## How ours grows"
    yield ""
    yield "![Time and bytes of an iteration against N, D and K](figures/benchmarks-growth.svg)"
    yield ""
    fixed = ", ".join(f"{letter.upper()} = {value}" for letter, value in base.items())
    yield (
        f"Engine `{found['engine']}`. One of N, D, K is varied, the others are as in {fixed}. "
        "Exponents are slopes through the upper half of the points in log-log scale; "
        "seconds are medians of 3 to 5 jobs."
    )
    yield ""
    yield "| varied | from | to | time, exponent | bytes, exponent |"
    yield "|---|--:|--:|--:|--:|"
    for letter, series in found["series"].items():
        values = [point["size"][letter] for point in series["points"]]
        yield (
            f"| {TITLES[letter]} | {values[0]} | {values[-1]} "
            f"| {number(series['exponent_s'], 2)} | {number(series['exponent_bytes'], 2)} |"
        )
    yield ""
    yield "| (N, D, K) | iteration | MB | 10 iterations |"
    yield "|---|--:|--:|--:|"
    for series in found["series"].values():
        for point in series["points"]:
            size = ", ".join(str(value) for value in point["size"].values())
            yield (
                f"| ({size}) | {milliseconds(point['iteration_s'])} "
                f"| {number(point['iteration_bytes'] / 1e6, 3)} | {milliseconds(point['job_s'])} |"
            )
    yield ""
    if found["large"]:
        yield from large_lines(found["large"])
    yield (
        f"{where['cpu']}, {where['cores']} cores; {where['date']}, commit {where['commit']}. "
        f"Command, in `benchmarks/`: `{where['command']}`"
    )


def large_lines(large: dict[str, object]) -> Iterator[str]:
    """Yield the peak memory of a large job."""
    size = ", ".join(str(value) for value in large["size"].values())
    peaks = "; ".join(
        f"{role} {peak / 1e6:.0f} MB" for role, peak in sorted(large["peak_bytes"].items())
    )
    yield (
        f"A large job, ({size}), {large['iterations']} iterations: {large['job_s']:.1f} s, "
        f"{large['job_bytes'] / 1e6:.0f} MB on the wire. Peak resident memory: {peaks}."
    )
    yield ""
