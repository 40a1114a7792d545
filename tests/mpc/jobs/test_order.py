"""What a party hears of a job from the server, it checks as if nobody had."""

import json

import pytest

from mpc.errors import FrameError
from mpc.jobs.job import ClusterJob
from mpc.jobs.kept import Kept
from mpc.jobs.order import Order

JOB = ClusterJob(k=2, norm_bound=1.0, value_bound=4.0, payload_bound=2.0)
ROWS: dict[str, object] = {"client:0": [0, 2], "client:1": [1]}


def heard(job: dict[str, object], **changes: object) -> Order:
    """Return the order that a message gives, through JSON as messages are."""
    message = {
        "job": JOB.as_json() | job,
        "rows": ROWS,
        "dim": 4,
        "payload": 5,
    }
    return Order.from_json(7, json.loads(json.dumps(message | changes)))


def test_a_right_one_is_taken() -> None:
    order = heard({})
    assert (order.number, order.num_points, order.dim, order.payload) == (7, 3, 4, 5)
    assert order.job == JOB
    assert order.share_shape("client:0") == (2, 9)


@pytest.mark.parametrize(
    ("job", "changes", "words"),
    [
        ({"iterations": 1 << 24}, {}, "iterations=16777216"),
        ({"iterations": 2.5}, {}, "iterations=2.5"),
        ({"iterations": float("inf")}, {}, "iterations=inf"),
        ({"k": "3"}, {}, "k='3'"),
        ({"k": 4}, {}, "k=4 but only 3 points"),
        ({"init_rows": [0, 3]}, {}, "must lie in 0..2"),
        ({"init_rows": 5}, {}, "malformed"),
        ({"seed": 1 << 300}, {}, "seed has 301 bits"),
        ({"label": 5}, {}, "malformed"),
        ({"label": "x" * 2000}, {}, "a label of 2000"),
        ({"norm_bound": "1"}, {}, "norm_bound='1'"),
        ({"norm_bound": None}, {}, "bounds are not set"),
        ({"value_bound": None}, {}, "bounds are not set"),
        ({"payload_bound": None}, {}, "bounds are not set"),
        ({"value_bound": 1e9}, {}, r"times norm_bound, but at most 2\^26"),
        ({"standardize": True}, {}, "feature_bounds are not set"),
        ({"standardize": True, "feature_bounds": [1.0]}, {}, "1 numbers, but points have 4"),
        ({"standardize": True, "feature_bounds": 5}, {}, "a number for each feature"),
        ({"standardize": True, "feature_bounds": [1.0] * 4, "value_bound": [1.0]}, {}, "1 numbers"),
        ({"value_bound": [1.0] * 4}, {}, "is for standardize=True"),
        ({"more": 1}, {}, "malformed"),
        ({}, {"dim": 0}, "no job"),
        ({}, {"dim": -3}, "no job"),
        ({}, {"payload": 0}, "no job"),
        ({}, {"dim": 1 << 30}, "are shared in a job"),
        ({}, {"payload": float("inf")}, "malformed"),
        ({}, {"rows": {}}, "no job"),
        ({}, {"rows": {"client:0": [0, float("inf")]}}, "malformed"),
        ({}, {"rows": {"client:0": list(range(9000))}}, "at most 8191"),
    ],
    ids=str,
)
def test_others_are_refused_as_the_server_s(
    job: dict[str, object], changes: dict[str, object], words: str
) -> None:
    with pytest.raises(FrameError, match=f"the server sent a .*{words}"):
        heard(job, **changes)


@pytest.mark.parametrize("rows", [{"client:0": [0, 0, 1]}, {"client:0": [1, 2]}])
def test_rows_are_each_of_one_owner(rows: dict[str, object]) -> None:
    with pytest.raises(FrameError, match="each of one owner"):
        heard({}, rows=rows)


def test_a_warm_start_must_fit_what_the_party_keeps() -> None:
    kept: Kept[range] = Kept()
    fresh = heard({})
    fresh.check_kept(kept)
    kept.keep(6, JOB, 2, {"client:0": range(2), "client:1": range(1)})
    heard({"start": "warm"}, kept=6).check_kept(kept)
    for number in (0, 5, 7):
        with pytest.raises(FrameError, match=f"result of job {number}, but job 6 is kept"):
            heard({"start": "warm"}, kept=number).check_kept(kept)
    with pytest.raises(FrameError, match="start='warm', but too few rows or other clusters"):
        heard({"start": "warm", "k": 3}, kept=6).check_kept(kept)
    strangers = {"client:7": [0, 2], "client:8": [1]}
    with pytest.raises(FrameError, match="start='both', but too few rows or other clusters"):
        heard({"start": "both"}, kept=6, rows=strangers).check_kept(kept)
    with pytest.raises(FrameError, match="start='warm', but"):
        heard({"start": "warm", "warm_iterations": 1}, kept=6).check_kept(kept)
