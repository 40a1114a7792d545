"""Public look-up tables of functions of a count, for `mpc.protocols.division`.

Shape letters: N points.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from mpc.ring.fixedpoint import (
    BETWEEN_BITS,
    DISTANCE_BITS,
    GRAM_BITS,
    TABLE_BITS,
    FloatArray,
    Int64Array,
)

HIGH_SHIFT: Final = 20
"""h, the number of low bits: 20."""
HIGHER_SHIFT: Final = 28
"""h for dividends of up to 62 bits."""
MEAN_SHIFT: Final = 40
"""Fractional bits of 1/c where the mean of a cluster is itself a point. A sum of 8191 points is
below 2^31.1 units in magnitude, so a mean is off by less than 2^-9 units, and the product of 58
bits fits the ring."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Tables:
    """Public tables T_0 and T_1 - 2^h T_0 of one function of a count, (2^d,) each."""

    low: Int64Array
    rest: Int64Array


def tables_of(values: FloatArray, shift: int = HIGH_SHIFT) -> Tables:
    """Return the tables of a function of a count, given as reals in units of the result."""
    low = np.rint(values)
    high = np.rint(values * 2.0**shift)
    return Tables(low=low.astype(np.int64), rest=(high - low * 2.0**shift).astype(np.int64))


def counts_up_to(num_points: int) -> FloatArray:
    """Return 0 .. 2^d - 1, which includes all counts of N points, as reals; d is N's bit length."""
    return np.arange(1 << num_points.bit_length(), dtype=np.float64)


def reciprocals(num_points: int, shift: int = HIGH_SHIFT) -> Tables:
    """Return the tables of 1/c with `TABLE_BITS` fractional bits; 0 for an empty cluster."""
    return tables_of(of_counts(num_points, lambda c: 2.0**TABLE_BITS / c), shift)


def squared_reciprocals(num_points: int, shift: int = HIGH_SHIFT) -> Tables:
    """Return the tables of 1/c^2 with `TABLE_BITS` fractional bits; 0 for an empty cluster."""
    return tables_of(of_counts(num_points, lambda c: 2.0**TABLE_BITS / c**2), shift)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class NoisedTables:
    """Tables of noised sizes, by the size plus an offset."""

    squared: Tables
    """Of 1/c^2 with `TABLE_BITS` fractional bits, h = `HIGHER_SHIFT`."""
    once: Tables
    """Of 1/c with as many, h = `HIGH_SHIFT`."""


@lru_cache(maxsize=4)
def noised_tables(bits: int, offset: int, floor: int) -> NoisedTables:
    """Return tables of 2^bits noised sizes; one below `floor` counts as `floor`."""
    counts = np.maximum(np.arange(1 << bits, dtype=np.float64) - offset, floor)
    return NoisedTables(
        squared=tables_of(2.0**TABLE_BITS / counts**2, HIGHER_SHIFT),
        once=tables_of(2.0**TABLE_BITS / counts),
    )


def mean_reciprocals(num_points: int) -> Int64Array:
    """Return the table of 1/c with `MEAN_SHIFT` fractional bits; 0 for an empty cluster."""
    return np.rint(of_counts(num_points, lambda c: 2.0**MEAN_SHIFT / c)).astype(np.int64)


def far_if_empty(num_points: int) -> Int64Array:
    """Return the penalty table for the distance to an empty cluster: 3.5, above all others."""
    table = np.zeros(len(counts_up_to(num_points)), dtype=np.int64)
    table[0] = 7 << (DISTANCE_BITS - 1)
    return table


def of_counts(num_points: int, function: Callable[[FloatArray], FloatArray]) -> FloatArray:
    """Return a table of a function of counts, with 0 for a count of 0."""
    counts = counts_up_to(num_points)
    values = function(np.maximum(counts, 1.0))
    values[0] = 0.0
    return values


def between_bits(num_points: int) -> int:
    """Return the most fractional bits for a sum of N squared norms of at most 1."""
    return BETWEEN_BITS - math.ceil(math.log2(num_points + 1))


@lru_cache(maxsize=4)
def between_tables(num_points: int) -> Tables:
    """Return the tables of 1/c for the divisions of squared norms in `mpc.clustering.restarts`."""
    scale = 2.0 ** (between_bits(num_points) - GRAM_BITS)
    return tables_of(of_counts(num_points, lambda c: scale / c), HIGHER_SHIFT)
