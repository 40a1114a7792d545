"""A segment is dealt once, from streams that are bound to all that is asked for in it."""

import contextlib
import json
import re
from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np
import pytest

from mpc.errors import FrameError, InputError, PartyError, PeerFailedError
from mpc.jobs.job import MAX_ITERATIONS, MAX_JOBS
from mpc.net.frames import REQUEST
from mpc.preprocessing.mask_refs import ITERATION_BEFORE, THIS_ITERATION, MaskRef
from mpc.preprocessing.provider import DealerProvider
from mpc.preprocessing.requests import STEPS, TupleRequest, place_of, segment_of
from mpc.preprocessing.schedule import Schedule
from mpc.preprocessing.segments import digest_of, stream_of
from mpc.ring.fixedpoint import Int64Array
from mpc.ring.randomness import new_key
from tests.mpc.deals import Deal, shares
from tests.mpc.ends import concurrently

pytestmark = pytest.mark.usefixtures("short_farewell")

Requests = Sequence[TupleRequest]
LOOSE = (THIS_ITERATION, ITERATION_BEFORE)

OLD, LEFT, RIGHT = (MaskRef("norms", number) for number in range(3))
HONEST = (
    TupleRequest("mask", ((3, 2),)),
    TupleRequest("product", ((3, 2), (3, 2)), 0, (OLD, OLD), "id,id->i"),
    TupleRequest("truncation", ((3,),), 20),
)
SEGMENT = segment_of(1, "norms")
ZERO = (
    TupleRequest("mask", ((6, 0),)),
    TupleRequest("mask", ((0, 1),)),
    TupleRequest("product", ((6, 0), (0, 1)), 0, (LEFT, RIGHT), "ij,jk->ik"),
)


def drawn(key: bytes, segment: int, requests: Requests) -> Int64Array:
    return stream_of(key, segment, digest_of(requests)).ring((4,))


def others_than(request: TupleRequest) -> list[TupleRequest]:
    """Return the same request with each of its fields changed in turn."""
    changed = {
        "kind": "wraps",
        "shapes": (*request.shapes, (1,)),
        "bits": request.bits + 1,
        "masks": (*request.masks, LEFT),
        "formula": f"{request.formula} ",
    }
    assert set(changed) == {field.name for field in fields(request)}  # a new one stands here, too
    return [replace(request, **{name: value}) for name, value in changed.items()]  # type: ignore[arg-type]


@pytest.mark.parametrize("num_parties", [2, 3])
def test_each_party_has_a_key_of_its_own_with_the_dealer(num_parties: int) -> None:
    with contextlib.ExitStack() as stack:
        deal, other = Deal(stack, num_parties), Deal(stack, num_parties)
        keys = [provider._key for each in (deal, other) for provider in each.providers]
        assert len(set(keys)) == 2 * num_parties
        assert deal.dealer._keys + other.dealer._keys == keys


def test_whatever_differs_in_a_list_the_streams_have_nothing_in_common() -> None:
    key = new_key()
    lists: list[Requests] = [HONEST, (), HONEST[:1], HONEST[:-1], (*HONEST, HONEST[0])]
    lists += [HONEST[::-1], (HONEST[1], HONEST[0], *HONEST[2:]), (*HONEST[:1], *HONEST)]
    for place, request in enumerate(HONEST):
        lists += [(*HONEST[:place], of, *HONEST[place + 1 :]) for of in others_than(request)]
    streams = [drawn(key, SEGMENT, each) for each in lists]
    streams += [drawn(key, segment_of(1, "start"), HONEST), drawn(new_key(), SEGMENT, HONEST)]
    whole = np.concatenate(streams)
    assert len(np.unique(whole)) == len(whole)
    assert np.array_equal(drawn(key, SEGMENT, list(HONEST)), streams[0])


def test_masks_cannot_be_made_to_look_like_others() -> None:
    refs = [MaskRef(step, number) for step in (*STEPS, *LOOSE) for number in (0, 1, 11)]
    lists: list[tuple[MaskRef, ...]] = [(ref,) for ref in refs]
    lists += [(), refs[:2], refs[1::-1]]  # type: ignore[list-item]
    digests = {digest_of([TupleRequest("mask", ((1,),), masks=tuple(masks))]) for masks in lists}
    assert len(digests) == len(lists)


def test_masks_come_back_from_messages() -> None:
    for step in (*STEPS, *LOOSE):
        request = TupleRequest("product", ((2,), (2,)), 0, (MaskRef(step, 3),) * 2, "k,k->k")
        assert TupleRequest.from_json(json.loads(json.dumps(request.as_json()))) == request


@pytest.mark.parametrize(
    "mask", [[8, 0], [-1, 0], ["norms", 0], [0], [0, 0, 0], [0, "0"], 3, [0.0, 1]]
)
def test_malformed_masks_are_refused(mask: object) -> None:
    with pytest.raises(FrameError, match="malformed request"):
        TupleRequest.from_json(["mask", [[1]], 0, [mask], ""])


def test_what_came_in_a_message_has_the_streams_of_what_was_sent() -> None:
    """The dealer's list has been through JSON, the parties' has not."""
    noted: list[tuple[Int64Array, ...]] = []
    with contextlib.ExitStack() as stack:
        deal = Deal(stack, 2)
        got = deal.parts(
            Schedule(once={"distances": (TupleRequest("square", ((5,),)),)}),
            lambda provider: noted.append(shares(provider.square((5,)))),
        )
    assert got == [None, None]
    (r_0, square_0), (r_1, square_1) = noted
    assert np.array_equal((r_0 + r_1) ** 2, square_0 + square_1)


