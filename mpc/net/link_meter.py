"""Traffic of some of a role's links between two readings."""

from collections.abc import Sequence
from weakref import WeakKeyDictionary

from mpc.net.frames import DEALER_REPORT, OPERATIONS
from mpc.net.link import Link, LinkCount
from mpc.net.tcp_info import WireCount
from mpc.traffic import OperationTraffic, Phase, RoleTraffic

Counts = dict[str, LinkCount]


class LinkMeter:
    """Measures the traffic of links in one phase; a new link counts from its start.

    Parameters
    ----------
    role : str
    phase : Phase
    """

    def __init__(self, *, role: str, phase: Phase) -> None:
        self._role = role
        self._phase = phase
        self._seen: WeakKeyDictionary[Link, tuple[Counts, WireCount | None]] = WeakKeyDictionary()

    def since_last(
        self, links: Sequence[Link], seconds: float
    ) -> tuple[RoleTraffic, list[OperationTraffic]]:
        """Return the traffic of these links since the previous call.

        Parameters
        ----------
        links : sequence of Link
        seconds : float
            Time spent since then, reported with the bytes.
        """
        added: Counts = {}
        wire: WireCount | None = WireCount()
        for link in links:
            counts, on_wire = self._traffic_since(link)
            for name, count in counts.items():
                added[name] = added.get(name, LinkCount()) + count
            wire = wire + on_wire if wire is not None and on_wire is not None else None
        total = sum(added.values(), start=LinkCount())
        role = RoleTraffic(
            role=self._role,
            phase=self._phase,
            bytes_sent=total.bytes_sent,
            bytes_received=total.bytes_received,
            frames_sent=total.frames_sent,
            frames_received=total.frames_received,
            bytes_wire_sent=None if wire is None else wire.sent,
            bytes_wire_received=None if wire is None else wire.received,
            seconds=seconds,
        )
        return role, [
            self._operation_traffic(name, count) for name, count in added.items() if count.any
        ]

    def _traffic_since(self, link: Link) -> tuple[Counts, WireCount | None]:
        now = _operations(link), link.wire
        before, wire_before = self._seen.get(link, ({}, WireCount()))
        self._seen[link] = now
        counts = {name: count - before.get(name, LinkCount()) for name, count in now[0].items()}
        known = now[1] is not None and wire_before is not None
        return counts, now[1] - wire_before if known else None  # type: ignore[operator]

    def _operation_traffic(self, operation: str, count: LinkCount) -> OperationTraffic:
        return OperationTraffic(
            role=self._role,
            phase=self._phase,
            operation=operation,
            bytes_sent=count.bytes_sent,
            bytes_received=count.bytes_received,
            frames_sent=count.frames_sent,
            frames_received=count.frames_received,
        )


def _operations(link: Link) -> Counts:
    """Return a link's traffic by kind of message, without the dealer's reports."""
    sums: Counts = {}
    for tag, count in list(link.counts.items()):
        if tag == DEALER_REPORT:
            continue
        name = OPERATIONS[tag]
        sums[name] = sums.get(name, LinkCount()) + count
    return sums
