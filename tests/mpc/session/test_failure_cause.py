"""Who was first to fail, by the last words of those who ended."""

import pytest

from mpc.session.failure_cause import first_cause, lost_peer

PARTY_0_LOST_THE_DEALER = "dealer closed its connection to party:0"
PARTY_1_LOST_PARTY_0 = "the connection of party:1 to party:0 broke: Connection reset by peer"
RELAYED = f"party:0 failed: {PARTY_0_LOST_THE_DEALER}"
OWN_FAULT = "a row of client:3 is longer than the bound"


@pytest.mark.parametrize(
    ("words", "lost"),
    [
        (PARTY_0_LOST_THE_DEALER, "dealer"),
        (PARTY_1_LOST_PARTY_0, "party:0"),
        (RELAYED, "dealer"),
        (OWN_FAULT, ""),
        ("", ""),
    ],
)
def test_lost_peer(words: str, lost: str) -> None:
    assert lost_peer(words) == lost


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        ({"party:0": PARTY_0_LOST_THE_DEALER, "party:1": PARTY_1_LOST_PARTY_0}, "party:0"),
        ({"party:1": PARTY_1_LOST_PARTY_0, "party:0": PARTY_0_LOST_THE_DEALER}, "party:0"),
        ({"party:1": PARTY_1_LOST_PARTY_0, "party:0": OWN_FAULT}, "party:0"),
        ({"party:1": RELAYED}, "party:1"),
    ],
)
def test_the_cause_is_whoever_lost_none_of_those_who_spoke(
    words: dict[str, str], cause: str
) -> None:
    assert first_cause(words) == cause
