"""What one party sees: correction words and shares that look uniform, whatever is compared.

Every tree has the same alpha, and in the first tests the same root seed of the observing party, so
that anything which does not depend on the other party's seed would repeat in every tree.
Streams have fixed keys: a test gives the same answer each time. A byte's
statistic is chi-square with 255 degrees of freedom, mean 255 and standard deviation 22.6;
seven of them are the limit.
"""

import numpy as np
import pytest

from mpc import fss
from mpc.fss.prg import Prg, block_room
from mpc.ring.randomness import AesCtrStream

KEY = bytes(range(16))
COUNT = 20000
LIMIT = 255 + 7 * 22.6
OBSERVED = pytest.mark.parametrize("party", [0, 1])
ALPHAS = pytest.mark.parametrize("alpha", [0, 0x1234, 0xFFFF])


def chi_squares(rows: np.ndarray) -> np.ndarray:
    """The statistic of each column of bytes."""
    expected = len(rows) / 256
    counts = [np.bincount(column, minlength=256) for column in rows.T]
    return np.asarray(((np.array(counts) - expected) ** 2 / expected).sum(axis=1))


def columns(array: np.ndarray) -> np.ndarray:
    """Bytes of one tree a row, from arrays with trees on the first axis."""
    return np.ascontiguousarray(array).view(np.uint8).reshape(COUNT, -1)


def words_seen_by(party: int, alpha: int, ring_bits: int) -> fss.CorrectionWords:
    """Words of trees in which the party's root seed is always the same."""
    fresh = AesCtrStream(KEY, 1).ring((COUNT, 2))
    same = np.repeat(AesCtrStream(KEY, 2).ring((1, 2)), COUNT, axis=0)
    seeds = (same, fresh) if party == 0 else (fresh, same)
    alphas = np.full(COUNT, alpha, dtype=np.uint64)
    return fss.generate(alphas, 1, *seeds, num_bits=16, ring_bits=ring_bits, key=KEY)


@OBSERVED
@ALPHAS
@pytest.mark.parametrize("ring_bits", [8, 64])
def test_words_look_uniform_beside_one_seed(party: int, alpha: int, ring_bits: int) -> None:
    words = words_seen_by(party, alpha, ring_bits)
    assert chi_squares(columns(words.seeds.transpose(1, 0, 2))).max() < LIMIT
    assert chi_squares(columns(words.values.T)).max() < LIMIT
    assert chi_squares(columns(words.leaves)).max() < LIMIT
    ones = np.unpackbits(words.control, axis=1, bitorder="little").sum(axis=0)
    levels = words.layout.levels
    assert np.all(np.abs(ones[:levels] - COUNT / 2) < 6 * np.sqrt(COUNT / 4))
    assert not ones[levels:].any()


@OBSERVED
def test_words_and_own_nodes_are_unrelated(party: int) -> None:
    """The seed word is no function of what the observer can compute from its own seed."""
    stream = AesCtrStream(KEY, 3)
    seeds = stream.ring((COUNT, 2)), stream.ring((COUNT, 2))
    alphas = np.full(COUNT, 77, dtype=np.uint64)
    words = fss.generate(alphas, 1, *seeds, num_bits=16, ring_bits=8, key=KEY)
    prg = Prg(KEY)
    for branch in range(2):
        labelled = seeds[party].view(np.uint64).copy()
        labelled[:, 0] ^= np.uint64(branch)
        room = block_room(COUNT)
        prg.children(labelled, room)
        assert chi_squares(columns(words.seeds[0] ^ room[:-1])).max() < LIMIT


@OBSERVED
@pytest.mark.parametrize("ring_bits", [8, 64])
@pytest.mark.parametrize("z", [0, 76, 77, 0x7FFF, 0xFFFF])
def test_shares_look_uniform(party: int, ring_bits: int, z: int) -> None:
    stream = AesCtrStream(KEY, 4)
    seeds = stream.ring((COUNT, 2)), stream.ring((COUNT, 2))
    masks, masked = (np.full(COUNT, value, dtype=np.uint64) for value in (77, z))
    words = fss.generate_sign(masks, *seeds, num_bits=16, ring_bits=ring_bits, key=KEY)
    shares = fss.evaluate_sign(party, seeds[party], words, masked)
    assert chi_squares(columns(shares)).max() < LIMIT


@OBSERVED
def test_shares_of_points_look_uniform(party: int) -> None:
    stream = AesCtrStream(KEY, 5)
    seeds = stream.ring((COUNT, 2)), stream.ring((COUNT, 2))
    alphas = np.full(COUNT, 5, dtype=np.uint64)
    words = fss.generate_point(alphas, *seeds, num_bits=6, ring_bits=8, key=KEY)
    shares = fss.PointKeys(party=party, seeds=seeds[party], words=words).expand()
    assert chi_squares(columns(shares)).max() < LIMIT


def test_the_parts_of_a_generator_are_unrelated() -> None:
    """Both children and the value block of a node, and their differences, look uniform."""
    prg = Prg(KEY)
    nodes = AesCtrStream(KEY, 6).ring((COUNT, 2)).view(np.uint64)
    parts = []
    for branch in range(2):
        labelled = nodes.copy()
        labelled[:, 0] ^= np.uint64(branch)
        parts.append(block_room(COUNT))
        prg.children(labelled, parts[-1])
    parts.append(block_room(COUNT))
    prg.permute_values(nodes, parts[-1])
    blocks = [part[:-1] for part in parts]
    blocks[2] = blocks[2] ^ nodes
    for block in (*blocks, blocks[0] ^ blocks[1], blocks[0] ^ blocks[2], blocks[0] ^ nodes):
        assert chi_squares(columns(block)).max() < LIMIT
