"""The result as a table in the terminal: figures of one iteration, and ratios theirs / ours."""

from collections.abc import Iterator

from peers.network_model import LAN, WAN
from peers.record import Record
from peers.report import Report

REFERENCE = "ours-2"
"""What others are compared with."""
HEADER = (
    f"{'engine':20} {'iteration':>10} {'ratio':>7} {'online':>10} {'rounds':>7} {'MB':>9} "
    f"{'ratio':>7} {'LAN':>9} {'WAN':>9} {'ratio':>7} {'10 iterations':>14} {'error':>8}"
)


def print_lines(report: Report) -> Iterator[str]:
    """Yield the table's lines, a block a size."""
    for workload in report.workloads:
        size = str(workload["size"])
        rows = [record for record in report.records if record.size == size]
        ours = next((row for row in rows if row.engine == REFERENCE and not row.failed), None)
        yield f"\n(N, D, K) = ({', '.join(size.split('x'))})"
        yield HEADER
        for row in rows:
            yield line(row, ours)


def line(row: Record, ours: Record | None) -> str:
    """Return an engine's line."""
    if row.failed:
        return f"{row.engine:20} {row.failed}"
    megabytes = None if row.iteration_bytes is None else row.iteration_bytes / 1e6
    return (
        f"{row.engine:20} {milliseconds(row.iteration_s):>10} "
        f"{times(ratio(row.iteration_s, ours and ours.iteration_s)):>7} "
        f"{milliseconds(row.iteration_online_s):>10} {number(row.iteration_rounds, 0):>7} "
        f"{number(megabytes, 3):>9} "
        f"{times(ratio(row.iteration_bytes, ours and ours.iteration_bytes)):>7} "
        f"{milliseconds(LAN.seconds(row)):>9} {milliseconds(WAN.seconds(row)):>9} "
        f"{times(ratio(WAN.seconds(row), ours and WAN.seconds(ours))):>7} "
        f"{milliseconds(row.job_s):>14} {number(row.centre_error, 5):>8}"
    )


def ratio(theirs: float | None, ours: float | None) -> float | None:
    """Return theirs / ours, if both are known."""
    return theirs / ours if theirs is not None and ours else None


def milliseconds(seconds: float | None) -> str:
    """Return three figures or so, with the unit."""
    if seconds is None:
        return "-"
    value = 1e3 * seconds
    return f"{value:.1f} ms" if value < 100 else f"{value:.0f} ms"


def number(value: float | None, digits: int) -> str:
    """Return a number, or a dash."""
    return "-" if value is None else f"{round(value, digits) + 0.0:.{digits}f}"


def times(value: float | None) -> str:
    """Return a ratio."""
    if value is None:
        return "-"
    return f"{value:.2f}x" if value < 10 else f"{value:.0f}x"
