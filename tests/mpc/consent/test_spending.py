"""A privacy budget is counted owner by owner, over restarts, and refused past the limit."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mpc import ClusterJob
from mpc.consent.chain import Ledger, read_ledger
from mpc.consent.compare import differences
from mpc.consent.policy import Consent, Policy
from mpc.consent.spending import SPENT, Spending
from mpc.errors import ConsentError, InputError, LedgerError
from mpc.jobs.accounting import epsilon_of, rho_for
from mpc.session.session import join_session
from secfpp.cli.verbs.ledger import Show
from tests.mpc.consent.examples import terms
from tests.mpc.deployment import ledger_of, make_credentials, running
from tests.patience import SOON_S

NOISED: dict[str, Any] = {"guarantee": "means", "epsilon": 2.0, "noise_multiplier": None}
RHO = rho_for(2.0, 1e-5)


def test_a_job_past_the_limit_is_refused_with_the_owner_s_name_and_the_numbers() -> None:
    spending = Spending()
    consent = Consent(Policy(max_epsilon=4.0), "party:1", spending=spending)
    asked, owners = terms(**NOISED), ["client:0", "client:1"]
    consent.check(asked, owners)
    spending.add(["client:1"], asked.job.rho)
    spending.add(["client:1"], 2 * asked.job.rho)
    consent.check(asked, ["client:0"])
    with pytest.raises(ConsentError) as caught:
        consent.check(asked, owners)
    total = epsilon_of(4 * RHO, 1e-5)
    assert total < 4 * 2.0  # rho adds up, not epsilon
    before = epsilon_of(3 * RHO, 1e-5)
    assert str(caught.value).endswith(
        f"party:1 refuses epsilon of client:1 {round(total, 4)}: allowed is up to 4 at delta "
        f"1e-05; {before:.4g} was spent in 2 jobs"
    )


def test_a_budget_for_ten_jobs_is_enough_for_ten() -> None:
    spending = Spending()
    consent = Consent(Policy(max_epsilon=8.0), "party:0", spending=spending)
    asked = terms(guarantee="means", epsilon=8.0, releases=10)
    for _ in range(10):
        consent.check(asked, ["client:0"])
        spending.add(["client:0"], asked.job.rho)
    with pytest.raises(ConsentError, match=r"8 was spent in 10 jobs"):
        consent.check(asked, ["client:0"])


def test_many_owners_over_the_limit_are_counted() -> None:
    consent = Consent(Policy(max_epsilon=1.0), "party:0")
    with pytest.raises(
        ConsentError, match=r"client:2 2.0: .* \(40 owners are over it\)$"
    ) as caught:
        consent.check(terms(**NOISED), [f"client:{i}" for i in range(40)])
    assert len(caught.value.refusals) == 3


@pytest.mark.parametrize(
    ("policy", "job", "allowed"),
    [
        (Policy(), {}, True),
        (Policy(), NOISED, True),
        (Policy(guarantees=("means", "pipeline")), {}, False),
        (Policy(guarantees=("pipeline",)), NOISED, False),
        (Policy(max_epsilon=8.0), {}, False),
        (Policy(max_epsilon=8.0), NOISED, True),
        (Policy(max_epsilon=8.0, guarantees=("none",)), NOISED, False),
    ],
)
def test_noise_can_be_required(policy: Policy, job: dict[str, Any], allowed: bool) -> None:
    refusals = policy.refusals(terms(**job), "party:0")
    assert [each.field for each in refusals] == ([] if allowed else ["guarantee"])


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"guarantees": ["all"]}, "guarantee 'all' is none of none, means"),
        ({"guarantees": []}, "allows nothing"),
        ({"guarantees": 3}, "a list of guarantees"),
        ({"max_epsilon": 0}, "max_epsilon=0"),
        ({"max_delta": 0.5}, "at most 0.1"),
    ],
)
def test_a_bad_policy_is_refused(value: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Policy.from_json(value)
    good = Policy(guarantees=("means",), max_epsilon=3.0, max_delta=1e-6)
    assert Policy.from_json(good.as_json()) == good


def write_spent(path: Path, role: str, owners: list[str], rho: float = 0.25) -> None:
    ledger = Ledger(path, role=role)
    ledger.write(SPENT, run="ab", job=1, guarantee="means", rho=rho, owners=owners)
    ledger.close()


def test_a_ledger_that_is_continued_knows_what_was_spent(tmp_path: Path) -> None:
    path = tmp_path / "party-0.jsonl"
    write_spent(path, "party:0", ["client:0", "client:1"])
    write_spent(path, "party:0", ["client:1"])
    again = Ledger(path, role="party:0")
    assert again.spending.rho == {"client:0": 0.25, "client:1": 0.5}
    assert again.spending.jobs == {"client:0": 1, "client:1": 2}
    again.close()
    shown = Show(file=path).execute()
    assert shown.record["spent"] == {
        "client:0": {"jobs": 1, "rho": 0.25},
        "client:1": {"jobs": 2, "rho": 0.5},
    }


def test_a_role_without_a_file_counts_while_it_lives() -> None:
    ledger = Ledger(None, role="party:0")
    ledger.write(SPENT, rho=0.5, owners=["client:0"])
    ledger.write("done")
    assert ledger.spending.rho == {"client:0": 0.5}


@pytest.mark.parametrize("line", [{"owners": "client:0", "rho": 0.5}, {"owners": [], "rho": "1"}])
def test_a_malformed_line_is_named(line: dict[str, object]) -> None:
    with pytest.raises(LedgerError, match="line 3: what was spent is malformed"):
        Spending().add_line({"event": SPENT, "line": 3, **line})


def test_parties_that_wrote_different_spending_are_found(tmp_path: Path) -> None:
    for rank, rho in enumerate((0.25, 0.5)):
        ledger = Ledger(tmp_path / f"{rank}", role=f"party:{rank}")
        for event, values in (("agreed", {}), (SPENT, {"rho": rho, "owners": ["client:0"]})):
            ledger.write(event, run="ab", job=1, **values)
        ledger.write("done", run="ab", job=1)
        ledger.close()
    found = list(differences([read_ledger(tmp_path / f"{rank}") for rank in range(2)]))
    assert found == [
        "job 1 of run ab: party:0 and party:1 differ in what was spent, line 1: "
        "[{'rho': 0.25, 'owners': ['client:0']}] and [{'rho': 0.5, 'owners': ['client:0']}]"
    ]


N = 8
POINTS = np.random.default_rng(0).normal(size=(N, 2)) / 4
JOB = ClusterJob(
    k=1, guarantee="means", epsilon=2.0, norm_bound=2.0, value_bound=2.0, payload_bound=2.0
)


@pytest.mark.slow
def test_parties_refuse_past_the_limit_after_a_restart_too(tmp_path: Path) -> None:
    folder = make_credentials(tmp_path / "certs", clients=N)
    policies: dict[str, dict[str, object]] = {
        "party:0": {"max_epsilon": 3.5},
        "party:1": {"guarantees": ["means"]},
    }
    network = folder / "network.json"
    for refused_at_once in (False, True):
        with (
            running(folder, policies),
            join_session(network, folder, timeout_s=SOON_S) as session,
        ):
            if not refused_at_once:
                for _ in range(2):
                    assert session.cluster(JOB, POINTS, POINTS).privacy is not None
            with pytest.raises(
                ConsentError, match=r"party:0 refuses epsilon of client:0 3\.69"
            ) as of:
                session.cluster(JOB, POINTS, POINTS)
            assert {each["role"] for each in of.value.refusals} == {"party:0"}
            with pytest.raises(ConsentError, match="party:1 refuses guarantee 'none'"):
                session.cluster(
                    replace(JOB, guarantee="none", epsilon=None, noise_multiplier=None),
                    POINTS,
                    POINTS,
                )
    for role in ("party:0", "party:1"):
        ledger = read_ledger(ledger_of(folder, role))
        spent = [line.values for line in ledger.lines if line.event == SPENT]
        assert len(spent) == 2
        assert spent[0]["owners"] == [f"client:{i}" for i in range(N)]
        events = [line.event for line in ledger.lines if line.job == ledger.jobs[0]]
        assert events.index(SPENT) < events.index("opened")
        agreed = next(line.values for line in ledger.lines if line.event == "agreed")
        assert agreed["terms"]["epsilon"] == 2.0
        assert agreed["terms"]["noise_multiplier"] > 1
        assert json.dumps(agreed["terms"]["guarantee"]) == '"means"'
