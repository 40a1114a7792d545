"""Encoding, masks and shares: what a data owner does alone."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mpc.errors import BudgetError, InputError
from mpc.fixedpoint import decode, encode
from mpc.sharing import encode_point, reconstruct, split

reals = st.floats(-1e6, 1e6, allow_nan=False)


@given(st.lists(reals, min_size=1, max_size=20), st.integers(2, 5))
def test_shares_of_any_number_add_up(values: list[float], num_parties: int) -> None:
    ring = encode(np.array(values), bits=24)
    shares = split(ring, num_parties)
    assert len(shares) == num_parties
    assert np.abs(decode(reconstruct(shares), bits=24) - values).max() <= 2.0**-25


def test_each_share_alone_is_uniform() -> None:
    shares = split(np.zeros(200_000, dtype=np.int64), 2)
    for share in shares:
        counts = np.bincount(share.view(np.uint8), minlength=256)
        assert stats.chisquare(counts).pvalue > 1e-6
    constant = np.bincount(np.full(1000, 7, dtype=np.int64).view(np.uint8), minlength=256)
    assert stats.chisquare(constant).pvalue < 1e-6


def test_no_two_splits_are_alike() -> None:
    ring = np.arange(4)
    assert not np.array_equal(split(ring, 2)[0], split(ring, 2)[0])


def test_values_beyond_the_budget_are_named_with_the_limit() -> None:
    with pytest.raises(BudgetError, match=r"over the limit of 2.749e\+11"):
        encode(np.array([1e12]), bits=24)
    with pytest.raises(BudgetError):
        encode(np.array([2e11]), bits=24, terms=2)
    with pytest.raises(InputError, match="NaN"):
        encode(np.array([np.nan]), bits=24)
    with pytest.raises(BudgetError, match="public bound"):
        encode_point(np.array([[3.0, 4.0]]), norm_bound=4.9)


def test_a_data_owner_needs_neither_torch_nor_crypten() -> None:
    program = (
        "import sys, mpc.sharing\n"
        "sys.exit(any(name in sys.modules for name in ('torch', 'crypten')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
