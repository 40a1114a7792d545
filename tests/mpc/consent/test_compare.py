"""Ledgers of several roles: what they disagree on is named, and nothing else."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mpc.consent.chain import Ledger, RoleLedger, read_ledger
from mpc.consent.compare import differences

OPENED: dict[str, object] = {
    "to": "each client",
    "what": "sum",
    "shape": [6, 3],
    "why": "result",
    "policy": "own-mean",
}
Told = dict[str, list[tuple[str, dict[str, object]]]]


def honest() -> Told:
    """Return what each role writes down of one job."""
    terms: dict[str, object] = {"digest": "aa", "terms": {"k": 2, "dim": 3}}
    party: list[tuple[str, dict[str, object]]] = [
        ("agreed", terms),
        ("opened", {**OPENED}),
        ("done", {}),
    ]
    return {
        "party:0": [*party],
        "party:1": [*party],
        "dealer": [("dealt", {"requests": 7})],
        "client:0": [("consented", terms), ("received", {"shape": [1, 3]})],
    }


def kept(folder: Path, told: Told) -> list[RoleLedger]:
    for role, events in told.items():
        ledger = Ledger(folder / role, role=role)
        for event, values in events:
            ledger.write(event, run="r", job=1, **values)
        ledger.close()
    return [read_ledger(folder / role) for role in told]


def test_ledgers_of_honest_roles_agree(tmp_path: Path) -> None:
    assert list(differences(kept(tmp_path, honest()))) == []


def other_terms(told: Told) -> None:
    told["client:0"][0] = ("consented", {"digest": "bb", "terms": {"k": 2, "dim": 4}})


def other_opening(told: Told) -> None:
    told["party:1"][1] = ("opened", {**OPENED, "to": "server"})


def one_opening_more(told: Told) -> None:
    told["party:0"].insert(1, ("opened", {**OPENED}))


def silent_party(told: Told) -> None:
    told["party:1"] = [("opened", {**OPENED})]


def result_without_consent(told: Told) -> None:
    del told["client:0"][0]


def result_of_nothing(told: Told) -> None:
    del told["party:1"][1]


def dealt_for_nothing(told: Told) -> None:
    told["party:0"] = [("refused", {})]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (other_terms, "party:0 and client:0 differ in its terms, dim: 3 and 4"),
        (other_opening, "party:0 and party:1 differ in what was opened, line 1:"),
        (one_opening_more, "differ in what was opened, line 2:"),
        (silent_party, "party:1 has no line about it, but party:0, client:0 agreed to it"),
        (result_without_consent, "client:0 received a result without having consented"),
        (result_of_nothing, "client:0 received a result, but party:1 opened none"),
        (dealt_for_nothing, "the dealer dealt for it, but party:0 did not agree to it"),
    ],
)
def test_what_roles_disagree_on_is_named(
    tmp_path: Path, change: Callable[[Told], None], words: str
) -> None:
    told = honest()
    change(told)
    found = list(differences(kept(tmp_path, told)))
    assert any(words in line for line in found), found
    assert all(line.startswith("job 1 of run r: ") for line in found)


def test_two_ledgers_of_one_role_are_not_compared(tmp_path: Path) -> None:
    ledgers = kept(tmp_path, honest())
    assert list(differences([ledgers[0], ledgers[0]])) == ["two ledgers are of party:0"]
