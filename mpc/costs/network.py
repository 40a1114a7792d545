"""A network between hosts, as a planner sees it."""

from dataclasses import dataclass
from typing import Final

from mpc.errors import InputError

_BITS: Final = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Network:
    """Hosts that each have a link of their own, as fast in both directions at once.

    Parameters
    ----------
    name : str
    round_trip_s : float
        Seconds until the answer to an empty message, 0 or more.
    bits_per_s : float
        Bits that a host sends in a second, and receives in a second; infinite for none counted.

    Raises
    ------
    InputError
    """

    name: str
    round_trip_s: float
    bits_per_s: float

    def __post_init__(self) -> None:
        if not 0 <= self.round_trip_s < float("inf"):
            raise InputError(f"a round trip of {self.round_trip_s:g} s: 0 or more are possible")
        if not self.bits_per_s > 0:
            raise InputError(f"a bandwidth of {self.bits_per_s:g} bit/s: more than 0 is needed")

    def seconds(self, num_bytes: float) -> float:
        """Return the time that bytes take to pass a host's link."""
        return _BITS * num_bytes / self.bits_per_s


ONE_MACHINE: Final = Network(name="one machine", round_trip_s=0.0, bits_per_s=float("inf"))
LAN: Final = Network(name="LAN", round_trip_s=0.5e-3, bits_per_s=1e9)
WAN: Final = Network(name="WAN", round_trip_s=40e-3, bits_per_s=100e6)
