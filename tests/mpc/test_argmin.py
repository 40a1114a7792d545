"""The smallest of secret numbers: all pairs at once, or a tournament; ties to the lowest index."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from mpc import pairs
from mpc.argmin import GROUP, PAIRS_MAX
from mpc.duels import differences, duels_of, num_duels
from mpc.fixedpoint import COMPARED_BITS, EXACT_BITS, Int64Array
from tests.mpc.conftest import Parties

UNIT = 1 << (COMPARED_BITS - 4)
"""One in a number that is compared: candidates lie between -1 and 5."""
FAR = 8 * UNIT
GROUPS = [(1,), (2,), (3,), (16,), (1, 2, 3, 16), (4, 4, 4), (1, 1), (5, 1, 2)]


def one_hot(x_BL: Int64Array) -> Int64Array:
    return np.eye(x_BL.shape[1], dtype=np.int64)[x_BL.argmin(axis=1)]


def in_groups(dist_NC: Int64Array, groups: Sequence[int], kept_N: Int64Array) -> Int64Array:
    ends = np.cumsum(groups)[:-1]
    parts = [one_hot(part) for part in np.split(dist_NC, ends, axis=1)]
    return np.concatenate(parts, axis=1) * kept_N[:, None]


def distances(columns: int, rows: int = 24, seed: int = 0) -> Int64Array:
    """Draw numbers from the whole range, some rows with many ties, some as far apart as can be."""
    rng = np.random.default_rng(seed)
    drawn = rng.integers(-UNIT, 5 * UNIT, size=(rows, columns))
    drawn[::4] = rng.integers(0, 2, size=(len(drawn[::4]), columns))
    drawn[1::4] = np.where(rng.integers(0, 2, size=(len(drawn[1::4]), columns)), -UNIT, 5 * UNIT)
    drawn[2] = 0
    return drawn


@pytest.mark.parametrize("groups", GROUPS, ids=str)
def test_nearest_in_groups(any_parties: Parties, groups: tuple[int, ...]) -> None:
    dist_NC = distances(sum(groups))
    for kept_N in (np.arange(24) % 3 > 0, np.ones(24), np.zeros(24)):
        kept_N = kept_N.astype(np.int64)
        found = any_parties("nearest", dist_NC * kept_N[:, None], kept_N, groups=list(groups))
        assert np.array_equal(found, in_groups(dist_NC, groups, kept_N))


@pytest.mark.parametrize("groups", [*GROUPS[1:6], (5, 1, 2), (8, 7), tuple(range(1, 9))], ids=str)
def test_nearest_in_two_stages(met: Callable[[int, str], Parties], groups: tuple[int, ...]) -> None:
    """Neighbours meet first; ties within a pair and between pairs, both at the same time."""
    if max(groups) < 3:
        groups = (*groups, 3)  # two stages are for those who have a second
    parties = met(2, "dealer")
    dist_NC = distances(sum(groups), seed=3)
    for kept_N in (np.arange(24) % 3 > 0, np.ones(24), np.zeros(24)):
        kept_N = kept_N.astype(np.int64)
        found = parties("in_two_stages", dist_NC * kept_N[:, None], kept_N, groups=list(groups))
        assert np.array_equal(found, in_groups(dist_NC, groups, kept_N))
    assert parties.rounds == 3 + 1  # one opens who counts


def test_two_stages_where_they_save_more_than_a_round_is_worth(
    met: Callable[[int, str], Parties],
) -> None:
    few, many = 20, 80
    assert not pairs.pays(few, (8,))
    assert pairs.pays(many, (8,))
    assert not pairs.pays(1 << 20, (2, 2))
    parties = met(2, "dealer")
    for rows, at_once, rounds in ((few, False, 2), (many, False, 3), (many, True, 2)):
        dist_NC, kept_N = distances(8, rows=rows), (np.arange(rows) % 5 > 0).astype(np.int64)
        given = dist_NC * kept_N[:, None], kept_N
        found = parties("nearest", *given, groups=[8], at_once=at_once)
        assert np.array_equal(found, in_groups(dist_NC, (8,), kept_N))
        assert parties.rounds == rounds + 1


@pytest.mark.parametrize("groups", [(2,), (3,), (4, 1, 5)], ids=str)
def test_the_lesser_of_each_pair_and_who_it_is(
    met: Callable[[int, str], Parties], groups: tuple[int, ...]
) -> None:
    rng, ends = np.random.default_rng(4), np.cumsum(groups)
    x_NC = rng.integers(-UNIT, 5 * UNIT, size=(500, sum(groups)))
    x_NC[::5] = rng.integers(0, 2, size=x_NC[::5].shape)
    above = rng.integers(0, 1 << 20, size=x_NC.shape) << COMPARED_BITS
    both = met(2, "dealer")("lesser_of_pairs", x_NC + above, groups=list(groups))
    lesser, later = both.reshape(2, 500, -1)
    parts = np.split(x_NC, ends[:-1], axis=1)
    firsts = np.concatenate([part[:, ::2] for part in parts], axis=1)
    seconds = np.concatenate(
        [
            np.pad(part[:, 1::2], ((0, 0), (0, part.shape[1] % 2)), constant_values=FAR)
            for part in parts
        ],
        axis=1,
    )
    assert np.array_equal(later, seconds < firsts)
    low_bits = (1 << COMPARED_BITS) - 1
    assert np.array_equal(lesser & low_bits, np.minimum(firsts, seconds) & low_bits)


@pytest.mark.parametrize("groups", [(17,), (3, 20), (40, 2)], ids=str)
def test_nearest_in_groups_of_more_than_sixteen(
    any_parties: Parties, groups: tuple[int, ...]
) -> None:
    dist_NC, kept_N = distances(sum(groups)), (np.arange(24) % 3 > 0).astype(np.int64)
    found = any_parties("nearest", dist_NC * kept_N[:, None], kept_N, groups=list(groups))
    assert np.array_equal(found, in_groups(dist_NC, groups, kept_N))


def test_only_the_bits_that_are_compared_count(any_parties: Parties) -> None:
    dist_NC, kept_N = distances(6), np.ones(24, dtype=np.int64)
    above = np.random.default_rng(1).integers(0, 1 << 20, size=dist_NC.shape) << COMPARED_BITS
    found = any_parties("nearest", dist_NC + above, kept_N, groups=[2, 4])
    assert np.array_equal(found, in_groups(dist_NC, (2, 4), kept_N))


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
    """Keys: one round to compare and one to look up who won; a circuit is followed by that, too."""
    comparing = 1 if parties.num_parties == 2 else 8
    at_once = comparing + 1
    ones = np.ones(7, dtype=np.int64)
    for groups, rounds in {(1,): 0, (2,): at_once, (16,): at_once, (1, 3, 2): at_once}.items():
        parties("nearest", np.ones((7, sum(groups))), ones, groups=list(groups))
        assert parties.rounds - 1 == rounds, groups  # one opens who counts
    few = GROUP + 1
    assert few * (few - 1) // 2 < PAIRS_MAX < 92 * 91 // 2
    for candidates, rounds in ((few, at_once), (92, 2 * (at_once + 1))):
        parties("one_hot_min", np.ones((1, candidates)), bits=COMPARED_BITS)
        assert parties.rounds == rounds, candidates


def test_a_candidate_is_opened_once_however_many_pairs_it_is_in(
    met: Callable[[int, str], Parties],
) -> None:
    """Where pairs are compared by keys; a circuit takes every difference."""
    parties = met(2, "dealer")
    parties("one_hot_min", np.ones((3, 6)), bits=COMPARED_BITS)
    six = parties.bytes_sent
    parties("one_hot_min", np.ones((3, 12)), bits=COMPARED_BITS)
    opened_each = 8 * 3 * 2  # to be compared, and to be looked up
    assert parties.bytes_sent - six == 6 * opened_each


@pytest.mark.parametrize("groups", GROUPS, ids=str)
def test_all_pairs_are_met_once(groups: tuple[int, ...]) -> None:
    low, high = duels_of(groups)
    assert len(low) == len(high) == num_duels(groups)
    of = np.repeat(np.arange(len(groups)), groups)
    found = list(zip(low.tolist(), high.tolist(), strict=True))
    assert set(found) == {
        (i, j) for i in range(len(of)) for j in range(i + 1, len(of)) if of[i] == of[j]
    }
    x_BL = np.random.default_rng(0).integers(-(1 << 63), 1 << 63, size=(4, len(of)))
    expected = [x_BL[:, j] - x_BL[:, i] for i, j in found]
    gaps = differences(x_BL, groups).reshape(4, -1)
    assert np.array_equal(gaps, np.reshape(expected, (-1, 4)).T)
