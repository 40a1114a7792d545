"""Choice of comparison method: fewest rounds for few numbers, fewest bytes for many.

======= ================= ====== ====================================================
method  parties           rounds what it takes
======= ================= ====== ====================================================
fss     two and a dealer  1      keys of function secret sharing, `mpc.fss`
lut     any, and a dealer 2      one-time truth tables, `mpc.gates.lut_comparison`; 48 bits at most
boolean any               5 up   ANDs of packed bits, `mpc.protocols.boolean`
======= ================= ====== ====================================================
"""

from dataclasses import dataclass
from typing import Final, Literal

from mpc.fss import sign_layout
from mpc.gates.lut_comparison import MOST_BITS, plan_of
from mpc.jobs.comparisons import Comparisons

Method = Literal["fss", "lut", "boolean"]

ROUND_BYTES: Final = 200_000
"""Bytes that `lut` must save to be worth its extra round: 16 ms at 100 Mbit/s. On one machine `lut`
is faster for any number; between continents, only from ten times as many bytes."""


@dataclass(frozen=True, slots=True)
class Comparing:
    """Comparison methods of a job's parties.

    Parameters
    ----------
    num_parties : int
    comparisons : Comparisons
        The job's setting; see `mpc.jobs.job.ClusterJob`.
    """

    num_parties: int
    comparisons: Comparisons = "auto"

    def method(
        self, count: int, num_bits: int, ring_bits: int, *, minimize_rounds: bool = False
    ) -> Method:
        """Return the method for `count` numbers or pairs.

        Parameters
        ----------
        count : int
        num_bits : int
            Bits of the numbers.
        ring_bits : int
            4, 8 or 64: bits of the shares of signs; keys have at least 8.
        minimize_rounds : bool
            Save rounds rather than bytes, unless the job sets another method.
        """
        if self.comparisons == "boolean":
            return "boolean"
        if self.num_parties == 2 and self._keys_pay(
            count, num_bits, ring_bits, minimize_rounds=minimize_rounds
        ):
            return "fss"
        return "lut" if num_bits <= MOST_BITS else "boolean"

    def _keys_pay(
        self, count: int, num_bits: int, ring_bits: int, *, minimize_rounds: bool
    ) -> bool:
        if self.comparisons == "fss" or num_bits > MOST_BITS:
            return True
        if self.comparisons == "lut":
            return False
        keys = sign_layout(1, num_bits=num_bits, ring_bits=max(ring_bits, 8)).bytes_per_tree
        saved = 2 * keys - plan_of(num_bits, ring_bits).bytes_per_number
        return minimize_rounds or count * saved < ROUND_BYTES
