"""Point functions: every mask and index of small domains."""

import numpy as np
import pytest

from mpc.errors import InputError
from mpc.fss import (
    CorrectionWords,
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


@RINGS
@pytest.mark.parametrize("num_bits", [1, 2, 3, 4, 5, 6, 7, 8, 11])
def test_shares_are_one_hot_at_every_point(num_bits: int, ring_bits: int) -> None:
    first, second = keys(np.arange(1 << num_bits, dtype=np.uint64), num_bits, ring_bits)
    assert np.array_equal(first.expand() + second.expand(), np.eye(1 << num_bits))


def test_the_fewer_bytes_are_preferred() -> None:
    assert [d for d in range(1, 15) if prefers_entries(d, 64)] == [1, 2, 3, 4]
    assert [d for d in range(1, 15) if prefers_entries(d, 8)] == [1, 2, 3, 4, 5, 6, 7]
    assert point_layout(1, num_bits=4, ring_bits=64).bytes_per_tree == 65
    assert point_layout(1, num_bits=8, ring_bits=8).bytes_per_tree == 81


ALPHA = np.array([1, 2], dtype=np.uint64)
FIRST = keys(ALPHA, 3, 64)[0]


def test_wrong_keys_are_refused() -> None:
    with pytest.raises(InputError, match=r"1\.\.14"):
        point_layout(1, num_bits=15)
    with pytest.raises(InputError, match="party is 2"):
        PointKeys(party=2, seeds=FIRST.seeds, words=FIRST.words)
    with pytest.raises(InputError, match="below 2"):
        keys(ALPHA + np.uint64(8), 3, 64)


def test_secrets_are_not_printed() -> None:
    assert "array" not in repr(FIRST).replace("flat=array", "")