def test_every_tuple_of_a_job_is_from_a_stream_of_its_own() -> None:
    """Drawn numbers of all steps of three jobs are 64-bit numbers without a repetition."""
    key = new_key()
    steps = [*STEPS, *(f"iteration {i}" for i in range(1, 30))]
    segments = [segment_of(job, step) for job in (1, 2, 3) for step in steps]
    whole = np.concatenate(
        [stream_of(key, each, digest_of(HONEST)).ring((500,)) for each in segments]
    )
    assert len(np.unique(whole)) == len(whole)


def test_segments_of_jobs_never_meet() -> None:
    last = f"iteration {MAX_ITERATIONS}"
    for job in (1, 2, 77, MAX_JOBS - 1):
        numbers = [segment_of(job, step) for step in (*STEPS, "iteration 1", last)]
        assert numbers == sorted(set(numbers))
        assert numbers[-1] < segment_of(job + 1, STEPS[0])
        assert [place_of(number)[0] for number in numbers] == [job] * len(numbers)
    assert place_of(segment_of(5, last)) == (5, last)
    for job, step in (
        (1, f"iteration {MAX_ITERATIONS + 1}"),
        (1, f"iteration {(1 << 24) - len(STEPS)}"),  # would be the first of job 2
        (1, "iteration 0"),
        (1, "iteration -1"),
        (1, "nothing"),
        (0, "norms"),
        (MAX_JOBS + 1, "norms"),
    ):
        with pytest.raises(InputError, match=r"are (1 to|possible)"):
            segment_of(job, step)


def asked(*lists: tuple[int, Requests], num_parties: int = 2) -> str:
    """Return why a dealer ends to which party 0 sends these requests one after the other.

    Every other party is told, too.
    """
    with contextlib.ExitStack() as stack:
        deal = Deal(stack, num_parties)
        for segment, requests in lists:
            values = [request.as_json() for request in requests]
            deal.first.send_json(REQUEST, {"segment": segment, "tuples": values})
        deal.first._channel.sock.shutdown(1)
        (said,) = concurrently([deal.dealer.serve])
        if said is None:
            return ""
        assert isinstance(said, FrameError), said
        for provider in deal.providers[1:]:
            provider.expect(1, Schedule(once={"norms": HONEST}))
            with pytest.raises(PeerFailedError) as heard:
                provider.begin(1, "norms")
            assert str(heard.value) == f"dealer failed: {said}"
    return str(said)


SQUARE = (TupleRequest("square", ((2,),)),)
LATER = segment_of(1, "means")


@pytest.mark.parametrize("num_parties", [2, 3])
@pytest.mark.parametrize(
    ("lists", "words"),
    [
        ([(SEGMENT, HONEST), (SEGMENT, HONEST)], "step 'norms' of job 1 twice"),
        ([(SEGMENT, HONEST), (SEGMENT, ())], "step 'norms' of job 1 twice"),
        ([(SEGMENT, HONEST), (SEGMENT, ZERO)], "step 'norms' of job 1 twice"),
        ([(SEGMENT, HONEST), (SEGMENT, (*HONEST[:1], *SQUARE))], "'norms' of job 1 twice"),
        ([(SEGMENT, HONEST[:1]), (SEGMENT, HONEST)], "step 'norms' of job 1 twice"),
        ([(SEGMENT, ()), (SEGMENT, HONEST)], "step 'norms' of job 1 twice"),
        ([(SEGMENT, HONEST), (LATER, SQUARE), (SEGMENT, HONEST)], "'norms' of job 1 after .*means"),
        ([(LATER, SQUARE), (SEGMENT, HONEST)], "out of order"),
        ([(segment_of(2, "norms"), SQUARE), (LATER, SQUARE)], "'means' of job 1 after .* of job 2"),
        ([(segment_of(2, "norms"), HONEST), (SEGMENT, HONEST)], "twice, or out of order"),
        ([(SEGMENT, ZERO)], "none of size 0"),
        ([(SEGMENT, HONEST), (LATER, ZERO)], "none of size 0"),
    ],
    ids=str,
)
def test_a_segment_is_dealt_once_and_in_order(
    lists: list[tuple[int, Requests]], words: str, num_parties: int
) -> None:
    said = asked(*lists, num_parties=num_parties)
    assert "party:0" in said
    assert re.search(words, said), said


def test_what_is_asked_for_in_order_is_dealt() -> None:
    iterations = [(segment_of(1, f"iteration {i}"), HONEST) for i in (1, 2, 3)]
    honest = [(SEGMENT, HONEST), (LATER, ()), *iterations]
    assert asked(*honest, (segment_of(2, "norms"), HONEST), (segment_of(5, "norms"), HONEST)) == ""


@pytest.mark.parametrize("rank", [0, 1])
def test_nobody_draws_without_a_step_or_in_one_without_a_schedule(rank: int) -> None:
    with contextlib.ExitStack() as stack:
        provider: DealerProvider = Deal(stack, 2).providers[rank]
        with pytest.raises(PartyError, match=f"party:{rank} would draw masks before any step"):
            provider.mask((2,))
        provider.expect(1, Schedule(once={"norms": HONEST}))
        for step in ("start", "iteration 1"):
            with pytest.raises(PartyError, match=f"party:{rank} has no schedule of '{step}'"):
                provider.begin(1, step)
