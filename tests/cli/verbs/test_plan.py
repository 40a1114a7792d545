"""`secfpp plan` counts what a federation will take, and refuses what cannot be."""

import json
from pathlib import Path

import pytest

from mpc.costs.speeds import read_speeds
from secfpp.cli.entry import main
from tests.cli.verbs.test_party import refusal

SIZE = ("--clients", "100", "--dims", "128", "--payload", "2048", "--clusters", "5")


def record(capfd: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    assert main(["plan", *SIZE, *words, "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert isinstance(found, dict)
    return found


def test_rounds_of_each_kind_and_their_sum(capfd: pytest.CaptureFixture[str]) -> None:
    found = record(capfd, "--rounds", "7", "--rtt", "10", "--bandwidth", "50")
    kinds = found["jobs"]
    assert isinstance(kinds, list)
    assert [(kind["job"], kind["times"]) for kind in kinds] == [
        ("fresh", 1),
        ("warm", 5),
        ("both", 1),
    ]
    seconds = found["seconds"]
    assert isinstance(seconds, dict)
    assert list(seconds) == ["one machine", "LAN", "WAN", "yours"]
    for name, total in seconds.items():
        assert total == pytest.approx(sum(each["times"] * each["seconds"][name] for each in kinds))
    assert all(each["bytes"]["dealer"]["sent"] > 0 for each in kinds)


def test_people_see_tables(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", *SIZE, "--rounds", "3"]) == 0
    said = capfd.readouterr().out
    for words in ("100 clients", "warm", "WAN", "40 ms", "the dealer", "memory: a party"):
        assert words in said


def test_more_clients_than_a_job_holds_are_planned_in_shards(
    capfd: pytest.CaptureFixture[str],
) -> None:
    found = record(capfd, "--clients", "9000", "--dims", "4", "--payload", "4")
    assert [(job["job"], job["times"]) for job in found["jobs"]] == [  # type: ignore[attr-defined]
        ("shard", 2),
        ("second level", 1),
        ("reassignment", 2),
        ("join", 1),
        ("last reassignment", 2),
        ("last join", 1),
        ("results", 2),
    ]
    alone = record(capfd, "--clients", "4500", "--dims", "4", "--payload", "4")
    party = found["memory_bytes"]["party"]  # type: ignore[index]
    assert party > 1.2 * alone["memory_bytes"]["party"]  # type: ignore[index]


@pytest.mark.slow
def test_a_machine_is_measured_once(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = str(tmp_path / "speeds.json")
    measured = record(capfd, "--calibrate", "--speeds", path)
    assert record(capfd, "--speeds", path) == measured
    assert read_speeds(Path(path)).machine in str(measured["speeds_of"])
    assert record(capfd)["seconds"] != measured["seconds"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--clusters", "101"), "--clusters 101: more than the 100 clients"),
        (("--clients", "0"), "--clients 0: 1 or more"),
        (("--parties", "6"), "--parties 6: 2 to 5"),
        (("--rtt", "5"), "say both, or neither"),
        (("--rtt", "-5", "--bandwidth", "10"), "round trip"),
        (("--rtt", "5", "--bandwidth", "0"), "bandwidth"),
        (("--payload", "99000000"), "134217728"),
        (("--speeds", "nowhere.json"), "nowhere.json"),
    ],
)
def test_what_cannot_be_is_told(
    words: tuple[str, ...], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    code, err = refusal(capfd, ("plan", *SIZE, *words))
    assert (code, err.count("\n")) == (2, 1)
    assert said in err
