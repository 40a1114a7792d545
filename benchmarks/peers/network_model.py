"""Time of an iteration on a slower network, modelled from what was measured on loopback.

time = rounds x round-trip time + bytes / bandwidth + time measured on loopback.

All bytes count as if they went through one link one after another, and every round as if it waited
for a whole round trip; both are more than a real network would take, for every engine. A round of
messages that cross needs half a round trip.
"""

from dataclasses import dataclass
from typing import Final

from peers.record import Record


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    """A link."""

    name: str
    round_trip_s: float
    bits_per_s: float

    def seconds(self, record: Record) -> float | None:
        """Return the modelled time of an iteration; None where rounds are not known."""
        if None in (record.iteration_rounds, record.iteration_bytes, record.iteration_s):
            return None
        waiting = record.iteration_rounds * self.round_trip_s
        return waiting + 8 * record.iteration_bytes / self.bits_per_s + record.iteration_s

    def seconds_prepared(self, record: Record) -> float | None:
        """Return the same without the offline phase, where the engine tells them apart."""
        if None in (record.iteration_online_s, record.iteration_online_bytes):
            return self.seconds(record)
        if record.iteration_rounds is None:
            return None
        waiting = record.iteration_rounds * self.round_trip_s
        carried = 8 * record.iteration_online_bytes / self.bits_per_s
        return waiting + carried + record.iteration_online_s


LAN: Final = Network(name="LAN", round_trip_s=0.5e-3, bits_per_s=1e9)
WAN: Final = Network(name="WAN", round_trip_s=40e-3, bits_per_s=100e6)
