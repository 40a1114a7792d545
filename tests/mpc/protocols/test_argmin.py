"""The smallest of secret numbers: all pairs at once, or a tournament; ties to the lowest index."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from mpc.gates.lut_comparison import plan_of
from mpc.gates.pairs import differences, num_pairs, pairs_of
from mpc.jobs.comparisons import Comparisons
from mpc.protocols.argmin import BRACKET, PAIRS_MAX
from mpc.ring.fixedpoint import COMPARED_BITS, EXACT_BITS, Int64Array
from tests.mpc.conftest import Parties, every_method

UNIT = 1 << (COMPARED_BITS - 4)
"""One in a number that is compared: candidates lie between -1 and 5."""
GROUPS = [(1,), (2,), (3,), (16,), (1, 2, 3, 16), (4, 4, 4), (1, 1), (5, 1, 2)]


def one_hot(x_BL: Int64Array) -> Int64Array:
    onehot: Int64Array = np.eye(x_BL.shape[1], dtype=np.int64)[x_BL.argmin(axis=1)]
    return onehot


def in_groups(dist_NC: Int64Array, blocks: Sequence[int], valid_N: Int64Array) -> Int64Array:
    ends = np.cumsum(blocks)[:-1]
    parts = [one_hot(part) for part in np.split(dist_NC, ends, axis=1)]
    return np.concatenate(parts, axis=1) * valid_N[:, None]


def distances(columns: int, rows: int = 24, seed: int = 0) -> Int64Array:
    """Draw numbers from the whole range, some rows with many ties, some as far apart as can be."""
    rng = np.random.default_rng(seed)
    drawn = rng.integers(-UNIT, 5 * UNIT, size=(rows, columns))
    drawn[::4] = rng.integers(0, 2, size=(len(drawn[::4]), columns))
    drawn[1::4] = np.where(rng.integers(0, 2, size=(len(drawn[1::4]), columns)), -UNIT, 5 * UNIT)
    drawn[2] = 0
    return drawn


@pytest.mark.slow
@every_method
@pytest.mark.parametrize("blocks", GROUPS, ids=str)
def test_nearest_in_groups(
    any_parties: Parties, blocks: tuple[int, ...], comparisons: Comparisons
) -> None:
    dist_NC = distances(sum(blocks))
    for those in (np.arange(24) % 3 > 0, np.ones(24), np.zeros(24)):
        valid_N = np.asarray(those, dtype=np.int64)
        given = dist_NC * valid_N[:, None], valid_N
        found = any_parties("nearest", *given, blocks=list(blocks), comparisons=comparisons)
        assert np.array_equal(found, in_groups(dist_NC, blocks, valid_N))


@pytest.mark.parametrize("blocks", [(2,), (5, 1, 8), (16,)], ids=str)
def test_who_does_not_count_wins_nothing_wherever_it_is(
    any_parties: Parties, blocks: tuple[int, ...]
) -> None:
    """Also where the first cluster is empty, and far from everybody."""
    rng, valid_N = np.random.default_rng(5), np.arange(24) % 2
    dist_NC = rng.integers(-UNIT // 8, 29 * UNIT // 8, size=(24, sum(blocks)))
    dist_NC[:8:2] = -UNIT // 8
    dist_NC[:8:2, np.cumsum([0, *blocks[:-1]])] = 29 * UNIT // 8
    dist_NC[8:16:2] = 29 * UNIT // 8
    found = any_parties("nearest", dist_NC, valid_N, blocks=list(blocks))
    assert np.array_equal(found, in_groups(dist_NC, blocks, valid_N))


@pytest.mark.slow
def test_two_parties_compare_by_digits_where_that_saves_more_than_a_round_is_worth(
    met: Callable[[int, str], Parties],
) -> None:
    few, many = 5, 100
    parties = met(2, "dealer")
    for rows, together, rounds in ((few, False, 2), (many, False, 3), (many, True, 2)):
        dist_NC, valid_N = distances(8, rows=rows), (np.arange(rows) % 5 > 0).astype(np.int64)
        given = dist_NC * valid_N[:, None], valid_N
        found = parties("nearest", *given, blocks=[8], minimize_rounds=together)
        assert np.array_equal(found, in_groups(dist_NC, (8,), valid_N))
        assert parties.rounds == rounds


@pytest.mark.parametrize("blocks", [(17,), (3, 20), (40, 2)], ids=str)
def test_nearest_in_groups_of_more_than_sixteen(
    any_parties: Parties, blocks: tuple[int, ...]
) -> None:
    dist_NC, valid_N = distances(sum(blocks)), (np.arange(24) % 3 > 0).astype(np.int64)
    found = any_parties("nearest", dist_NC * valid_N[:, None], valid_N, blocks=list(blocks))
    assert np.array_equal(found, in_groups(dist_NC, blocks, valid_N))


def test_only_the_bits_that_are_compared_count(any_parties: Parties) -> None:
    dist_NC, valid_N = distances(6), np.ones(24, dtype=np.int64)
    above = np.random.default_rng(1).integers(0, 1 << 20, size=dist_NC.shape) << COMPARED_BITS
    found = any_parties("nearest", dist_NC + above, valid_N, blocks=[2, 4])
    assert np.array_equal(found, in_groups(dist_NC, (2, 4), valid_N))


@pytest.mark.parametrize("bits", [COMPARED_BITS, EXACT_BITS, 64])
@pytest.mark.parametrize("candidates", [1, 2, 9, 16, 17, 30, 92, 300])
def test_one_hot_min_of_any_number_of_candidates(
    any_parties: Parties, candidates: int, bits: int
) -> None:
    """Few at once, many by a tournament; the last of the last group among them."""
    x_BL = distances(candidates, rows=5) << (bits - COMPARED_BITS)
    x_BL[3] = np.arange(candidates)[::-1]  # the smallest stands last
    x_BL[4] = 5 * UNIT << (bits - COMPARED_BITS)  # all tie at the greatest
    assert np.array_equal(any_parties("one_hot_min", x_BL, bits=bits), one_hot(x_BL))


@pytest.mark.parametrize("candidates", [1, 2, 9, 15, 16, 17, 33])
def test_a_tournament_says_the_same(any_parties: Parties, candidates: int) -> None:
    x_BL = distances(candidates, rows=8, seed=2)
    assert np.array_equal(any_parties("tournament", x_BL, bits=COMPARED_BITS), one_hot(x_BL))


def test_rounds_are_those_of_the_docstrings(parties: Parties) -> None:
    """Keys take one round, and with three parties digits two; then who won is looked up."""
    comparing = 1 if parties.num_parties == 2 else 2
    together = comparing + 1
    ones = np.ones(7, dtype=np.int64)
    for blocks, rounds in {
        (1,): 0,
        (2,): together,
        (16,): together,
        (1, 3, 2): together,
    }.items():
        parties("nearest", np.ones((7, sum(blocks))), ones, blocks=list(blocks), comparisons="fss")
        assert parties.rounds == rounds, blocks
    few = BRACKET + 1
    assert few * (few - 1) // 2 < PAIRS_MAX < 92 * 91 // 2
    for candidates, rounds in ((few, together), (92, 2 * (together + 1))):
        parties("one_hot_min", np.ones((1, candidates)), bits=COMPARED_BITS, comparisons="fss")
        assert parties.rounds == rounds, candidates


@pytest.mark.slow
@pytest.mark.parametrize("comparisons", ["fss", "lut"])
def test_a_candidate_is_opened_once_however_many_pairs_it_is_in(
    met: Callable[[int, str], Parties], comparisons: Comparisons
) -> None:
    """By keys and digits; a circuit takes every difference."""
    parties, sent = met(2, "dealer"), []
    for candidates in (6, 12):
        x_BL = np.ones((3, candidates))
        parties("one_hot_min", x_BL, bits=COMPARED_BITS, comparisons=comparisons)
        looked_up = 3 * num_pairs((candidates,)) * plan_of(COMPARED_BITS, 4).opened_bits
        of_digits = 8 * -(-looked_up // 64) if comparisons == "lut" else 0
        sent.append(parties.bytes_sent - of_digits)
    opened_each = 8 * 3 * 2  # to be compared, and to be looked up
    assert sent[1] - sent[0] == 6 * opened_each


@pytest.mark.parametrize("blocks", GROUPS, ids=str)
def test_all_pairs_are_met_once(blocks: tuple[int, ...]) -> None:
    low, high = pairs_of(blocks)
    assert len(low) == len(high) == num_pairs(blocks)
    of = np.repeat(np.arange(len(blocks)), blocks)
    found = list(zip(low.tolist(), high.tolist(), strict=True))
    assert set(found) == {
        (i, j) for i in range(len(of)) for j in range(i + 1, len(of)) if of[i] == of[j]
    }
    x_BL = np.random.default_rng(0).integers(-(1 << 63), 1 << 63, size=(4, len(of)))
    expected = [x_BL[:, j] - x_BL[:, i] for i, j in found]
    gaps = differences(x_BL, blocks).reshape(4, -1)
    assert np.array_equal(gaps, np.reshape(expected, (-1, 4)).T)
