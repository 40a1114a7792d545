"""Comparisons and signs: against the plain function, everywhere it is small enough."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc import fss
from mpc.errors import FrameError, InputError
from mpc.fss import eval, keygen
from mpc.ring.randomness import AesCtrStream

KEY = bytes(range(16))
EDGES = (0, -1, 1, 1 << 62, -(1 << 62), -(1 << 63), (1 << 63) - 1)
RINGS = pytest.mark.parametrize("ring_bits", [8, 64])


def stream(nonce: int = 0) -> AesCtrStream:
    return AesCtrStream(KEY, nonce)


def uniform(count: int, nonce: int) -> np.ndarray:
    return stream(nonce).ring((count,)).view(np.uint64)


def roots(count: int) -> tuple[np.ndarray, np.ndarray]:
    return stream(1).ring((count, 2)), stream(2).ring((count, 2))


def signs(x: np.ndarray, r: np.ndarray, num_bits: int, ring_bits: int) -> list[np.ndarray]:
    """Both parties' shares of [x < 0] at the public x + r."""
    seeds = roots(len(x))
    words = fss.generate_sign(r, *seeds, num_bits=num_bits, ring_bits=ring_bits, key=KEY)
    return [fss.evaluate_sign(party, seeds[party], words, x + r) for party in range(2)]


def all_pairs(num_bits: int) -> tuple[np.ndarray, np.ndarray]:
    numbers = np.arange(4**num_bits, dtype=np.uint64)
    x, r = np.divmod(numbers, np.uint64(1 << num_bits))
    return x, r


@RINGS
@pytest.mark.parametrize("num_bits", range(2, 9))
def test_signs_are_right_for_every_number_and_mask(num_bits: int, ring_bits: int) -> None:
    x, r = all_pairs(num_bits)
    share_0, share_1 = signs(x, r, num_bits, ring_bits)
    assert share_0.dtype == np.dtype(f"uint{ring_bits}")
    assert np.array_equal(share_0 + share_1, x >> np.uint64(num_bits - 1))


@RINGS
@pytest.mark.parametrize("num_bits", [1, 2, 4, 5, 6, 8])
def test_comparisons_are_right_for_every_threshold_and_point(num_bits: int, ring_bits: int) -> None:
    alpha, z = all_pairs(num_bits)
    dtype = np.dtype(f"uint{ring_bits}")
    beta, offset = uniform(len(z), 3).astype(dtype), uniform(len(z), 4).astype(dtype)
    seeds = roots(len(z))
    words = fss.generate(
        alpha, beta, *seeds, num_bits=num_bits, ring_bits=ring_bits, offset=offset, key=KEY
    )
    total = sum(fss.evaluate(p, seeds[p], words, z) for p in range(2))
    assert np.array_equal(total, np.where(z < alpha, beta + offset, offset))


@RINGS
@pytest.mark.parametrize("num_bits", [63, 64])
def test_wide_comparisons_are_right_beside_the_threshold(num_bits: int, ring_bits: int) -> None:
    top = (1 << num_bits) - 1
    thresholds = (0, 1, top // 3, top // 2, top // 2 + 1, top - 1, top)
    pairs = [(a, min(max(a + d, 0), top)) for a in thresholds for d in (-33, -1, 0, 1, 33)]
    alpha, z = np.array(pairs, dtype=np.uint64).T.copy()
    seeds = roots(len(z))
    words = fss.generate(alpha, 7, *seeds, num_bits=num_bits, ring_bits=ring_bits, key=KEY)
    total = sum(fss.evaluate(p, seeds[p], words, z) for p in range(2))
    assert np.array_equal(total, 7 * (z < alpha))


@RINGS
def test_signs_of_64_bits_are_right_at_the_edges(ring_bits: int) -> None:
    pairs = [(x % (1 << 64), r % (1 << 64)) for x in EDGES for r in EDGES]
    x, r = np.array(pairs, dtype=np.uint64).T.copy()
    assert np.array_equal(sum(signs(x, r, 64, ring_bits)), x >> np.uint64(63))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(-(1 << 63), (1 << 63) - 1), st.integers(0, (1 << 64) - 1)),
        min_size=1,
        max_size=20,
    ),
    st.integers(2, 64),
    st.sampled_from([8, 64]),
)
def test_signs_are_right(pairs: list[tuple[int, int]], num_bits: int, ring_bits: int) -> None:
    x = np.array([pair[0] for pair in pairs], dtype=np.int64).view(np.uint64)
    r = np.array([pair[1] for pair in pairs], dtype=np.uint64)
    expected = (x >> np.uint64(num_bits - 1)) & np.uint64(1)
    assert np.array_equal(sum(signs(x, r, num_bits, ring_bits)), expected)


