"""The dealer deals all that dry runs of jobs give, and nothing that none gives."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import get_args

import numpy as np
import pytest

from mpc.errors import FrameError, InputError, PeerFailedError
from mpc.jobs.bounds import with_bounds
from mpc.jobs.comparisons import COMPARISONS
from mpc.jobs.job import REVEAL_POLICIES, ClusterJob
from mpc.net.frames import TupleKind
from mpc.preprocessing.mask_refs import MaskRef, MaskStore
from mpc.preprocessing.request_rules import FORMS, MAX_NUMBERS, check_requests
from mpc.preprocessing.requests import Shape, TupleRequest, matmul_shape, segment_of
from mpc.preprocessing.schedule import Schedule
from mpc.roles.dry_run import JobShape, schedule_for
from tests.mpc.deals import Deal

pytestmark = pytest.mark.usefixtures("short_farewell")

Requests = Sequence[TupleRequest]

SQUARE = (TupleRequest("square", ((2,),)),)
M = MaskRef("norms", 0)
MASK = TupleRequest("mask", ((4, 3),))
POINT = TupleRequest("mask", ((),))
FLAT = TupleRequest("mask", ((4,),))


@pytest.mark.parametrize(
    ("requests", "words"),
    [
        ([TupleRequest("square", ((0,),))], "none of size 0"),
        ([TupleRequest("square", ((2, -1),))], "none of size 0"),
        ([TupleRequest("mask", ((0, 3),))], "none of size 0"),
        ([TupleRequest("mul", ((0, 3), (3,)))], "none of size 0"),
        ([TupleRequest("matmul", ((4, 0), (0, 3)))], "none of size 0"),
        ([TupleRequest("lookup", ((0,),), 3)], "none of size 0"),
        ([TupleRequest("sign64", ((0,),), 8)], "none of size 0"),
        ([TupleRequest("sign8", ((4, 1), (1,)), 8)], "0 comparisons"),
        ([TupleRequest("sign8", ((4, 3), (0, 3)), 8)], "none of size 0"),
        ([MASK, TupleRequest("digits8", ((0, 0), (3,)), 9, (M,))], "none of size 0"),
        ([TupleRequest("square", ((1,) * 9,))], "up to 8 axes"),
        ([TupleRequest("square", ((1 << 40,),))], f"no job has more than {MAX_NUMBERS}"),
        ([TupleRequest("square", ((1 << 20, 1 << 20),))], "no job has more"),
        ([TupleRequest("square", ((1 << 900,),))], "no job has more"),
        ([TupleRequest("mask", ((MAX_NUMBERS + 1,),))], "no job has more"),
        ([TupleRequest("mul", ((1 << 15, 1), (1, 1 << 15)))], "no job has more"),
        ([TupleRequest("matmul", ((1 << 15, 1), (1, 1 << 15)))], "no job has more"),
        ([TupleRequest("lookup", ((1 << 10,),), 32)], "no job has more"),
        ([TupleRequest("lookup", ((1,),), 1 << 40)], "bits; 1 to 32 are possible"),
        ([TupleRequest("sign8", ((2, 1 << 20), (1 << 20,)), 8)], "comparisons; 1 to"),
        ([TupleRequest("square", ())], "0 shapes; 1 to 1 are possible"),
        ([TupleRequest("square", ((2,), (2,)))], "2 shapes"),
        ([TupleRequest("square", ((2,),), 5)], "5 bits; 0 to 0"),
        ([TupleRequest("square", ((2,),), masks=(M,))], "1 masks"),
        ([TupleRequest("square", ((2,),), formula="k,k->k")], "a formula is for products"),
        ([TupleRequest("truncation", ((2,),), 64)], "64 bits; 1 to 63"),
        ([TupleRequest("truncation", ((2,),), 0)], "0 bits; 1 to 63"),
        ([TupleRequest("truncation", ((2,),), 3, (M, M))], "2 masks; 0 to 0"),
        ([TupleRequest("point", ((2,),), 15)], "15 bits; 1 to 14"),
        ([TupleRequest("sign64", ((2,),), 1)], "1 bits; 2 to 64"),
        ([TupleRequest("sign8", ((4, 3), (2,)), 8)], "are not of blocks"),
        ([TupleRequest("sign8", ((4, 3),), 8)], "are not of blocks"),
        ([TupleRequest("sign8", ((4,), (2,)), 8)], "are not of blocks"),
        ([MASK, TupleRequest("digits8", ((0, 4),), 9, (M,))], "are not of blocks"),
        ([FLAT, TupleRequest("digits8", ((0, 4), (3,)), 9, (M,))], "are not of blocks"),
        ([FLAT, TupleRequest("digits8", ((1, 4),), 9, (M,))], "fewer rows than requested"),
        ([FLAT, TupleRequest("digits8", ((-1, 2),), 9, (M,))], "the first, and how many"),
        ([FLAT, TupleRequest("digits8", ((2,),), 9, (M,))], "the first, and how many"),
        ([POINT, TupleRequest("digits8", ((0, 1),), 9, (M,))], "are not of blocks"),
        ([POINT, TupleRequest("digits8", ((0, 1), (1,)), 9, (M,))], "0 comparisons"),
        ([TupleRequest("digits8", ((),), 9, (M,))], "the first, and how many"),
        ([TupleRequest("sign64", ((),), 9)], "rows of shape"),
        ([TupleRequest("sign8", ((), (2,)), 9)], "rows of shape"),
        ([TupleRequest("sign8", ((4, 3), ()), 9)], "0 comparisons"),
        ([TupleRequest("mul", ((2,), (3,)))], "broadcast"),
        ([TupleRequest("matmul", ((2,), (2, 3)))], "matrices are needed"),
        ([TupleRequest("matmul", ((1, 2), (3, 1)))], "do not fit"),
        ([TupleRequest("product", ((2,), (2,)), 0, (M, M), "k,k->k")], "no mask 0 of norms"),
    ],
    ids=str,
)
def test_what_no_dry_run_gives_is_refused_whole(requests: Requests, words: str) -> None:
    """Whatever right requests stand before it: nothing of the list is dealt."""
    for before in ((), SQUARE):
        with contextlib.ExitStack() as stack:
            deal = Deal(stack, 2)
            values = [request.as_json() for request in (*before, *requests)]
            deal.say_last({"segment": segment_of(1, "norms"), "tuples": values})
            with pytest.raises(
                FrameError, match=f"dealer cannot serve a request of party:0: .*{words}"
            ):
                deal.dealer.serve()
            with pytest.raises(PeerFailedError, match="cannot serve a request of party:0"):
                deal.first.recv(b"CSQR", num_bytes=16, number=1)


def test_every_kind_has_its_form() -> None:
    assert set(FORMS) == set(get_args(TupleKind))


STARTS: list[dict[str, object]] = [
    {"k": 1},
    {"k": 2, "min_cluster_size": 1},
    {"k": 20},
    {"k": 2, "init_rows": (0, 1)},
    {"k": 3, "init": "k-means++", "restarts": 3},
    {"k": 1, "init": "k-means++", "restarts": 2},
    {"k": None, "k_max": 1},
    {"k": None, "k_max": 5},
    {"k": 2, "centre": False},
    {"k": 2, "value_bound": 2.0**24},
    {"k": 2, "standardize": True},
    {"k": 2, "standardize": True, "value_bound": 2.0**22},
]
SHAPES = [(1, 1, 1), (2, 3, 2), (40, 3, 2), (30, 40, 3)]
"""Points, dimensions, numbers of the payload."""


def schedules(num_parties: int, comparisons: str) -> Iterator[Schedule]:
    for start in STARTS:
        for reveal in REVEAL_POLICIES:
            for shape in SHAPES:
                given = start | {"reveal": reveal, "comparisons": comparisons, "iterations": 4}
                rows = [np.ones((shape[0], width)) for width in shape[1:]]
                job = with_bounds(ClusterJob(**given), *rows)  # type: ignore[arg-type]
                with contextlib.suppress(InputError):
                    job.check_shapes(*shape)
                    n, dim, payload = shape
                    yield schedule_for(
                        JobShape(
                            job=job,
                            num_points=n,
                            dim=dim,
                            payload=payload,
                            num_parties=num_parties,
                        )
                    )


def in_order(schedule: Schedule) -> Iterator[tuple[str, Requests]]:
    """Yield all steps of a job as the dealer is asked for them."""
    step: str | None = None
    for step in schedule.at_first:
        yield step, schedule.tuples_of(step)
    while step and (step := schedule.after(step)):
        yield step, schedule.tuples_of(step)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("num_parties", "comparisons"),
    [*((2, each) for each in COMPARISONS), (3, "auto"), (3, "boolean")],
)
def test_what_dry_runs_give_is_dealt(num_parties: int, comparisons: str) -> None:
    """In the order in which it is asked for, with the masks that the dealer keeps by then.

    Three parties have digits whether they ask for them, for keys or for neither.
    """
    seen = 0
    for schedule in schedules(num_parties, comparisons):
        kept = MaskStore[Shape]()
        places = []
        for step, requests in in_order(schedule):
            kept.begin(step)
            check_requests(requests, kept, num_parties)
            places.append(segment_of(1, step))
            seen += len(requests)
        assert places == sorted(set(places)), places
    assert seen > 2000


def test_shapes_that_do_not_fit_are_a_frame_error() -> None:
    with contextlib.ExitStack() as stack:
        deal = Deal(stack, 2)
        bad = TupleRequest("mul", ((2,), (3,))).as_json()
        deal.say_last({"segment": segment_of(1, "norms"), "tuples": [bad]})
        with pytest.raises(FrameError, match="cannot serve a request of party:0"):
            deal.dealer.serve()
    with pytest.raises(FrameError, match="matrices are needed"):
        matmul_shape((3,), (3, 4))
