"""Bytes and frames of a job by role, phase and kind of message."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from mpc.net.frames import (
    ANSWER,
    CODED_MASK,
    CODED_SHARE,
    CONTROL,
    HEADER_BYTES,
    OPENED,
    OPERATIONS,
    RECEIVED,
)
from mpc.net.link import LinkCount
from mpc.traffic import OperationTraffic, Phase, RoleTraffic

PHASES: Final[Mapping[bytes, Phase]] = {
    CONTROL: "control",
    RECEIVED: "control",
    CODED_SHARE: "input",
    CODED_MASK: "offline",
    ANSWER: "online",
    OPENED: "output",
}
"""Phase of each kind of message. input: shares of rows, between clients; offline: shares of masks,
between clients; online: answers to the server; output: sums and sizes, to clients."""
SERVER: Final = "server"


class _Key(NamedTuple):
    role: str
    tag: bytes


@dataclass(slots=True)
class Tally:
    """Counts of both ends of each message."""

    counts: dict[_Key, LinkCount] = field(default_factory=dict)

    def sent(self, sender: str, receiver: str, tag: bytes, payload_bytes: int) -> None:
        """Count one frame that arrived."""
        whole = HEADER_BYTES + payload_bytes
        self.add(sender, tag, LinkCount(bytes_sent=whole, frames_sent=1))
        self.add(receiver, tag, LinkCount(bytes_received=whole, frames_received=1))

    def add(self, role: str, tag: bytes, count: LinkCount) -> None:
        """Add what a role counted itself."""
        key = _Key(role, tag)
        self.counts[key] = self.counts.get(key, LinkCount()) + count

    def roles(self, seconds: Mapping[Phase, float]) -> tuple[RoleTraffic, ...]:
        """Return the traffic of each role in each phase; the server's has the seconds."""
        sums: dict[tuple[str, Phase], LinkCount] = {}
        for key, count in self.counts.items():
            of = (key.role, PHASES[key.tag])
            sums[of] = sums.get(of, LinkCount()) + count
        return tuple(
            RoleTraffic(
                role=role,
                phase=phase,
                bytes_sent=count.bytes_sent,
                bytes_received=count.bytes_received,
                frames_sent=count.frames_sent,
                frames_received=count.frames_received,
                seconds=seconds.get(phase, 0.0) if role == SERVER else 0.0,
            )
            for (role, phase), count in sums.items()
        )

    def operations(self) -> tuple[OperationTraffic, ...]:
        """Return the traffic of each role by kind of message."""
        return tuple(
            OperationTraffic(
                role=key.role,
                phase=PHASES[key.tag],
                operation=OPERATIONS[key.tag],
                bytes_sent=count.bytes_sent,
                bytes_received=count.bytes_received,
                frames_sent=count.frames_sent,
                frames_received=count.frames_received,
            )
            for key, count in self.counts.items()
        )
