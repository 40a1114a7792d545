"""By what numbers are compared."""

import pytest

from mpc.fss import sign_layout
from mpc.gates.comparison_choice import ROUND_BYTES, Comparing
from mpc.gates.lut_comparison import plan_of

FEW, MANY = 100, 100_000


@pytest.mark.parametrize(
    ("num_parties", "comparisons", "count", "num_bits", "method"),
    [
        (2, "auto", FEW, 32, "fss"),
        (2, "auto", MANY, 32, "lut"),
        (2, "auto", MANY, 64, "fss"),
        (2, "fss", MANY, 32, "fss"),
        (2, "lut", FEW, 32, "lut"),
        (2, "lut", FEW, 64, "fss"),
        (2, "boolean", FEW, 32, "boolean"),
        (3, "auto", FEW, 32, "lut"),
        (3, "fss", FEW, 48, "lut"),
        (3, "auto", MANY, 49, "boolean"),
        (3, "lut", FEW, 64, "boolean"),
        (3, "boolean", FEW, 32, "boolean"),
    ],
)
def test_method(num_parties: int, comparisons: str, count: int, num_bits: int, method: str) -> None:
    comparing = Comparing(num_parties, comparisons)  # type: ignore[arg-type]
    for ring_bits in (4, 8, 64):
        assert comparing.method(count, num_bits, ring_bits) == method


def test_a_round_is_not_spent_where_rounds_are_to_be_saved() -> None:
    assert Comparing(2).method(MANY, 32, 8, minimize_rounds=True) == "fss"
    assert Comparing(2, "lut").method(MANY, 32, 8, minimize_rounds=True) == "lut"
    assert Comparing(3).method(MANY, 32, 8, minimize_rounds=True) == "lut"


def test_digits_come_in_where_they_save_what_a_round_is_worth() -> None:
    keys = 2 * sign_layout(1, num_bits=32, ring_bits=8).bytes_per_tree
    count = -(-ROUND_BYTES // (keys - plan_of(32, 8).bytes_per_number))
    assert Comparing(2).method(count - 1, 32, 8) == "fss"
    assert Comparing(2).method(count, 32, 8) == "lut"
