"""By what numbers are compared."""

import pytest

from mpc.fss import sign_layout
from mpc.gates.comparison_choice import ROUND_BYTES, Comparing
from mpc.gates.lut_comparison import plan_of

FEW, MANY = 100, 100_000


@pytest.mark.parametrize(
    ("num_parties", "comparisons", "count", "num_bits", "method"),
    [
        (2, "auto", FEW, 32, "keys"),
        (2, "auto", MANY, 32, "digits"),
        (2, "auto", MANY, 64, "keys"),
        (2, "keys", MANY, 32, "keys"),
        (2, "digits", FEW, 32, "digits"),
        (2, "digits", FEW, 64, "keys"),
        (2, "circuits", FEW, 32, "circuits"),
        (3, "auto", FEW, 32, "digits"),
        (3, "keys", FEW, 48, "digits"),
        (3, "auto", MANY, 49, "circuits"),
        (3, "digits", FEW, 64, "circuits"),
        (3, "circuits", FEW, 32, "circuits"),
    ],
)
def test_method(num_parties: int, comparisons: str, count: int, num_bits: int, method: str) -> None:
    comparing = Comparing(num_parties, comparisons)  # type: ignore[arg-type]
    for ring_bits in (4, 8, 64):
        assert comparing.method(count, num_bits, ring_bits) == method


def test_a_round_is_not_spent_where_rounds_are_to_be_saved() -> None:
    assert Comparing(2).method(MANY, 32, 8, minimize_rounds=True) == "keys"
    assert Comparing(2, "digits").method(MANY, 32, 8, minimize_rounds=True) == "digits"
    assert Comparing(3).method(MANY, 32, 8, minimize_rounds=True) == "digits"


def test_digits_come_in_where_they_save_what_a_round_is_worth() -> None:
    keys = 2 * sign_layout(1, num_bits=32, ring_bits=8).bytes_per_tree
    count = -(-ROUND_BYTES // (keys - plan_of(32, 8).bytes_per_number))
    assert Comparing(2).method(count - 1, 32, 8) == "keys"
    assert Comparing(2).method(count, 32, 8) == "digits"
