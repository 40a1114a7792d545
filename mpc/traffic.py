"""The cost of a job: bytes and frames by role and phase, rounds, seconds.

Bytes are counted at the socket, with frame headers but without those of TLS and TCP/IP.
`bytes_wire` includes those; the kernel reports it, and it varies slightly with timing. The number
of rounds is the length of the longest chain of dependent messages. Messages that parties send at
the same time are one round.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, TypeVar

Phase = Literal["online", "offline", "input", "output", "control"]
"""online: party to party; offline: dealer and party; input, output: data owner and party;
control: server and party."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RoleTraffic:
    """Bytes and frames through the sockets of one role in one phase, and the time it took."""

    role: str
    phase: Phase
    bytes_sent: int
    bytes_received: int
    frames_sent: int
    frames_received: int
    bytes_wire_sent: int | None = None
    """Including TLS, TCP and IP headers, acknowledgements and retransmissions; None if unknown."""
    bytes_wire_received: int | None = None
    seconds: float = 0.0
    """Time that this role computed and waited in this phase."""

    @property
    def bytes_total(self) -> int:
        """Bytes sent and received."""
        return self.bytes_sent + self.bytes_received


@dataclass(frozen=True, kw_only=True, slots=True)
class OperationTraffic:
    """Bytes and frames through the sockets of one role in one phase for one kind of message."""

    role: str
    phase: Phase
    operation: str
    """E.g. `masked sum`, `matmul correction`, `share`; see `mpc.net.frames`."""
    bytes_sent: int
    bytes_received: int
    frames_sent: int
    frames_received: int


@dataclass(frozen=True, kw_only=True, slots=True)
class StepCost:
    """One step of a protocol, measured at party 0."""

    name: str
    rounds: int
    bytes_sent: int
    """Online bytes sent by one party."""
    seconds: float
    payload_sent: int = 0
    """`bytes_sent` without frame headers."""
    seconds_offline: float = 0.0
    """The part of `seconds` spent on expanding correlated randomness and waiting for the dealer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Traffic:
    """The cost of one job.

    `seconds_offline` is the time that party 0 spends on correlated randomness: expanding its own
    and waiting for the dealer's. `seconds_online` is the rest of its time in the protocol.
    `seconds_share` is the time in which the data owners encode, split and send.
    """

    roles: tuple[RoleTraffic, ...]
    operations: tuple[OperationTraffic, ...]
    steps: tuple[StepCost, ...]
    rounds_online: int
    rounds_offline: int
    seconds_share: float
    seconds_online: float
    seconds_offline: float
    seconds_total: float
    insecure: tuple[str, ...] = ()
    """The insecure settings of this job; empty if there are none."""

    def bytes_of(self, role_prefix: str, *phases: Phase) -> tuple[int, ...]:
        """Bytes sent and received by each role with this prefix, over the given phases (or all)."""
        sums: dict[str, int] = {}
        for entry in self.roles:
            if entry.role.startswith(role_prefix) and (not phases or entry.phase in phases):
                sums[entry.role] = sums.get(entry.role, 0) + entry.bytes_total
        return tuple(sums.values())

    @property
    def bytes_party_max(self) -> int:
        """Bytes sent and received by the busiest computing party, all phases but control."""
        return max(
            self.bytes_of("party:", "online", "offline", "input", "output"),
            default=0,
        )

    @property
    def bytes_client_max(self) -> int:
        """Bytes sent and received by the busiest data owner."""
        return max(self.bytes_of("client:"), default=0)

    @property
    def bytes_online(self) -> int:
        """Bytes that all parties together sent to one another."""
        return sum(r.bytes_sent for r in self.roles if r.phase == "online")

    def as_json(self) -> dict[str, object]:
        """Return plain numbers, lists and strings for a JSON file."""
        return {
            **asdict(self),
            "bytes_party_max": self.bytes_party_max,
            "bytes_client_max": self.bytes_client_max,
            "bytes_online": self.bytes_online,
        }


def combined(parts: Sequence[Traffic]) -> Traffic:
    """Return the traffic of consecutive jobs together.

    Roles and operations are summed; of the data owners of each job, only the busiest is kept, since
    they may be very many. Steps follow one another.
    """
    roles: dict[tuple[str, str], RoleTraffic] = {}
    operations: dict[tuple[str, str, str], OperationTraffic] = {}
    for part in parts:
        idle = _owners_but_the_busiest(part)
        for role in part.roles:
            if role.role not in idle:
                key = (role.role, role.phase)
                roles[key] = _sum(roles[key], role) if key in roles else role
        for of in part.operations:
            if of.role not in idle:
                name = (of.role, of.phase, of.operation)
                operations[name] = _sum(operations[name], of) if name in operations else of
    return Traffic(
        roles=tuple(roles.values()),
        operations=tuple(operations.values()),
        steps=tuple(step for part in parts for step in part.steps),
        rounds_online=sum(part.rounds_online for part in parts),
        rounds_offline=sum(part.rounds_offline for part in parts),
        seconds_share=sum(part.seconds_share for part in parts),
        seconds_online=sum(part.seconds_online for part in parts),
        seconds_offline=sum(part.seconds_offline for part in parts),
        seconds_total=sum(part.seconds_total for part in parts),
        insecure=parts[0].insecure,
    )


def _owners_but_the_busiest(part: Traffic) -> frozenset[str]:
    bytes_of: dict[str, int] = {}
    for role in part.roles:
        if role.role.startswith("client:"):
            bytes_of[role.role] = bytes_of.get(role.role, 0) + role.bytes_total
    busiest = max(bytes_of, key=lambda name: bytes_of[name], default="")
    return frozenset(bytes_of.keys() - {busiest})


Counted = TypeVar("Counted", RoleTraffic, OperationTraffic)


def _sum(one: Counted, other: Counted) -> Counted:
    """Add up all numbers; a number that is unknown in one stays unknown."""
    others = asdict(other)
    added: dict[str, Any] = {
        name: None if value is None or others[name] is None else value + others[name]
        for name, value in asdict(one).items()
        if not isinstance(value, str)
    }
    return replace(one, **added)


NO_TRAFFIC = Traffic(
    roles=(),
    operations=(),
    steps=(),
    rounds_online=0,
    rounds_offline=0,
    seconds_share=0.0,
    seconds_online=0.0,
    seconds_offline=0.0,
    seconds_total=0.0,
)
"""The traffic of a job in the clear in one process: none."""
