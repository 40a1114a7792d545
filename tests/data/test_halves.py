import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secfpp.data.domains import DomainSet
from secfpp.data.halves import reporting_half
from secfpp.data.load import load_domains
from tests.data.parts_of_domains import own_test_part
from tests.data.toy_sets import make_set


@settings(max_examples=200, deadline=None)
@given(labels=st.lists(st.integers(0, 5), max_size=60))
def test_every_class_is_halved(labels: list[int]) -> None:
    labels_N = np.array(labels, dtype=np.int64)
    is_reporting_N = reporting_half(labels_N)
    for c in range(6):
        of_class = is_reporting_N[labels_N == c]
        assert of_class.sum() == len(of_class) // 2
    np.testing.assert_array_equal(is_reporting_N, reporting_half(labels_N))


def test_halves_are_drawn_and_not_cut() -> None:
    is_reporting_N = make_set([2000]).domains[0].is_reporting_N
    assert 400 < is_reporting_N[:1000].sum() < 600
    assert 400 < is_reporting_N[::2].sum() < 600


def test_halves_do_not_depend_on_names_pixels_or_other_domains() -> None:
    alone, beside = make_set([200]).domains[0], make_set([77, 200]).domains[1]
    np.testing.assert_array_equal(alone.is_reporting_N, beside.is_reporting_N)


def test_a_split_of_the_domains_own_is_the_reporting_part() -> None:
    (domain,) = make_set([200], test_every=4).domains
    np.testing.assert_array_equal(domain.is_reporting_N, own_test_part(domain))


@pytest.fixture(scope="module")
def digits() -> DomainSet:
    return load_domains("digits")


def test_provenance_says_how_many_images_each_part_has(digits: DomainSet) -> None:
    said = digits.provenance
    assert said.development_images == said.reporting_images == dict.fromkeys(said.images, 700)
    own = make_set([200], test_every=4).provenance
    assert (own.development_images, own.reporting_images) == ({"d0": 150}, {"d0": 50})
