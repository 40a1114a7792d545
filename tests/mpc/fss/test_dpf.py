"""Point functions and one-hot tables: every mask and index of small domains, and tables."""

import numpy as np
import pytest

from mpc.errors import InputError
from mpc.fss import (
    CorrectionWords,
    OneHotTable,
    PointKeys,
    generate_point,
    point_layout,
    prefers_entries,
)
from mpc.ring.randomness import AesCtrStream

KEY = bytes(range(16))
RINGS = pytest.mark.parametrize("ring_bits", [8, 64])


def keys(alpha: np.ndarray, num_bits: int, ring_bits: int) -> tuple[PointKeys, PointKeys]:
    stream = AesCtrStream(KEY)
    seeds = stream.ring((len(alpha), 2)), stream.ring((len(alpha), 2))
    words = generate_point(alpha, *seeds, num_bits=num_bits, ring_bits=ring_bits, key=KEY)
    received = CorrectionWords.from_bytes(words.layout, words.to_bytes())
    first, second = (PointKeys(party=p, seeds=seeds[p], words=received) for p in range(2))
    return first, second


def one_hots(alpha: np.ndarray, num_bits: int, ring_bits: int) -> tuple[OneHotTable, OneHotTable]:
    drawn = AesCtrStream(KEY).ring((len(alpha), 1 << num_bits)).astype(f"uint{ring_bits}")
    return OneHotTable.deal(alpha, drawn), OneHotTable(shares=drawn)


def all_pairs(num_bits: int) -> tuple[np.ndarray, np.ndarray]:
    x, r = np.divmod(np.arange(4**num_bits, dtype=np.uint64), np.uint64(1 << num_bits))
    return x, r


@RINGS
@pytest.mark.parametrize("num_bits", [1, 2, 3, 4, 5, 6, 7, 8, 11])
def test_shares_are_one_hot_at_every_point(num_bits: int, ring_bits: int) -> None:
    first, second = keys(np.arange(1 << num_bits, dtype=np.uint64), num_bits, ring_bits)
    assert np.array_equal(first.expand() + second.expand(), np.eye(1 << num_bits))


@RINGS
@pytest.mark.parametrize("make", [keys, one_hots])
@pytest.mark.parametrize("num_bits", [1, 2, 3, 5, 6, 7])
def test_lookups_are_right_for_every_index_and_mask(
    make: object, num_bits: int, ring_bits: int
) -> None:
    x, r = all_pairs(num_bits)
    z = (x + r) & np.uint64((1 << num_bits) - 1)
    tables = AesCtrStream(KEY, 7).ring((3, 1 << num_bits))
    first, second = make(r, num_bits, ring_bits)  # type: ignore[operator]
    expected = tables[:, x.astype(np.intp)].astype(f"uint{ring_bits}")
    assert np.array_equal(first.lookup(tables, z) + second.lookup(tables, z), expected)
    for constant in (0, (1 << num_bits) - 1):
        total = first.equals(constant, z) + second.equals(constant, z)
        assert np.array_equal(total, x == constant)


def test_inverses_of_counts_come_from_one_key() -> None:
    """Domains that are no power of two are padded; several tables share a key."""
    num_counts, num_bits = 9001, 14
    counts = np.arange(1, num_counts)
    tables = np.zeros((3, 1 << num_bits), dtype=np.int64)
    tables[0, 1:num_counts] = (1 << 30) // counts
    tables[1, 1:num_counts] = (1 << 40) // counts**2
    tables[2, 0] = 1
    x = np.array([0, 1, 2, 17, 4500, 9000], dtype=np.uint64)
    r = AesCtrStream(KEY, 3).bits(x.shape, num_bits).view(np.uint64)
    first, second = keys(r, num_bits, 64)
    z = (x + r) & np.uint64((1 << num_bits) - 1)
    total = first.lookup(tables, z) + second.lookup(tables, z)
    assert np.array_equal(total.view(np.int64), tables[:, x.astype(np.intp)])


@RINGS
def test_one_point_is_that_of_the_whole_domain(ring_bits: int) -> None:
    alpha, z = all_pairs(7)
    for key in keys(alpha, 7, ring_bits):
        whole = key.expand()[np.arange(len(z)), z.astype(np.intp)]
        assert np.array_equal(key.at(z), whole)


def test_selections_over_sixteen_points_are_right_in_number() -> None:
    x = AesCtrStream(KEY, 3).bits((20000,), 4).view(np.uint64)
    r = AesCtrStream(KEY, 4).bits((20000,), 4).view(np.uint64)
    z = (x + r) & np.uint64(15)
    for first, second in (keys(r, 4, 64), one_hots(r, 4, 64)):
        assert np.array_equal(first.equals(9, z) + second.equals(9, z), x == 9)


def test_the_fewer_bytes_are_preferred() -> None:
    assert [d for d in range(1, 15) if prefers_entries(d, 64)] == [1, 2, 3, 4]
    assert [d for d in range(1, 15) if prefers_entries(d, 8)] == [1, 2, 3, 4, 5, 6, 7]
    assert point_layout(1, num_bits=4, ring_bits=64).bytes_per_tree == 65
    assert point_layout(1, num_bits=8, ring_bits=8).bytes_per_tree == 81


ALPHA = np.array([1, 2], dtype=np.uint64)
FIRST = keys(ALPHA, 3, 64)[0]
ENTRIES = one_hots(ALPHA, 3, 64)[0]


@pytest.mark.parametrize("either", [FIRST, ENTRIES])
def test_wrong_lookups_are_refused(either: PointKeys | OneHotTable) -> None:
    with pytest.raises(InputError, match="tables are"):
        either.lookup(np.zeros((1, 7), dtype=np.int64), ALPHA)
    with pytest.raises(InputError, match="tables are"):
        either.lookup(np.zeros((1, 8), dtype=np.float64), ALPHA)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="below 2"):
        either.lookup(np.zeros((1, 8), dtype=np.int64), ALPHA + np.uint64(8))
    with pytest.raises(InputError, match=r"choose 0\.\.7"):
        either.equals(8, ALPHA)


def test_wrong_keys_are_refused() -> None:
    with pytest.raises(InputError, match=r"1\.\.14"):
        point_layout(1, num_bits=15)
    with pytest.raises(InputError, match="party is 2"):
        PointKeys(party=2, seeds=FIRST.seeds, words=FIRST.words)
    with pytest.raises(InputError, match="power of two"):
        OneHotTable(shares=np.zeros((2, 6), dtype=np.uint64))
    with pytest.raises(InputError, match="below 2"):
        OneHotTable.deal(ALPHA + np.uint64(8), np.zeros((2, 8), dtype=np.uint8))
    with pytest.raises(InputError, match="shares are int64"):
        OneHotTable(shares=np.zeros((2, 8), dtype=np.int64))  # type: ignore[arg-type]


@pytest.mark.parametrize("either", [FIRST, ENTRIES])
def test_secrets_are_not_printed(either: PointKeys | OneHotTable) -> None:
    assert "array" not in repr(either).replace("flat=array", "")
