"""Squared distances of rows to means of sets, as the server asks for them.

Shape letters: N rows, C sets.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from mpc.ring.fixedpoint import FloatArray
from mpc.secpc.messages import Sets

Ask = Callable[[Sets, str], FloatArray]
"""Returns squared distances of all rows to the means of sets, (N, C), with `GRAM_BITS` fractional
bits; rows that are not shared have 0. The text says what for."""

ResultT = TypeVar("ResultT")
Asking = Generator[Sets, FloatArray, ResultT]
"""A computation that yields sets and is sent the distances to their means."""


@dataclass(slots=True, eq=False)
class SetDistances:
    """Squared distances to means of sets that are known, and what asks for others.

    Parameters
    ----------
    ask : callable
    num_points : int
        N.
    """

    ask: Ask
    num_points: int
    _known: dict[bytes, FloatArray] = field(default_factory=dict, repr=False)

    def to_sets(self, sets_NC: Sets, why: str) -> FloatArray:
        """Return distances to the means of sets, (N, C); infinite for an empty set."""
        keys = [column.tobytes() for column in sets_NC.T]
        new = {
            key: at
            for at, key in enumerate(keys)
            if key not in self._known and sets_NC[:, at].any()
        }
        if new:
            found_NC = self.ask(sets_NC[:, list(new.values())], why)
            self._known |= dict(zip(new, found_NC.T, strict=True))
        far_N = np.full(self.num_points, np.inf)
        return np.stack([self._known.get(key, far_N) for key in keys], axis=1)


def together(
    distances: SetDistances, searches: Sequence[Asking[ResultT]], why: str
) -> list[ResultT]:
    """Run computations side by side: what all of them need next is asked for at once."""
    results: dict[int, ResultT] = {}
    wanted: dict[int, Sets] = {}
    for at, search in enumerate(searches):
        _advance(at, search, None, wanted, results)
    while wanted:
        asked, sets = list(wanted), list(wanted.values())
        dist_NC = distances.to_sets(np.concatenate(sets, axis=1), why)
        parts = np.split(dist_NC, np.cumsum([each.shape[1] for each in sets])[:-1], axis=1)
        wanted = {}
        for at, part_NK in zip(asked, parts, strict=True):
            _advance(at, searches[at], part_NK, wanted, results)
    return [results[at] for at in range(len(searches))]


def _advance(
    at: int,
    search: Asking[ResultT],
    answer: FloatArray | None,
    wanted: dict[int, Sets],
    results: dict[int, ResultT],
) -> None:
    try:
        wanted[at] = next(search) if answer is None else search.send(answer)
    except StopIteration as end:
        results[at] = end.value
