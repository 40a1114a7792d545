"""Who was first to fail, by what those who ended said."""

import pytest

from mpc.errors import Cause
from mpc.session.failure_cause import first_cause

OWN_FAULT = Cause()


@pytest.mark.parametrize(
    ("causes", "first"),
    [
        ({"party:0": Cause(lost="dealer"), "party:1": Cause(lost="party:0")}, "party:0"),
        ({"party:1": Cause(lost="party:0"), "party:0": Cause(lost="dealer")}, "party:0"),
        ({"party:1": Cause(lost="party:0"), "party:0": OWN_FAULT}, "party:0"),
        ({"party:1": Cause(lost="party:0"), "party:0": Cause(silent="party:2")}, "party:0"),
        ({"party:1": Cause(lost="dealer")}, "party:1"),
    ],
)
def test_the_cause_is_whoever_lost_none_of_those_who_spoke(
    causes: dict[str, Cause], first: str
) -> None:
    assert first_cause(causes) == first
