"""Encoding, masks and shares: what a data owner does alone."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]

from mpc.errors import BudgetError, FrameError, InputError
from mpc.jobs.job import ClusterJob
from mpc.jobs.rows import encode_payload, encode_point
from mpc.net.frames import GIVEN_UP, OPENED, TERMS
from mpc.net.link_meter import LinkMeter
from mpc.session.data_owner import DataOwner, reconstruct, split
from tests.mpc.ends import linked

reals = st.floats(-1e6, 1e6, allow_nan=False)


@given(st.lists(reals, min_size=1, max_size=20), st.integers(2, 5))
def test_shares_of_any_number_add_up(values: list[float], num_parties: int) -> None:
    ring = np.rint(np.array(values) * 2.0**24).astype(np.int64)
    shares = split(ring, num_parties)
    assert len(shares) == num_parties
    assert np.array_equal(reconstruct(shares), ring)


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


def test_values_over_a_bound_are_named_with_it() -> None:
    job = ClusterJob(k=1, centre=False, norm_bound=4.9, payload_bound=1.0)
    with pytest.raises(BudgetError, match="norm 5, over the public bound norm_bound=4.9"):
        encode_point(np.array([[3.0, 4.0]]), job)
    with pytest.raises(BudgetError, match="norm 2, over the public bound payload_bound=1"):
        encode_payload(np.array([[2.0]]), job)
    centred = replace(job, centre=True, value_bound=3.5)
    with pytest.raises(BudgetError, match="coordinate of 4, over the public bound value_bound"):
        encode_point(np.array([[3.0, 4.0]]), centred)
    for refuse in (encode_point, encode_payload):
        with pytest.raises(InputError, match="NaN"):
            refuse(np.array([[np.nan]]), job)


def test_a_data_owner_needs_neither_torch_nor_crypten() -> None:
    program = (
        "import sys, mpc.session.data_owner\n"
        "sys.exit(any(name in sys.modules for name in ('torch', 'crypten')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_an_owner_whose_result_is_lost_is_told_by_the_next_job() -> None:
    """A new run counts its jobs from 1: their terms must not pass for late news of an old one."""
    with linked("plain") as (mine, party):
        owner = DataOwner(
            name="client:0", links=(mine,), meter=LinkMeter(role="client:0", phase="input")
        )
        party.send(TERMS, b"{}", number=1)
        with pytest.raises(FrameError, match="expected opening 3 .* got terms 1"):
            owner.receive((1, 2), job=3, wait=lambda link: None)


def test_late_news_of_older_jobs_is_skipped() -> None:
    with linked("plain") as (mine, party):
        owner = DataOwner(
            name="client:0", links=(mine,), meter=LinkMeter(role="client:0", phase="input")
        )
        party.send(GIVEN_UP, b"{}", number=2)
        party.send_ring(OPENED, np.zeros((5, 5), dtype=np.int64), number=2)
        party.send_ring(OPENED, np.array([[4, 5]]), number=3)
        assert owner.receive((1, 2), job=3, wait=lambda link: None).tolist() == [[4, 5]]
