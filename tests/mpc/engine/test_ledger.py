"""Who learns what: the table in ARCHITECTURE.md, the door, and the ledgers of real sessions."""

import typing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mpc import ClusterJob, SecureSession
from mpc.engine.reveal import (
    BATCH_OPENINGS,
    CHOSEN_K,
    DISTANCES,
    EVALUATION,
    LABELS,
    OPENINGS,
    UNCHANGED,
    PartyRevealer,
    openings_of,
)
from mpc.errors import PolicyError
from mpc.jobs.job import REVEAL_POLICIES, Beginning, RevealPolicy

POINTS = np.random.default_rng(3).normal(size=(12, 4)) / 8
TABLE = "| policy | to | what |"


def openings_of_the_document() -> dict[str, set[tuple[str, str]]]:
    text = (Path(__file__).parents[3] / "ARCHITECTURE.md").read_text()
    found: dict[str, set[tuple[str, str]]] = {}
    for line in text.split(TABLE)[1].split("\n\n")[0].splitlines()[2:]:
        policy, to, what = (cell.strip() for cell in line.strip("|").split("|"))
        found.setdefault(policy, set()).add((to, what))
    return found


def test_the_document_says_what_the_door_allows() -> None:
    found = openings_of_the_document()
    assert found.pop("any, with `evaluate`") == {EVALUATION}
    assert found.pop("own-mean or assignments, k left open") == {CHOSEN_K}
    batch = found.pop("assignments, several starts, warm, or k left open")
    assert batch == BATCH_OPENINGS["assignments"] - OPENINGS["assignments"]
    assert found == {policy: set(allowed) for policy, allowed in OPENINGS.items()}


@pytest.mark.parametrize("reveal", typing.get_args(RevealPolicy))
@pytest.mark.parametrize("evaluate", [False, True])
def test_a_session_opens_what_its_policy_allows(
    secure_session: SecureSession, reveal: RevealPolicy, evaluate: bool
) -> None:
    job = ClusterJob(k=3, reveal=reveal, evaluate=evaluate)
    ledger = secure_session.cluster(job, POINTS, POINTS).ledger
    opened = {(entry.to, entry.what) for entry in ledger}
    assert opened == openings_of(job) == OPENINGS[reveal] | ({EVALUATION} if evaluate else set())
    assert {entry.policy for entry in ledger} == {reveal}


@pytest.mark.slow
@pytest.mark.parametrize("reveal", typing.get_args(RevealPolicy))
@pytest.mark.parametrize(
    "job",
    [
        ClusterJob(k=None),
        ClusterJob(k=3, restarts=2, init="k-means++"),
        ClusterJob(k=3, restarts=2, init="leaders"),
        ClusterJob(k=3, restarts=9, init="random"),
    ],
    ids=["k left open", "restarts", "leaders", "random rows"],
)
def test_one_of_several_clusterings_is_opened_only(
    secure_session: SecureSession, reveal: RevealPolicy, job: ClusterJob
) -> None:
    job = replace(job, reveal=reveal)
    ledger = secure_session.cluster(job, POINTS, POINTS).ledger
    assert {(entry.to, entry.what) for entry in ledger} == openings_of(job)
    assert sum(entry.what == "labels" for entry in ledger) == (reveal == "assignments")


@pytest.mark.slow
@pytest.mark.parametrize("start", ["warm", "both"])
@pytest.mark.parametrize("reveal", typing.get_args(RevealPolicy))
def test_a_kept_assignment_opens_nothing_new(
    secure_session: SecureSession, reveal: RevealPolicy, start: Beginning
) -> None:
    """Labels stay secret to the end, so it may take a bit an iteration to find it."""
    job = ClusterJob(k=3, reveal=reveal, start=start, init="leaders", restarts=2)
    secure_session.cluster(replace(job, start="fresh"), POINTS, POINTS)
    result = secure_session.cluster(job, POINTS, POINTS)
    assert result.start == ("fresh" if reveal == "distances" else start)
    opened = {(entry.to, entry.what) for entry in result.ledger}
    assert opened == BATCH_OPENINGS[reveal]
    assert sum(entry.what == "labels" for entry in result.ledger) == (reveal == "assignments")


@pytest.mark.parametrize("opening", [LABELS, DISTANCES, EVALUATION, CHOSEN_K])
def test_the_door_stays_shut_to_anything_else(opening: tuple[str, str]) -> None:
    revealer = PartyRevealer(None, {}, ClusterJob(k=2))  # type: ignore[arg-type]
    with pytest.raises(PolicyError, match="policy 'own-mean' does not open"):
        revealer.reveal(None, opening, why="curiosity")  # type: ignore[arg-type]
    assert revealer.ledger == []


def test_policies_go_from_least_to_most() -> None:
    assert set(OPENINGS) == set(REVEAL_POLICIES)
    assert OPENINGS["own-mean"] - {UNCHANGED} < OPENINGS["assignments"]
