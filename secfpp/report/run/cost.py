"""The cost section: per method, and by role and phase for the secure method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from secfpp.report.kit.text import count, decimal, megabytes, seconds
from secfpp.report.run.records import Costs, MethodRow, SecureJob

PHASES = ("input", "online", "offline", "output", "control")


@dataclass(frozen=True, kw_only=True)
class CostRow:
    """The cost of one method over the whole run."""

    title: str
    hero: bool
    cells: tuple[str, ...]


def cost_rows(results: Sequence[MethodRow], hero: str) -> tuple[CostRow, ...]:
    """Return the cost table: rounds, MB per client and party, seconds by kind."""
    return tuple(
        CostRow(title=result.title, hero=result.name == hero, cells=cost_cells(result))
        for result in results
    )


def cost_cells(result: Costs) -> tuple[str, ...]:
    """Return rounds, MB per client and per party, seconds of training, sharing, online, dealer.

    A method without a step has a dash, not a zero.
    """
    return (
        count(result.rounds or None),
        megabytes(result.bytes_client or None),
        megabytes(result.bytes_party or None),
        seconds(result.seconds_train or None),
        seconds(result.seconds_share or None),
        seconds(result.seconds_online or None),
        seconds(result.seconds_dealer or None),
    )


@dataclass(frozen=True, kw_only=True)
class TrafficTable:
    """MB by role and phase, in the mean round of federation."""

    columns: tuple[str, ...]
    lines: tuple[CostRow, ...]


@dataclass(frozen=True, kw_only=True)
class StepRow:
    """One step of the protocol in the mean round of federation."""

    name: str
    cells: tuple[str, ...]


def traffic_table(jobs: Sequence[SecureJob]) -> TrafficTable | None:
    """Return bytes by role and phase, averaged over jobs; clients by the busiest one."""
    if not any(job.roles for job in jobs):
        return None
    moved = [_by_group(job) for job in jobs]
    phases = [phase for phase in PHASES if any(phase == key[1] for job in moved for key in job)]
    groups = sorted({group for job in moved for group, _ in job}, key=_group_order)
    return TrafficTable(
        columns=tuple(phases),
        lines=tuple(
            CostRow(
                title=group,
                hero=False,
                cells=tuple(_mean_megabytes(moved, group, phase) for phase in phases),
            )
            for group in groups
        ),
    )


def _by_group(job: SecureJob) -> dict[tuple[str, str], int]:
    """Return the bytes of the busiest role of each group, by group and phase."""
    by_role: dict[tuple[str, str], int] = {}
    for entry in job.roles:
        key = (entry.role, entry.phase)
        by_role[key] = by_role.get(key, 0) + entry.bytes_moved
    by_group: dict[tuple[str, str], int] = {}
    for (role, phase), moved in by_role.items():
        key = (role_group(role), phase)
        by_group[key] = max(by_group.get(key, 0), moved)
    return by_group


def role_group(role: str) -> str:
    """Return the name of a role in tables; all clients share the name of the busiest."""
    return "busiest client" if role.startswith("client") else role.replace(":", " ")


def _group_order(group: str) -> tuple[bool, bool, str]:
    """Order clients first, the server last."""
    return (group == "server", group != "busiest client", group)


def _mean_megabytes(moved: Sequence[dict[tuple[str, str], int]], group: str, phase: str) -> str:
    """Return the mean over jobs, or a dash if the group takes no part in the phase."""
    found = [job[group, phase] for job in moved if (group, phase) in job]
    return megabytes(sum(found) / len(moved) if found else None)


def step_rows(jobs: Sequence[SecureJob]) -> tuple[StepRow, ...]:
    """Return rounds, MB sent by a party and seconds of each step, averaged over jobs."""
    totals: dict[str, list[float]] = {}
    for step in (step for job in jobs for step in job.steps):
        sums = totals.setdefault(step.name, [0.0, 0.0, 0.0])
        for index, value in enumerate((step.rounds, step.bytes_sent, step.seconds)):
            sums[index] += value / len(jobs)
    return tuple(
        StepRow(name=name, cells=(decimal(rounds, 1), megabytes(sent), seconds(spent)))
        for name, (rounds, sent, spent) in totals.items()
    )
