"""`secfpp audit`: what it prints, and how it exits."""

import json

from tests.cli.command import secfpp

QUICK = ("--canaries", "1000", "--rounds", "3", "--num-context", "2")


def test_a_sound_method_passes_and_its_fault_is_refuted() -> None:
    done = secfpp(
        *("audit", "--methods", "dp-promptfl", "--faults", "no-clipping", "no-sampling"),
        *("--confidence", "0.99999", "--first-seed", "5", "--json", *QUICK),
    )
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert record["as_expected"] is True
    sound, broken = record["audits"]  # the method has no sampling, so that fault is left out
    assert sound["fault"] is None
    assert broken["fault"] == "no-clipping"
    assert max(sound["found"].values()) <= sound["claimed"] < max(broken["found"].values())
    assert 0 < sound["ideal"]["noise"] < sound["claimed"]
    assert sound["canaries"] >= 1000


def test_a_fault_that_the_audit_is_too_small_for_ends_with_code_1() -> None:
    done = secfpp(
        *("audit", "--methods", "ldp-promptfl", "--faults", "half-noise", "--rounds", "2"),
        *("--canaries", "2", "--num-context", "1", "--epsilon", "30"),
    )
    assert done.returncode == 1, done.stderr
    assert "not refuted" in done.stdout
    assert "exactly that noise" in done.stdout


def test_a_method_without_an_epsilon_is_refused() -> None:
    done = secfpp("audit", "--methods", "promptfl")
    assert done.returncode == 2
    assert "dp-promptfl" in done.stderr
    assert not done.stdout
