"""Tables of the terminal that more than one verb draws."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table

from mpc.jobs.result import LedgerEntry
from mpc.traffic import Phase, Traffic
from secfpp.report.kit.text import seconds, size
from secfpp.report.run.cost import role_group

PHASES: tuple[Phase, ...] = ("input", "online", "offline", "output", "control")


def table(title: str, *columns: str) -> Table:
    """Return an empty table without a frame: first column left, numbers right."""
    drawn = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for index, column in enumerate(columns):
        drawn.add_column(column, justify="right" if index else "left", overflow="fold")
    return drawn


def cost_table(traffic: Traffic) -> RenderableType:
    """Return rounds, bytes by role and phase, and seconds of one job."""
    if not traffic.roles:
        return f"in the clear, {seconds(traffic.seconds_total)} s; no traffic"
    present = [phase for phase in PHASES if any(role.phase == phase for role in traffic.roles)]
    drawn = table("Traffic, sent and received", "role", *present, "on the wire")
    for role in dict.fromkeys(role_group(entry.role) for entry in traffic.roles):
        moved = [size(_busiest(traffic, role, phase)) for phase in present]
        drawn.add_row(role, *moved, size(_on_the_wire(traffic, role)))
    return Group(drawn, _rounds_and_seconds(traffic))


def _rounds_and_seconds(traffic: Traffic) -> str:
    """Return the line under the traffic of one job."""
    return (
        f"{traffic.rounds_online} rounds online, {traffic.rounds_offline} offline; seconds: "
        f"sharing {seconds(traffic.seconds_share)}, online {seconds(traffic.seconds_online)}, "
        f"masks and triples {seconds(traffic.seconds_offline)}, "
        f"in all {seconds(traffic.seconds_total)}"
    )


def _busiest(traffic: Traffic, group: str, phase: Phase) -> float | None:
    """Return the most bytes that one role of a group moved in a phase; None if it moved none."""
    moved: dict[str, int] = {}
    for entry in traffic.roles:
        if role_group(entry.role) == group and entry.phase == phase:
            moved[entry.role] = moved.get(entry.role, 0) + entry.bytes_total
    return max(moved.values(), default=None)


def _on_the_wire(traffic: Traffic, group: str) -> float | None:
    """Return the most bytes of all phases, TLS and TCP/IP included; None if unknown."""
    moved: dict[str, int] = {}
    for entry in traffic.roles:
        if role_group(entry.role) != group:
            continue
        if entry.bytes_wire_sent is None or entry.bytes_wire_received is None:
            return None
        wire = entry.bytes_wire_sent + entry.bytes_wire_received
        moved[entry.role] = moved.get(entry.role, 0) + wire
    return max(moved.values(), default=None)


def ledger_table(ledger: Sequence[LedgerEntry]) -> RenderableType:
    """Return who learned what in one job; equal lines are counted, not repeated."""
    if not ledger:
        return "ledger: empty, since nothing was shared"
    counts: dict[tuple[str, str, str, str], int] = {}
    for entry in ledger:
        key = (entry.to, entry.what, str(list(entry.shape)), entry.why)
        counts[key] = counts.get(key, 0) + 1
    drawn = Table(title="Ledger: who learned what", title_justify="left", title_style="bold")
    drawn.box, drawn.pad_edge = None, False
    for column in ("who", "what", "shape", "times", "why"):
        drawn.add_column(column, overflow="fold")
    for (to, what, shape, why), times in counts.items():
        drawn.add_row(to, what, shape, str(times), why)
    return drawn
