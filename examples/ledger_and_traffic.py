"""Draw what a run opened, and what it sent, from the two files that every run folder has.

    python examples/ledger_and_traffic.py RUN_FOLDER [PICTURE.svg]

`ledger.jsonl` has a line for every value that was opened: who learned it, what it was, and why.
`traffic.json` has the bytes of every role in every phase, round by round. The ending of its name
decides whether the picture is SVG, PNG or PDF.
"""

import json
import sys
from collections import Counter, defaultdict
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure


def openings(folder: Path) -> Counter[str]:
    """Count the lines of the ledger by who learned what."""
    lines = (folder / "ledger.jsonl").read_text().splitlines()
    return Counter("{to}:\n{what}".format(**json.loads(line)) for line in lines)


def megabytes(folder: Path) -> dict[str, dict[str, float]]:
    """Add up megabytes sent and received, by phase and role; all clients are one role."""
    sums: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for rounds in json.loads((folder / "traffic.json").read_text()).values():
        for entry in (entry for job in rounds for entry in job["roles"]):
            role = "all clients" if entry["role"].startswith("client:") else entry["role"]
            sums[entry["phase"]][role] += (entry["bytes_sent"] + entry["bytes_received"]) / 1e6
    return sums


def draw_openings(axes: Axes, counted: Counter[str]) -> None:
    """Draw one bar for each kind of opening."""
    bars = axes.barh(list(counted), list(counted.values()), color="tab:blue")
    axes.bar_label(bars, padding=3)
    axes.margins(x=0.15)
    axes.set(title="Ledger: who learned what", xlabel="openings over the run")


def draw_traffic(axes: Axes, sums: dict[str, dict[str, float]]) -> None:
    """Draw one bar for each role, stacked by phase."""
    roles = sorted({role for by_role in sums.values() for role in by_role}, reverse=True)
    ends = dict.fromkeys(roles, 0.0)
    for phase, by_role in sums.items():
        axes.barh(roles, [by_role[role] for role in roles], left=list(ends.values()), label=phase)
        ends = {role: end + by_role[role] for role, end in ends.items()}
    axes.set(title="Traffic by role and phase", xlabel="megabytes sent and received")
    axes.legend()


def main() -> None:
    """Draw both files of a run folder into one picture."""
    if len(sys.argv) < 2:
        raise SystemExit("usage: ledger_and_traffic.py RUN_FOLDER [PICTURE.svg]")
    folder = Path(sys.argv[1])
    picture = Path(sys.argv[2]) if len(sys.argv) > 2 else folder / "ledger_and_traffic.svg"
    counted, sums = openings(folder), megabytes(folder)
    if not sums:
        raise SystemExit(f"{folder} has no traffic of parties: was method secfpp in the run?")
    figure = Figure(figsize=(13, 4), layout="constrained")
    learned, moved = figure.subplots(1, 2)
    draw_openings(learned, counted)
    draw_traffic(moved, sums)
    figure.savefig(picture)
    print(f"{counted.total()} openings of {len(counted)} kinds; drawn in {picture}")


if __name__ == "__main__":
    main()
