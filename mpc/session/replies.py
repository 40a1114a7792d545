"""The parties' replies at the end of a job: what they agree on, and the traffic of all roles."""

import time
from collections.abc import Collection, Sequence
from typing import Any, Protocol

from mpc.errors import PartyError
from mpc.net.link import Link
from mpc.net.link_meter import LinkMeter
from mpc.session.data_owner import DataOwner
from mpc.traffic import OperationTraffic, RoleTraffic, StepCost, Traffic

Reply = dict[str, object]


class Server(Protocol):
    """The server's links, and their meter."""

    control: LinkMeter

    @property
    def server_links(self) -> Sequence[Link]:
        """The server's link to each party, in rank order."""


def traffic_of(
    replies: Sequence[Reply],
    owners: Collection[DataOwner],
    server: Server,
    *,
    started: float,
    seconds_share: float,
    insecure: tuple[str, ...],
) -> Traffic:
    """Return the traffic of a job since it started (`time.perf_counter` seconds)."""
    reply = replies[0]
    roles = [RoleTraffic(**line) for each in replies for line in dicts(each["roles"])]
    operations = [
        OperationTraffic(**line) for each in replies for line in dicts(each["operations"])
    ]
    total = time.perf_counter() - started
    counted = [
        owner.meter.since_last(owner.links, seconds_share / max(len(owners), 1)) for owner in owners
    ]
    counted.append(server.control.since_last(server.server_links, total))
    return Traffic(
        roles=(*roles, *(role for role, _ in counted)),
        operations=(*operations, *(entry for _, entries in counted for entry in entries)),
        steps=tuple(StepCost(**step) for step in dicts(reply["steps"])),
        rounds_online=max(int(str(each["rounds_online"])) for each in replies),
        rounds_offline=int(str(reply["rounds_offline"])),  # only party 0 asks the dealer
        seconds_share=seconds_share,
        seconds_online=float(str(reply["seconds_online"])),
        seconds_offline=float(str(reply["seconds_offline"])),
        seconds_total=total,
        insecure=insecure,
    )


def agreed(replies: Sequence[Reply], values: Sequence[str]) -> Reply:
    """Return party 0's reply, if all replies agree on the public values.

    Raises
    ------
    PartyError
        They do not; the message names the value.
    """
    for key in values:
        if any(reply[key] != replies[0][key] for reply in replies):
            raise PartyError(f"the parties do not agree on {key}; one of them is faulty")
    return replies[0]


def fields_of(value: object) -> dict[str, object]:
    """Return an object in a reply."""
    if not isinstance(value, dict):
        raise PartyError("a party's reply is malformed")
    return value


def dicts(value: object) -> list[dict[str, Any]]:
    """Return a list of objects in a reply."""
    if not isinstance(value, list):
        raise PartyError("a party's reply is malformed")
    return value
