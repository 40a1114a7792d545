"""How many clients may collude, drop out or answer wrongly, and what that needs."""

from dataclasses import dataclass
from typing import Final

from mpc.errors import InputError
from mpc.jobs.job_numbers import integer_of
from mpc.secpc.coding import LagrangeCode

DROPOUTS_SHARE: Final = 5
"""By default one client of so many may drop out."""
MAX_CLIENTS: Final = 1000
"""Most clients of a job: each has a link to each other one."""
POINT_BITS_MIN: Final = 8
"""Least bits of a coordinate below the bound on a row's norm."""
POINT_BITS_MAX: Final = 18
"""Most: as many as under secret sharing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SecPCSettings:
    """Settings of the protocol, which `check` refuses if they are out of range."""

    slices: int = 1
    """l: parts that a vector is cut into. A share is 1 / l of the vector; each further slice takes
    one from `colluders`."""
    colluders: int | None = None
    """t: clients that together learn nothing of another's vectors. None: as many as `dropouts` and
    `wrong_answers` leave."""
    dropouts: int | None = None
    """Clients that may drop out before distances are decoded. None: one of five, or, if `colluders`
    is given, as many as it leaves."""
    wrong_answers: int = 0
    """Clients whose wrong answers are found and left out; each takes two further answers."""
    masking: bool = True
    """Mask slice-wise distances. False is the published form, as far as it is known: the server
    sees them, and the server and t clients together can find rows. Results are stamped."""
    point_bits: int | None = None
    """Bits of a coordinate below the bound on a row's norm, 8 to 18. None: as many as the field has
    room for."""
    client_processes: bool = True
    """A process for each client, with links to all others. False: objects of one process, with
    which results are stamped; the same numbers and bytes."""

    def check(self) -> None:
        """Refuse values that are out of range for any number of clients.

        Raises
        ------
        InputError
        """
        for name, least in (("slices", 1), ("colluders", 1), ("dropouts", 0), ("wrong_answers", 0)):
            value = getattr(self, name)
            if value is None:
                continue
            if integer_of(name, value) < least:
                raise InputError(f"{name}={value} but at least {least} is needed")
        bits = self.point_bits
        if bits is not None and not POINT_BITS_MIN <= bits <= POINT_BITS_MAX:
            raise InputError(
                f"point_bits={bits} but {POINT_BITS_MIN} to {POINT_BITS_MAX} are possible"
            )

    def code(self, num_clients: int) -> LagrangeCode:
        """Return the code for so many clients.

        Raises
        ------
        InputError
            They are too few, or too many.
        """
        self.check()
        if num_clients > MAX_CLIENTS:
            raise InputError(
                f"{num_clients} clients, but at most {MAX_CLIENTS} run the protocol secpc; let "
                "clients hold more rows each"
            )
        wrong = self.wrong_answers
        lost = self._wanted_dropouts(num_clients) + 2 * wrong
        colluders = self.colluders
        if colluders is None:
            colluders = (num_clients - lost + 1) // 2 - self.slices
        needed = 2 * (self.slices + max(colluders, 1)) - 1
        if colluders < 1 or num_clients - lost < needed:
            raise InputError(
                f"{num_clients} clients, of which {lost - 2 * wrong} may drop out and {wrong} "
                f"answer wrongly: distances need 2 l + 2 t - 1 = {needed} answers for "
                f"l = {self.slices} slices against t = {max(colluders, 1)} colluders, and 2 more "
                "for each wrong one; add clients, or lower slices, colluders or dropouts"
            )
        return LagrangeCode(num_clients, self.slices, colluders)

    def _wanted_dropouts(self, num_clients: int) -> int:
        if self.dropouts is not None:
            return self.dropouts
        return 0 if self.colluders is not None else num_clients // DROPOUTS_SHARE
