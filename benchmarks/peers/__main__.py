"""`python -m peers`: all engines by turns, a table, a JSON file; see the package."""

import argparse
import os
import sys
import time
from pathlib import Path

from companions import HERE

from peers import separate_environment
from peers.catalogue import CATALOGUE
from peers.progress import say
from peers.report import PEERS_FILE, Report, measured_where
from peers.table import print_lines
from peers.turns import Turns, started
from peers.workload import Size, Workload

SIZES = ("20x1280x5", "100x128x4", "100x512x8", "1000x128x8")
REPETITIONS = 5
MINUTES = 9.0
BUSY = 0.25
"""A load above this, for each core, disturbs."""


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m peers", description=__doc__)
    parser.add_argument("--engines", nargs="+", choices=CATALOGUE, default=list(CATALOGUE))
    parser.add_argument("--sizes", nargs="+", type=Size.parse, metavar="NxDxK")
    parser.add_argument("--repetitions", type=int, default=REPETITIONS)
    parser.add_argument("--minutes", type=float, default=MINUTES, help="fewer turns when over")
    parser.add_argument("--checkout", type=Path, default=HERE.parent, help="whose mpc is measured")
    parser.add_argument("--out", type=Path, default=PEERS_FILE)
    return parser.parse_args()


def main() -> None:
    options = arguments()
    deadline = time.monotonic() + 60 * options.minutes
    where = measured_where("peers", options.checkout)
    if os.getloadavg()[0] > BUSY * (os.cpu_count() or 1):
        say(f"the machine is busy (load {os.getloadavg()[0]:.1f}): do not trust small differences")
    workloads = [Workload.of(size) for size in options.sizes or map(Size.parse, SIZES)]
    needed = {CATALOGUE[name].needs for name in options.engines} - {""}
    separate_environment.make(sorted(needed))
    records = []
    with started(options.engines, options.checkout.resolve()) as (hosts, folder):
        turns = Turns([host for host in hosts if not host.unavailable], folder)
        for done, workload in enumerate(workloads):
            budget_s = (deadline - time.monotonic()) / (len(workloads) - done)
            records += turns.measure(workload, options.repetitions, budget_s)
        report = Report.of(hosts, workloads, records, where)
    report.write(options.out)
    sys.stdout.write("\n".join(print_lines(report)) + "\n")
    say(f"written to {options.out}")


if __name__ == "__main__":
    main()
