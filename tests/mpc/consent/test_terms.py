"""Terms of a job: one text for one job, and a digest that no other job has."""

import json
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc import ClusterJob
from mpc.consent.terms import PROTOCOL, Terms, cohort_of
from mpc.errors import FrameError
from tests.mpc.consent.examples import JOB, terms

OTHER: dict[str, Any] = {
    "k": 3,
    "iterations": 19,
    "reveal": "assignments",
    "min_cluster_size": 4,
    "evaluate": True,
    "init_rows": [0, 1],
    "init": "k-means++",
    "restarts": 2,
    "start": "warm",
    "warm_iterations": 1,
    "seed": 1,
    "k_max": 7,
    "centre": False,
    "standardize": True,
    "norm_bound": 2.0,
    "value_bound": 2.0,
    "feature_bounds": [1.0, 1.0, 1.0],
    "payload_bound": 2.0,
    "comparisons": "lut",
    "label": "round 2",
    "round": 2,
    "shards": 4,
    "shard": 2,
    "final_k": 3,
    "final_restarts": 3,
    "final_iterations": 9,
    "guarantee": "known-assignment",
    "epsilon": 9.0,
    "delta": 1e-6,
    "releases": 2,
    "noise_multiplier": 6.0,
    "rows_per_owner": 2,
    "size_share": 0.2,
    "centre_share": 0.4,
}
"""Another value of every field of a job."""
NOISED = {"guarantee": "means", "start": "warm", "epsilon": 8.0, "noise_multiplier": 5.0}
TOGETHER: dict[str, dict[str, Any]] = {
    "restarts": {"init": "k-means++"},
    "feature_bounds": {"standardize": True},
    "shards": {"shards": 3, "final_k": 2},
    "shard": {"shards": 3, "final_k": 2},
    "final_k": {"shards": 3, "final_k": 2},
    "guarantee": NOISED,
    "epsilon": NOISED,
    "noise_multiplier": NOISED,
}
"""Fields that need others."""


def test_another_value_is_listed_for_every_field_of_a_job() -> None:
    assert set(OTHER) == {field.name for field in fields(ClusterJob)}


@pytest.mark.parametrize("field", OTHER)
def test_every_field_of_a_job_is_in_its_digest_and_named_if_it_differs(field: str) -> None:
    more = TOGETHER.get(field, {})
    one, other = terms(**more), terms(**{**more, field: OTHER[field]})
    assert one.digest != other.digest
    assert [each.field for each in one.differences(other)] == [field]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"dim": 4}, ["dim"]),
        ({"payload": 3}, ["payload"]),
        ({"rows": {f"client:{i}": [i] for i in range(5)}}, ["cohort", "owners", "points"]),
        ({"rows": {f"client:{i}": [5 - i] for i in range(6)}}, ["cohort"]),
    ],
)
def test_shapes_and_cohort_are_in_the_digest(change: dict[str, Any], named: list[str]) -> None:
    one, other = terms(), terms(**change)
    assert one.digest != other.digest
    assert [each.field for each in one.differences(other)] == named


@given(
    bound=st.floats(2.0**-100, 2.0**100),
    label=st.text(max_size=20),
    seed=st.integers(0, 2**200),
)
def test_terms_survive_the_wire(bound: float, label: str, seed: int) -> None:
    sent = terms(norm_bound=bound, label=label, seed=seed)
    received = Terms.decoded(bytearray(sent.encoded()))
    assert received == sent
    assert received.digest == sent.digest


def test_the_order_of_owners_does_not_matter() -> None:
    assert cohort_of({"client:0": [0], "client:1": [1]}) == cohort_of(
        {"client:1": [1], "client:0": [0]}
    )


MALFORMED: list[bytes] = [
    b"",
    b"[]",
    b"{}",
    b"\xff",
    json.dumps({"k": 2}).encode(),
    json.dumps(terms().as_json() | {"points": "six"}).encode(),
    json.dumps(terms().as_json() | {"unknown": 1}).encode(),
    json.dumps(terms().as_json() | {"k": 0}).encode(),
    replace(terms(), protocol=PROTOCOL + 1).encoded(),
    terms().encoded() + b" ",
    json.dumps(terms().as_json()).encode(),
]


@pytest.mark.parametrize("text", MALFORMED, ids=range(len(MALFORMED)))
def test_malformed_terms_are_refused(text: bytes) -> None:
    with pytest.raises(FrameError, match="a party announced"):
        Terms.decoded(text)


def test_a_job_of_an_order_keeps_its_bounds() -> None:
    assert terms().job == JOB