def test_batches_over_a_chunk_are_right() -> None:
    count = max(eval.CHUNK, 2 * keygen.CHUNK) + 1
    x, r = uniform(count, 5), uniform(count, 6)
    assert np.array_equal(sum(signs(x, r, 64, 8)), x >> np.uint64(63))


def test_an_empty_batch_gives_no_shares() -> None:
    none = np.empty(0, dtype=np.uint64)
    assert [len(shares) for shares in signs(none, none, 64, 8)] == [0, 0]


@RINGS
def test_lowest_bits_are_xor_shares(ring_bits: int) -> None:
    x, r = uniform(500, 5), uniform(500, 6)
    bits = [shares & shares.dtype.type(1) for shares in signs(x, r, 64, ring_bits)]
    assert {int(bit) for bit in bits[0]} == {0, 1}
    assert np.array_equal(bits[0] ^ bits[1], x >> np.uint64(63))


@pytest.mark.parametrize(("ring_bits", "num_bytes"), [(8, 1026), (64, 1504)])
def test_a_sign_of_64_bits_takes_as_many_bytes_as_written(ring_bits: int, num_bytes: int) -> None:
    layout = fss.sign_layout(10, ring_bits=ring_bits)
    assert layout.bytes_per_tree == num_bytes
    words = fss.generate_sign(uniform(10, 5), *roots(10), ring_bits=ring_bits)
    assert words.layout == layout
    assert len(words.to_bytes()) == 10 * num_bytes + 16


@RINGS
def test_words_survive_the_wire(ring_bits: int) -> None:
    x, r = uniform(33, 5), uniform(33, 6)
    seeds = roots(33)
    sent = fss.generate_sign(r, *seeds, num_bits=21, ring_bits=ring_bits)
    words = fss.CorrectionWords.from_bytes(sent.layout, sent.to_bytes())
    total = sum(fss.evaluate_sign(p, seeds[p], words, x + r) for p in range(2))
    assert np.array_equal(total, (x >> np.uint64(20)) & np.uint64(1))


def test_every_word_matters() -> None:
    """Each byte of the words changes a share somewhere, so none is sent in vain."""
    alpha, z = all_pairs(7)
    seeds = roots(len(z))
    words = fss.generate(alpha, 5, *seeds, num_bits=7, ring_bits=8, key=KEY)
    expected = fss.evaluate(1, seeds[1], words, z)
    for name in ("seeds", "values", "leaves", "control"):
        damaged = fss.CorrectionWords.from_bytes(words.layout, bytearray(words.to_bytes()))
        array = getattr(damaged, name)
        array ^= array.dtype.type(1)
        assert not np.array_equal(fss.evaluate(1, seeds[1], damaged, z), expected), name


def test_a_batch_has_its_own_public_key() -> None:
    r, seeds = uniform(4, 5), roots(4)
    first, second = (fss.generate_sign(r, *seeds) for _ in range(2))
    assert first.key != second.key
    assert not np.array_equal(first.seeds, second.seeds)


GOOD = uniform(4, 5)
SEEDS = roots(4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fss.generate_sign(GOOD, *SEEDS, num_bits=1), "2..64"),
        (lambda: fss.generate_sign(GOOD, *SEEDS, num_bits=65), "2..64"),
        (lambda: fss.generate_sign(GOOD, *SEEDS, ring_bits=16), "choose 8"),
        (lambda: fss.generate_sign(GOOD.view(np.int64), *SEEDS), "uint64"),
        (lambda: fss.generate_sign(GOOD, SEEDS[0][:3], SEEDS[1]), "root seeds"),
        (lambda: fss.generate_sign(GOOD, *SEEDS, key=b"short"), "16 are needed"),
        (lambda: fss.generate(GOOD, 1, *SEEDS, num_bits=0, ring_bits=8), "choose 1..64"),
        (lambda: fss.generate(GOOD, 1, *SEEDS, num_bits=9, ring_bits=8), "below 2\\^9"),
        (lambda: fss.generate(GOOD, GOOD, *SEEDS, num_bits=64, ring_bits=8), "beta is uint64"),
        (lambda: fss.evaluate_sign(2, SEEDS[0], fss.generate_sign(GOOD, *SEEDS), GOOD), "party"),
        (
            lambda: fss.evaluate_sign(0, SEEDS[0], fss.generate_sign(GOOD, *SEEDS), GOOD[:3]),
            "3 points for 4 trees",
        ),
    ],
)
def test_wrong_input_is_refused(call: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call()  # type: ignore[operator]


def test_words_of_another_size_are_refused() -> None:
    layout = fss.sign_layout(4)
    with pytest.raises(FrameError, match=str(layout.num_bytes)):
        fss.CorrectionWords.from_bytes(layout, bytes(layout.num_bytes - 1))
