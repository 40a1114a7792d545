"""Decoding: all patterns of erasures, wrong answers, and what is refused."""

import itertools

import numpy as np
import pytest

from mpc.errors import InputError, PartyError
from mpc.secpc.coding import LagrangeCode
from mpc.secpc.field import MERSENNE_61, Elements, Field
from mpc.secpc.masks import num_polynomials
from mpc.secpc.reed_solomon import wrong_answers
from mpc.secpc.settings import SecPCSettings
from mpc.secpc.uniform import UniformElements

CODES = [
    LagrangeCode(6, 2, 1, Field(13)),
    LagrangeCode(7, 1, 2, Field(13)),
    LagrangeCode(7, 2, 2, Field()),
    LagrangeCode(9, 3, 1, Field()),
]
EACH_CODE = pytest.mark.parametrize(
    "code", CODES, ids=lambda code: f"p={code.field.prime}, l={code.slices}, t={code.colluders}"
)


def encoded(code: LagrangeCode, width: int = 5) -> tuple[Elements, Elements]:
    draws = UniformElements(code.field)
    slices_LX = draws.draw((code.slices, width))
    return slices_LX, code.encode(slices_LX, draws.draw((code.colluders, width)))


@EACH_CODE
def test_sums_are_decoded_whoever_answers(code: LagrangeCode) -> None:
    """All sets of l + t answers, and larger ones, in any order."""
    first, second = encoded(code), encoded(code)
    expected = code.field.add(first[0], second[0])
    answers_JX = code.field.add(first[1], second[1])
    needed = code.answers_for_sums
    for count in range(needed, code.num_clients + 1):
        for clients in itertools.combinations(range(code.num_clients), count):
            backwards = clients[::-1]
            some = answers_JX[list(backwards)][:needed]
            decoded = code.field.matmul(code.decoding(backwards, needed), some)
            assert np.array_equal(decoded, expected)


@EACH_CODE
def test_squared_distances_are_decoded_whoever_answers(code: LagrangeCode) -> None:
    """All sets of 2 l + 2 t - 1 answers: the slices of a square are the squares of slices."""
    f = code.field
    first, second = encoded(code), encoded(code)
    difference_LX, answers_JX = f.sub(first[0], second[0]), f.sub(first[1], second[1])
    expected = f.sum(f.mul(difference_LX, difference_LX), axis=1)
    sqdist_J1 = f.sum(f.mul(answers_JX, answers_JX), axis=1)[:, None]
    needed = code.answers_for_distances
    for clients in itertools.combinations(range(code.num_clients), needed):
        decoded = f.matmul(code.decoding(clients, needed), sqdist_J1[list(clients)])
        assert np.array_equal(decoded[:, 0], expected)


@pytest.mark.parametrize("code", CODES[2:])
def test_wrong_answers_are_found_wherever_they_are(code: LagrangeCode) -> None:
    """All sets of as many wrong answers as can be found, each in a single entry or in all."""
    needed, everyone = code.answers_for_sums, range(code.num_clients)
    most = (code.num_clients - needed) // 2
    _, answers_JX = encoded(code)
    for count in range(most + 1):
        for wrong in itertools.combinations(everyone, count):
            spoiled = answers_JX.copy()
            for at in wrong:
                where = slice(None) if at % 2 else slice(at % 5, at % 5 + 1)
                spoiled[at, where] = code.field.add(spoiled[at, where], np.uint64(1 + at))  # type: ignore[arg-type]
            assert wrong_answers(code, list(everyone), spoiled, needed) == list(wrong)


def test_more_wrong_answers_than_can_be_found_are_an_error() -> None:
    code = LagrangeCode(8, 2, 2, Field())
    _, answers_JX = encoded(code)
    answers_JX[[1, 4, 6]] = UniformElements(code.field).draw((3, 5))
    with pytest.raises(PartyError, match="8 clients contradict one another; 4 are needed"):
        wrong_answers(code, list(range(8)), answers_JX, 4)


def test_a_wrong_answer_among_no_more_than_needed_cannot_be_seen() -> None:
    code = LagrangeCode(4, 2, 2, Field())
    _, answers_JX = encoded(code)
    answers_JX[2] = 0
    assert wrong_answers(code, list(range(4)), answers_JX, 4) == []


@pytest.mark.parametrize(
    ("num_clients", "wanted", "slices", "colluders"),
    [
        (3, SecPCSettings(), 1, 1),
        (10, SecPCSettings(), 1, 3),
        (10, SecPCSettings(dropouts=0), 1, 4),
        (10, SecPCSettings(dropouts=3, slices=2), 2, 2),
        (30, SecPCSettings(dropouts=11, slices=4), 4, 6),
        (30, SecPCSettings(dropouts=1, slices=5), 5, 10),
        (30, SecPCSettings(dropouts=1, wrong_answers=2, slices=5), 5, 8),
        (100, SecPCSettings(), 1, 39),
        (100, SecPCSettings(colluders=5), 1, 5),
    ],
)
def test_as_many_colluders_as_dropouts_leave(
    num_clients: int, wanted: SecPCSettings, slices: int, colluders: int
) -> None:
    code = wanted.code(num_clients)
    assert (code.slices, code.colluders) == (slices, colluders)
    lost = wanted.dropouts or 0
    assert code.answers_for_distances + lost + 2 * wanted.wrong_answers <= num_clients


def test_masks_cost_little_more_than_the_answers_that_they_hide() -> None:
    code = SecPCSettings().code(100)
    assert num_polynomials(code, 6100, 100) == 100


@pytest.mark.parametrize(
    ("num_clients", "wanted", "words"),
    [
        (2, SecPCSettings(), "2 clients, .* 2 l \\+ 2 t - 1 = 3 answers"),
        (10, SecPCSettings(dropouts=8), "8 may drop out"),
        (10, SecPCSettings(colluders=5), "= 11 answers"),
        (10, SecPCSettings(colluders=3, dropouts=4), "= 7 answers"),
        (10, SecPCSettings(slices=5), "l = 5"),
        (1001, SecPCSettings(), "1001 clients, but at most 1000"),
    ],
)
def test_settings_that_leave_too_few_answers_are_refused(
    num_clients: int, wanted: SecPCSettings, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        wanted.code(num_clients)


@pytest.mark.parametrize(
    "values", [{"slices": 0}, {"colluders": 0}, {"dropouts": -1}, {"point_bits": 7}]
)
def test_settings_out_of_range_are_refused(values: dict[str, int]) -> None:
    with pytest.raises(InputError, match=next(iter(values))):
        SecPCSettings(**values).check()  # type: ignore[arg-type]


def test_a_field_with_too_few_points_is_refused() -> None:
    with pytest.raises(InputError, match="13 elements has too few points"):
        LagrangeCode(7, 2, 2, Field(13))
    assert LagrangeCode(7, 2, 2, Field(MERSENNE_61)).answers_for_distances == 7
