"""CrypTen's reciprocal of cluster sizes: where it is right or diverges, and what scaling does."""

import numpy as np

from mpc.jobs.protocol import MAX_STOCK_POINTS
from tests.mpc.conftest import Parties

UNIT = 2.0**-16
TIMES = 20
"""Its errors are random."""


def relative_errors(parties: Parties, sizes: list[int], shift: int = 0) -> np.ndarray:
    """Of the reciprocals of sizes that are divided by 2^shift: the largest of many, by size."""
    given = np.tile(sizes, TIMES)
    found = parties("crypten_reciprocal", given, shift=shift) * UNIT / 2**shift
    errors: np.ndarray = np.abs(found * given - 1).reshape(TIMES, -1).max(axis=0)
    return errors


def test_of_few_it_is_right_of_a_hundred_it_is_not_and_of_hundreds_it_diverges(
    parties: Parties,
) -> None:
    one, thirty, hundred, hundreds = relative_errors(parties, [1, 30, 100, 400])
    assert one < 1e-4
    assert thirty > 1e-3
    assert hundred > 0.02
    assert hundreds > 1.0


def test_scaled_sizes_are_right_up_to_the_most(parties: Parties) -> None:
    sizes = [2, 5, 30, 100, 400, MAX_STOCK_POINTS]
    assert relative_errors(parties, sizes, MAX_STOCK_POINTS.bit_length()).max() < 2.0**-12
    assert relative_errors(parties, [1], MAX_STOCK_POINTS.bit_length()).max() < 2.0**-11
    assert relative_errors(parties, [1, 2, 5, 30, 100], 7).max() < 2.0**-13


def test_an_empty_cluster_has_a_finite_one(parties: Parties) -> None:
    assert 0 < parties("crypten_reciprocal", np.array([0]), shift=10)[0] * UNIT < 2.0**15
