"""What the server announces to clients, and what they check of it.

Shape letters: N rows, C sets, J clients.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from mpc.errors import FrameError, InputError
from mpc.jobs.order import Order
from mpc.ring.fixedpoint import FloatArray
from mpc.secpc.coding import LagrangeCode
from mpc.secpc.quantiser import Quantiser, slice_width

Sets = npt.NDArray[np.bool_]
"""Sets of rows, (N, C): the means of the columns are centres."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CodedOrder:
    """A job, and how it is coded; every field is public."""

    order: Order
    slices: int
    colluders: int
    masking: bool
    quantiser: Quantiser
    polynomials: int
    """Mask polynomials that each client shares with its rows."""

    @property
    def clients(self) -> tuple[str, ...]:
        """Roles of all clients; a client is named by its place in this order."""
        return tuple(self.order.rows)

    @property
    def code(self) -> LagrangeCode:
        """The code of the job."""
        return _code(len(self.clients), self.slices, self.colluders)

    @property
    def widths(self) -> tuple[int, int]:
        """Entries of a share of a point and of a payload."""
        return (
            slice_width(self.order.dim, self.slices),
            slice_width(self.order.payload, self.slices),
        )

    def rows_of(self, clients: Sequence[int]) -> list[int]:
        """Return the rows of some clients, in order."""
        names = self.clients
        return [row for client in clients for row in self.order.rows[names[client]]]

    def share_size(self, client: int) -> int:
        """Return the elements that a client sends to each other one."""
        return len(self.rows_of([client])) * sum(self.widths) + self.polynomials

    def as_json(self) -> dict[str, object]:
        """Return plain values for a control message."""
        return self.order.as_json() | {
            "do": "share",
            "slices": self.slices,
            "colluders": self.colluders,
            "masking": self.masking,
            "quantiser": asdict(self.quantiser),
            "polynomials": self.polynomials,
        }

    @classmethod
    def from_json(cls, message: Mapping[str, object]) -> Self:
        """Rebuild and check an order that came in a control message.

        Raises
        ------
        FrameError
            The message is malformed, or the job invalid.
        """
        try:
            return cls(
                order=Order.from_json(int(str(message["number"])), message),
                slices=int(str(message["slices"])),
                colluders=int(str(message["colluders"])),
                masking=bool(message["masking"]),
                quantiser=Quantiser(**message["quantiser"]),  # type: ignore[arg-type]
                polynomials=int(str(message["polynomials"])),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise FrameError(f"the server sent a malformed job: {error}") from None


_NUMBER_BITS: Final = 12


@lru_cache(maxsize=4)
def _code(num_clients: int, slices: int, colluders: int) -> LagrangeCode:
    """Return a code, with the matrices that it keeps."""
    return LagrangeCode(num_clients, slices, colluders)


def first_number(order: CodedOrder) -> int:
    """Return the number of a job's first frames; each further exchange or answer has the next."""
    return order.order.number << _NUMBER_BITS


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Query:
    """What the server asks of clients that hold shares."""

    sets_NC: Sets = field(repr=False)
    sharers: tuple[int, ...]
    """Clients whose rows all clients that answer hold shares of."""
    maskers: tuple[int, ...] = ()
    """Clients whose mask polynomials, of the last exchange, all of them hold."""

    def as_json(self, what: str) -> dict[str, object]:
        """Return plain values for a control message."""
        packed = np.packbits(self.sets_NC.T, axis=1)
        return {
            "do": what,
            "sets": [row.tobytes().hex() for row in packed],
            "sharers": list(self.sharers),
            "maskers": list(self.maskers),
        }

    @classmethod
    def from_json(cls, message: Mapping[str, object], num_rows: int) -> Self:
        """Rebuild a query that came in a control message.

        Raises
        ------
        FrameError
        """
        try:
            packed = [np.frombuffer(bytes.fromhex(text), np.uint8) for text in message["sets"]]  # type: ignore[attr-defined]
            columns = [np.unpackbits(bits, count=num_rows).astype(np.bool_) for bits in packed]
            return cls(
                sets_NC=np.stack(columns, axis=1),
                sharers=tuple(int(client) for client in message["sharers"]),  # type: ignore[attr-defined]
                maskers=tuple(int(client) for client in message["maskers"]),  # type: ignore[attr-defined]
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise FrameError(f"the server sent a malformed query: {error}") from None


def check_sets(order: CodedOrder, query: Query) -> None:
    """Refuse to answer for sets that are no means of shared rows.

    Raises
    ------
    InputError
        A set is empty, or has a row that is not shared.
    """
    known = np.zeros(len(query.sets_NC), dtype=np.bool_)
    known[order.rows_of(query.sharers)] = True
    if query.sets_NC[~known].any() or not query.sets_NC.any(axis=0).all():
        raise InputError("a distance to the mean of no row, or of rows that are not shared")


def check_clusters(order: CodedOrder, query: Query) -> None:
    """Refuse to open sums of clusters that overlap or have too few owners.

    Raises
    ------
    InputError
    """
    check_sets(order, query)
    if (query.sets_NC.sum(axis=1) > 1).any():
        raise InputError("clusters overlap, so differences of sums would show rows")
    least, owner_N = order.order.job.min_cluster_size, np.asarray(order.order.owner_of_N)
    for cluster_N in query.sets_NC.T:
        owners = len(np.unique(owner_N[cluster_N]))
        if owners < least:
            raise InputError(f"a cluster of {owners} owners, but min_cluster_size={least}")


@dataclass(frozen=True, slots=True, eq=False)
class OwnRows:
    """The rows of one client."""

    points_RD: FloatArray = field(repr=False)
    payload_RM: FloatArray = field(repr=False)
