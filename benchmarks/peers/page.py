"""`python -m peers.page`: docs/benchmarks.md and its figures, from the JSON files of the runs."""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from companions import HERE

from peers.growth_page import growth_lines
from peers.network_model import LAN, WAN
from peers.plots import draw_growth, draw_networks, draw_peers
from peers.progress import say
from peers.record import Record
from peers.report import GROWTH_FILE, PEERS_FILE, Report
from peers.table import REFERENCE, milliseconds, number, ratio, times

DOCS: Final = HERE.parent / "docs"
TEMPLATE: Final = Path(__file__).with_name("page_template.md")


def write_page(report: Report, growth: dict[str, object] | None, docs: Path) -> None:
    """Write the page and draw its figures."""
    figures = docs / "figures"
    draw_peers(report, figures / "benchmarks-peers.svg")
    draw_networks(report, figures / "benchmarks-networks.svg")
    if growth is not None:
        draw_growth(growth, figures / "benchmarks-growth.svg")
    (docs / "benchmarks.md").write_text(page_text(report, growth))


def page_text(report: Report, growth: dict[str, object] | None) -> str:
    """Return the page."""
    where = report.provenance
    sizes = [str(workload["size"]) for workload in report.workloads]
    text = TEMPLATE.read_text().format(
        tables="\n".join(line for size in sizes for line in size_lines(report, size)).strip(),
        engines="\n".join(engine_lines(report)),
        turns=turns_of(report.records),
        loopback=where["loopback"],
        tolerance=where["tolerance"],
        reference=f'"{report.engines.get(REFERENCE, {}).get("title", REFERENCE)}"',
        cores=where["cores"],
        lan_ms=1e3 * LAN.round_trip_s,
        lan=LAN.bits_per_s / 1e9,
        wan_ms=1e3 * WAN.round_trip_s,
        wan=WAN.bits_per_s / 1e6,
        machine=machine_text(report),
        command=where["command"],
        growth="\n".join(growth_lines(growth)) if growth else "",
    )
    return text.rstrip() + "\n"


def size_lines(report: Report, size: str) -> Iterator[str]:
    """Yield the table of one size."""
    rows = [row for row in report.records if row.size == size]
    ours = next((row for row in rows if row.engine == REFERENCE and not row.failed), None)
    yield f"### (N, D, K) = ({', '.join(size.split('x'))})"
    yield ""
    yield (
        "| engine | iteration | ratio | online | ratio | rounds | MB | ratio | online MB | LAN "
        "| WAN | ratio | WAN, prepared | ratio | 10 iterations | error |"
    )
    yield "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
    for row in rows:
        title = str(report.engines[row.engine]["title"])
        yield f"| {title} | {' | '.join(cells(row, ours))} |"
    yield ""


def cells(row: Record, ours: Record | None) -> Sequence[str]:
    """Return an engine's figures at a size."""
    if row.failed:
        return (row.failed, *[""] * 14)
    return (
        milliseconds(row.iteration_s),
        times(ratio(row.iteration_s, ours and ours.iteration_s)),
        milliseconds(row.iteration_online_s),
        times(ratio(online_s(row), ours and online_s(ours))),
        number(row.iteration_rounds, 0),
        number(row.iteration_bytes and row.iteration_bytes / 1e6, 3),
        times(ratio(row.iteration_bytes, ours and ours.iteration_bytes)),
        number(row.iteration_online_bytes and row.iteration_online_bytes / 1e6, 3),
        milliseconds(LAN.seconds(row)),
        milliseconds(WAN.seconds(row)),
        times(ratio(WAN.seconds(row), ours and WAN.seconds(ours))),
        milliseconds(WAN.seconds_prepared(row)),
        times(ratio(WAN.seconds_prepared(row), ours and WAN.seconds_prepared(ours))),
        milliseconds(row.job_s),
        number(row.centre_error, 5),
    )


def online_s(row: Record) -> float | None:
    """Return the online time of an iteration; all of it where there is no offline phase."""
    return row.iteration_s if row.iteration_online_s is None else row.iteration_online_s


def turns_of(rows: Sequence[Record]) -> str:
    """Return how many repetitions there were."""
    counts = sorted({row.repetitions for row in rows if not row.failed})
    if not counts:
        return "no turns"
    return f"{counts[0]} turns" if len(counts) == 1 else f"{counts[0]} to {counts[-1]} turns"


def engine_lines(report: Report) -> Iterator[str]:
    """Yield who computes, and whom one trusts."""
    yield "| engine | parties | whom one trusts | links | chosen |"
    yield "|---|---|---|---|---|"
    for name, entry in report.engines.items():
        notes = [row.note for row in report.records if row.engine == name and row.note]
        chosen = str(entry["unavailable"]) or (notes[-1] if notes else "")
        columns = (entry["title"], entry["parties"], entry["trust"], entry["links"], chosen)
        yield f"| {' | '.join(map(str, columns))} |"


def machine_text(report: Report) -> str:
    """Return where and with what it was measured."""
    where = report.provenance
    versions = dict(where["versions"])
    seeds = ", ".join(f"{w['seed']} for {w['size']}" for w in report.workloads)
    return (
        f"{where['cpu']}, {where['cores']} cores, load {where['load_before']:.1f} before and "
        f"{where['load_after']:.1f} after; Linux {where['kernel']}, Python {where['python']}, "
        f"{where['openssl']}; {where['date']}, commit {where['commit']}. Versions: "
        f"{', '.join(f'{name} {version}' for name, version in sorted(versions.items()))}. "
        f"Seeds of the data: {seeds}. The command, in `benchmarks/`:"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m peers.page", description=__doc__)
    parser.add_argument("--peers", type=Path, default=PEERS_FILE)
    parser.add_argument("--growth", type=Path, default=GROWTH_FILE)
    parser.add_argument("--docs", type=Path, default=DOCS)
    options = parser.parse_args()
    if not options.peers.exists():
        say(f"no page: {options.peers} is not there; make bench-peers writes it")
        return
    growth = json.loads(options.growth.read_text()) if options.growth.exists() else None
    write_page(Report.read(options.peers), growth, options.docs)
    say(f"written to {options.docs / 'benchmarks.md'}")


if __name__ == "__main__":
    main()
