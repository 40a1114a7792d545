"""Checks of arguments before trees are generated or evaluated."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mpc.errors import InputError
from mpc.fss.correction_words import Layout, RingArray
from mpc.fss.prg import Words


def check_party(party: int) -> None:
    """Raise InputError unless the party is 0 or 1."""
    if party not in (0, 1):
        raise InputError(f"party is {party}; function secret sharing is for parties 0 and 1")


def root_seeds(seeds: NDArray[np.uint64] | NDArray[np.int64], count: int) -> Words:
    """Return a party's root seeds as uint64 (count, 2), without a copy where possible.

    Parameters
    ----------
    seeds : int64 or uint64 array (count, 2)
        As drawn from a stream.
    count : int
        Number of trees.

    Raises
    ------
    InputError
        The seeds have a wrong type or shape.
    """
    if seeds.dtype not in (np.dtype(np.int64), np.dtype(np.uint64)) or seeds.shape != (count, 2):
        raise InputError(
            f"root seeds are {seeds.dtype} of shape {seeds.shape}; draw 64-bit integers of shape "
            f"({count}, 2), 128 bits a tree"
        )
    return np.ascontiguousarray(seeds).view(np.uint64)


def domain_points(points: NDArray[np.uint64], num_bits: int, count: int | None = None) -> Words:
    """Return points if they are uint64 (count,) below 2^num_bits.

    Raises
    ------
    InputError
        The type or shape is wrong, or a point is out of the domain; the message omits its value.
    """
    if points.dtype != np.uint64 or points.ndim != 1:
        raise InputError(
            f"points are {points.dtype} of shape {points.shape}; uint64 of one axis are needed"
        )
    if count is not None and len(points) != count:
        raise InputError(f"there are {len(points)} points for {count} trees; one a tree is needed")
    if num_bits < 64 and points.size and int(points.max()) >> num_bits:
        raise InputError(f"a point is not below 2^{num_bits}; reduce points mod 2^{num_bits}")
    return np.ascontiguousarray(points)


def ring_elements(name: str, elements: ArrayLike, layout: Layout) -> RingArray:
    """Return payloads in the layout's ring, one per tree.

    Parameters
    ----------
    name : str
        Name of the argument in the message.
    elements : ring array (B,) or int
        A Python integer is reduced mod 2^ring_bits and used for every tree.
    layout : Layout
        Of the batch.

    Raises
    ------
    InputError
        The array has a wrong type or shape.
    """
    if isinstance(elements, int):
        element = elements % (1 << layout.ring_bits)
        return np.full(layout.count, element, dtype=layout.dtype)
    array = np.asarray(elements)
    if array.dtype != layout.dtype or array.shape != (layout.count,):
        raise InputError(
            f"{name} is {array.dtype} of shape {array.shape}; {layout.dtype} of shape "
            f"({layout.count},) or an integer is needed in Z_2^{layout.ring_bits}"
        )
    return np.ascontiguousarray(array)
