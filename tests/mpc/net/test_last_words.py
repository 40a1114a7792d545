"""Why a process ends, as it reaches the others."""

import pytest

from mpc.errors import Cause, FrameError, PeerClosedError, PeerFailedError
from mpc.net.frames import FAILED
from mpc.net.last_words import MAX_BYTES, heard, last_words
from tests.mpc.ends import concurrently, linked

LOST = PeerClosedError("dealer closed its connection to party:0", cause=Cause(lost="dealer"))


def test_words_and_cause_arrive() -> None:
    error = heard("party:0", last_words(LOST))
    assert str(error) == "party:0 failed: dealer closed its connection to party:0"
    assert error.cause == Cause(lost="dealer")


def test_a_cause_is_passed_on() -> None:
    """What a party heard of the dealer is what the server hears of the party."""
    again = heard("party:1", last_words(heard("party:0", last_words(LOST))))
    assert again.cause == Cause(lost="dealer")


@pytest.mark.parametrize("letter", ["x", "\u00e9", "\U0001f511"])
def test_long_words_are_cut_and_the_cause_is_not(letter: str) -> None:
    said = last_words(FrameError(letter * 10**6, cause=Cause(silent="server")))
    assert len(said) <= MAX_BYTES
    error = heard("dealer", said)
    assert error.cause == Cause(silent="server")
    assert f"dealer failed: {letter * 99}" in str(error)


@pytest.mark.parametrize(
    "said",
    [b"no JSON", b"", b"{}", b"[]", b"\xff", b'{"words": "w", "cause": "dealer"}', b"[" * 60_000],
)
def test_what_is_malformed_is_shown_as_it_is(said: bytes) -> None:
    error = heard("party:0", said)
    assert str(error).startswith("party:0 failed: ")
    assert error.cause == Cause()


def test_a_link_that_hears_them_raises_them() -> None:
    with linked("plain", me="server", peer="party:0", timeout_s=5) as (near, far):

        def listen() -> None:
            near.recv_any(max_bytes=9)

        ended, _ = concurrently([listen, lambda: far.say_last(FAILED, last_words(LOST))])
    assert isinstance(ended, PeerFailedError)
    assert ended.cause == Cause(lost="dealer")


def test_links_name_whom_they_lost_or_waited_for() -> None:
    with linked("plain", me="server", peer="party:0", timeout_s=0.2) as (near, far):
        assert near.silence().cause == Cause(silent="party:0")
        far.close()
        with pytest.raises(PeerClosedError) as lost:
            near.recv_any(max_bytes=9)
    assert lost.value.cause == Cause(lost="party:0")
