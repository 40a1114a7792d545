"""A sign and its product with its own mask, from one tree."""

import numpy as np
import pytest

from mpc import fss
from tests.mpc.test_fss_comparison import KEY, roots, stream, uniform

LOW = np.uint64((1 << fss.PACKED_BITS) - 1)
HALF = 1 << (fss.PACKED_BITS - 1)
EDGES = (0, 1, -1, 2, -2, HALF - 1, -HALF, HALF // 2, -HALF // 2)


def packed(x: np.ndarray, r: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return [x < 0] and its product with r mod 2^32, and the xor of the lowest bits of shares."""
    seeds = roots(len(x))
    words = fss.generate_sign(
        r, *seeds, num_bits=fss.PACKED_BITS, ring_bits=64, weights=fss.weights_of(r), key=KEY
    )
    r_1 = stream(9).ring((len(x),)).view(np.uint64)
    halves = []
    for party, share_of_r in enumerate((r - r_1, r_1)):
        weights = fss.weight_shares(party, share_of_r)
        shares = fss.evaluate_sign(party, seeds[party], words, x + r, weights)
        halves.append(fss.unpack(party, shares))
    (bit_0, product_0), (bit_1, product_1) = halves
    bit, product = (
        (a + b).view(np.uint64) & LOW for a, b in ((bit_0, bit_1), (product_0, product_1))
    )
    return bit, product, ((bit_0 ^ bit_1) & 1).view(np.uint64)


@pytest.mark.parametrize("mask", EDGES)
def test_edges_under_masks_at_edges(mask: int) -> None:
    """Each number of the edges, and random bits above, under one mask and what is added to it."""
    x = np.repeat(np.array(EDGES, dtype=np.int64), 50).view(np.uint64)
    above = uniform(len(x), 5) << np.uint64(fss.PACKED_BITS)
    r = np.full(len(x), mask, dtype=np.int64).view(np.uint64) + above
    check(x, r)


def test_any_numbers_under_any_masks() -> None:
    check(uniform(50_000, 6), uniform(50_000, 7))


def check(x: np.ndarray, r: np.ndarray) -> None:
    negative = (x >> np.uint64(fss.PACKED_BITS - 1)) & np.uint64(1)
    assert 0 < negative.sum() < len(x)
    bit, product, xored = packed(x, r)
    assert np.array_equal(bit, negative)
    assert np.array_equal(xored, negative)
    assert np.array_equal(product, (negative * r) & LOW)


@pytest.mark.parametrize("ring_bits", [8, 64])
@pytest.mark.parametrize("num_bits", [2, 5, 8])
def test_weighted_signs_are_right_for_every_number_and_mask(num_bits: int, ring_bits: int) -> None:
    numbers = np.arange(4**num_bits, dtype=np.uint64)
    x, r = np.divmod(numbers, np.uint64(1 << num_bits))
    dtype = np.dtype(f"uint{ring_bits}")
    weights, weights_1 = uniform(len(x), 3).astype(dtype), uniform(len(x), 4).astype(dtype)
    seeds = roots(len(x))
    words = fss.generate_sign(
        r, *seeds, num_bits=num_bits, ring_bits=ring_bits, weights=weights, key=KEY
    )
    shares = [
        fss.evaluate_sign(party, seeds[party], words, x + r, share)
        for party, share in enumerate((weights - weights_1, weights_1))
    ]
    negative = (x >> np.uint64(num_bits - 1)).astype(dtype)
    assert np.array_equal(shares[0] + shares[1], negative * weights)
