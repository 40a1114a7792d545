"""Policies: what a file may say, what a job may ask, and what is named when it asks for more."""

import json
from pathlib import Path
from typing import Any

import pytest

from mpc.consent.policy import Consent, Policy, read_policy
from mpc.errors import ConsentError, InputError
from tests.mpc.consent.examples import ROWS, terms

BEYOND: list[tuple[dict[str, Any], str]] = [
    ({"reveal": "assignments"}, "reveal"),
    ({"reveal": "distances"}, "reveal"),
    ({"protocol": "crypten"}, "protocol"),
    ({"evaluate": True}, "evaluate"),
    ({"min_cluster_size": 2}, "min_cluster_size"),
    ({"iterations": 101}, "iterations"),
    ({"warm_iterations": 101}, "iterations"),
    ({"shards": 2, "final_k": 2, "final_iterations": 101}, "final_iterations"),
    ({"rows": {name: ROWS[name] for name in list(ROWS)[:4]}}, "owners"),
    ({"rows": {"client:0": [0, 1, 2], "client:1": [3, 4, 5]}}, "owners"),
]


def test_an_ordinary_job_is_allowed_without_a_file() -> None:
    assert Policy().refusals(terms(), "party:0") == ()


@pytest.mark.parametrize(("asked", "field"), BEYOND)
def test_more_than_the_defaults_is_refused_by_its_name(asked: dict[str, Any], field: str) -> None:
    refusals = Policy().refusals(terms(**asked), "client:3")
    assert [(each.role, each.field) for each in refusals] == [("client:3", field)]


@pytest.mark.parametrize(
    ("policy", "asked", "field"),
    [
        (Policy(max_norm_bound=0.5), {}, "norm_bound"),
        (Policy(max_value_bound=0.5), {}, "value_bound"),
        (Policy(max_payload_bound=0.5), {}, "payload_bound"),
        (Policy(choose_k=False), {"k": None}, "k"),
        (
            Policy(max_value_bound=2.0),
            {"standardize": True, "feature_bounds": [1.0] * 3, "value_bound": [1.0, 3.0, 1.0]},
            "value_bound",
        ),
    ],
)
def test_limits_of_a_file_are_kept(policy: Policy, asked: dict[str, Any], field: str) -> None:
    assert [each.field for each in policy.refusals(terms(**asked), "party:0")] == [field]


def test_all_that_is_refused_is_named_with_what_is_allowed() -> None:
    consent = Consent(Policy(reveal=("own-mean", "assignments")), "party:1")
    with pytest.raises(ConsentError, match="nothing was opened") as caught:
        consent.check(terms(reveal="distances", evaluate=True))
    assert caught.value.refusals == (
        {
            "role": "party:1",
            "field": "reveal",
            "asked": "distances",
            "allowed": "own-mean, assignments",
        },
        {"role": "party:1", "field": "evaluate", "asked": True, "allowed": False},
    )


def test_the_policy_of_a_simulation_allows_everything() -> None:
    asked = terms(reveal="distances", evaluate=True, min_cluster_size=1, iterations=10_000, k=None)
    assert Policy.of_simulation().refusals(asked, "party:0") == ()
    assert Policy.of_simulation().refusals(terms(protocol="crypten"), "party:0") == ()


def test_jobs_of_any_hour_are_counted_and_refused_jobs_are_not() -> None:
    now = [0.0]
    consent = Consent(Policy(max_jobs_per_hour=2), "party:0", clock=lambda: now[0])
    consent.check(terms())
    for _ in range(5):
        with pytest.raises(ConsentError, match="evaluate"):
            consent.check(terms(evaluate=True))
    now[0] = 1800.0
    consent.check(terms())
    with pytest.raises(ConsentError, match="jobs_per_hour 3: allowed is up to 2"):
        consent.check(terms())
    now[0] = 3600.0
    consent.check(terms())
    with pytest.raises(ConsentError, match="jobs_per_hour"):
        consent.check(terms())


def test_a_file_says_what_its_policy_says(tmp_path: Path) -> None:
    policy = Policy(reveal=("assignments",), min_owners=8, max_payload_bound=4.0, evaluate=True)
    (tmp_path / "policy.json").write_text(json.dumps(policy.as_json()))
    assert read_policy(tmp_path / "policy.json") == policy


def test_an_empty_file_has_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "policy.json").write_text("{}")
    assert read_policy(tmp_path / "policy.json") == Policy()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "needed is an object"),
        ("{", "not valid JSON"),
        ('{"reveals": ["own-mean"]}', "unknown key 'reveals'; known are reveal"),
        ('{"reveal": ["own"]}', "reveal 'own' is none of own-mean"),
        ('{"reveal": []}', "allows nothing"),
        ('{"reveal": [1]}', "a list of names"),
        ('{"min_owners": 0}', "min_owners=0 but an integer of at least 1"),
        ('{"min_owners": true}', "min_owners=True"),
        ('{"min_owners": 2.5}', "min_owners=2.5"),
        ('{"evaluate": 1}', "evaluate=1 but true or false"),
        ('{"max_norm_bound": -1}', "max_norm_bound=-1"),
        ('{"max_iterations": 100000}', "10000 is the most"),
    ],
)
def test_a_bad_file_is_refused_with_its_name(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "policy.json"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_policy(path)
    assert str(path) in str(caught.value)
    assert words in str(caught.value)
