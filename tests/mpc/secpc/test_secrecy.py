"""What t clients hold, and what the server sees: exact distributions in small fields."""

import itertools
from collections import Counter

import numpy as np
import pytest

from mpc.secpc.coding import LagrangeCode
from mpc.secpc.field import Elements, Field
from mpc.secpc.masks import extracted
from tests.mpc.secpc.enumeration import all_masks, all_shares, all_values

SMALL_CODES = pytest.mark.parametrize(
    "code",
    [
        LagrangeCode(4, 2, 1, Field(11)),
        LagrangeCode(6, 2, 1, Field(11)),
        LagrangeCode(6, 1, 2, Field(11)),
        LagrangeCode(4, 1, 1, Field(7)),
        LagrangeCode(5, 2, 2, Field(13)),
    ],
    ids=lambda code: f"l={code.slices}, t={code.colluders}, J={code.num_clients}",
)


def counted(columns: Elements) -> Counter[tuple[int, ...]]:
    return Counter(map(tuple, columns.T.tolist()))


@SMALL_CODES
def test_t_shares_are_uniform_whatever_the_secret(code: LagrangeCode) -> None:
    """The exact joint distribution of any t shares is uniform, for every secret."""
    every = counted(all_values(code.field, code.colluders))
    for secret in all_values(code.field, code.slices).T:
        shares_JX = all_shares(code, secret.tolist())
        for group in itertools.combinations(range(code.num_clients), code.colluders):
            assert counted(shares_JX[list(group)]) == every


@SMALL_CODES
def test_t_plus_one_shares_tell_something(code: LagrangeCode) -> None:
    """The test above can fail: one more share than t is not independent of the secret."""
    group = list(range(code.colluders + 1))
    seen = [
        counted(all_shares(code, secret)[group])
        for secret in ([0] * code.slices, [1] + [0] * (code.slices - 1))
    ]
    assert seen[0] != seen[1]


@pytest.mark.parametrize(("slices", "colluders"), [(2, 1), (1, 2)])
def test_masks_are_uniform_among_those_of_zero_sum(slices: int, colluders: int) -> None:
    """Every polynomial whose slices sum to zero is a mask, once, and no other is."""
    code = LagrangeCode(5, slices, colluders, Field(11))
    masks_JX = all_masks(code)
    decoding = code.decoding(range(5), code.answers_for_distances)
    sums_X = code.field.sum(code.field.matmul(decoding, masks_JX), axis=0)
    assert not sums_X.any()
    assert len(counted(masks_JX)) == masks_JX.shape[1] == 11**4


def test_masked_answers_are_uniform_given_their_sum() -> None:
    """The server's view of a distance depends on nothing but the sum of its slices.

    The first three polynomials have slices of sum 7, and differ in them and in everything else.
    """
    field = Field(11)
    code = LagrangeCode(6, 2, 1, field)

    def seen(values: tuple[int, ...]) -> Counter[tuple[int, ...]]:
        answers_J1 = field.matmul(code.mask_matrix, np.asarray(values, np.uint64)[:, None])
        return counted(field.add(answers_J1, all_masks(code)))

    views = [seen(values) for values in ((3, 4, 5, 1, 9), (0, 7, 2, 2, 2), (10, 8, 0, 0, 1))]
    assert set(views[0].values()) == {1}
    assert views[0] == views[1] == views[2]
    assert not views[0].keys() & seen((3, 5, 5, 1, 9)).keys()  # another sum is told apart


def test_the_server_and_t_clients_see_no_more() -> None:
    """Given the sum, and the masks' shares of t clients, all answers are equally likely."""
    field = Field(11)
    code = LagrangeCode(6, 2, 1, field)
    masks_JX = all_masks(code)
    for client in range(6):
        for told in range(11):
            some_JX = masks_JX[:, masks_JX[client] == told]
            views = [
                counted(field.add(field.matmul(code.mask_matrix, values), some_JX))
                for values in (
                    np.asarray([[3], [4], [5], [1], [9]], np.uint64),
                    _same_at(code, client, (3, 4, 5, 1, 9), (0, 7, 2, 6)),
                )
            ]
            assert views[0] == views[1]
            assert len(views[0]) == 11**3


def _same_at(
    code: LagrangeCode, client: int, like: tuple[int, ...], first: tuple[int, ...]
) -> Elements:
    """Return the values of a polynomial that begins otherwise, but has the same share at a client:
    the share is independent of the secret, so t clients see the same one of both rows."""
    field, row = code.field, code.mask_matrix[client]
    wanted = field.matmul(row[None, :], np.asarray(like, np.uint64)[:, None])
    known = np.asarray([*first, 0], dtype=np.uint64)[:, None]
    missing = field.sub(wanted, field.matmul(row[None, :], known))
    known[-1] = field.mul(missing[0], field.inverse(row[-1:]))
    return known


@pytest.mark.parametrize("known", list(itertools.combinations(range(4), 2)))
def test_masks_are_uniform_even_if_t_clients_tell_theirs(known: tuple[int, int]) -> None:
    """Masks of 4 clients, of which 2 tell theirs, are the other 2's values, one to one."""
    field = Field(7)
    code = LagrangeCode(1, 1, 2, field)
    unknown = [at for at in range(4) if at not in known]
    shares_JX = np.full((4, 49), 3, dtype=np.uint64)
    shares_JX[unknown] = all_values(field, 2)
    masks = extracted(code, range(4), shares_JX).reshape(2, 49)
    assert len(counted(masks)) == 49
