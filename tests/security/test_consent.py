"""A server that asks for more than parties and owners allow, with real processes of every role.

The attacks are those of a server that got labels, distances, a single owner's payload, and
coordinates of descriptors, when parties did whatever it announced.
"""

import json
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mpc import ClusterJob, SecureSession
from mpc.consent.chain import read_ledger
from mpc.consent.compare import differences
from mpc.errors import ConsentError
from mpc.net.frames import CONTROL
from mpc.session.session import join_session
from tests.mpc.deployment import ROLES, ledger_of, make_credentials, running
from tests.patience import SOON_S

pytestmark = pytest.mark.slow

JOB = ClusterJob(k=2, norm_bound=16.0, value_bound=16.0, payload_bound=16.0)
ROWS_ND = np.array([[0.0, 1, 0], [0.5, 1, 0], [1, 4, 0], [9, 8, 0], [9.5, 9, 0], [10, 7, 0]])
OWNERS = [f"client:{row}" for row in range(len(ROWS_ND))]
ROWS = {name: [row] for row, name in enumerate(OWNERS)}


@dataclass
class Deployed:
    """A session with real parties, dealer and owners."""

    folder: Path
    session: SecureSession
    owners: dict[str, subprocess.Popen[str]]

    def order(self, job: ClusterJob, **changes: Any) -> None:
        wanted: dict[str, Any] = {"rows": ROWS, "dim": 3, "payload": 3, **changes}
        self.session.order(job, wanted["rows"], dim=wanted["dim"], payload=wanted["payload"])

    def heard(self, name: str) -> dict[str, Any]:
        """Return what an owner says of the last job."""
        out = self.owners[name].stdout
        assert out is not None
        assert select.select([out], [], [], SOON_S)[0], f"{name} says nothing"
        said: dict[str, Any] = json.loads(out.readline())
        return said


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder = make_credentials(tmp_path_factory.mktemp("consent") / "certs", clients=len(OWNERS))
    (folder / "owners.json").write_text("{}")
    with ExitStack() as stack:
        stack.enter_context(running(folder))
        owners = {}
        for name, row_D in zip(OWNERS, ROWS_ND, strict=True):
            files = (folder, name, folder / "owners.json", ledger_of(folder, name))
            words = [sys.executable, "-m", "tests.mpc.programs.owner", *files, *row_D]
            owners[name] = stack.enter_context(
                subprocess.Popen(
                    list(map(str, words)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
                )
            )
            stack.callback(owners[name].kill)
        session = stack.enter_context(join_session(folder / "network.json", folder))
        everybody = Deployed(folder, session, owners)
        works(everybody)
        yield everybody


def works(deployed: Deployed) -> None:
    """Run a job that everybody allows."""
    deployed.order(JOB)
    said = [deployed.heard(name) for name in OWNERS]
    assert [each["size"] for each in said] == [3] * 6
    np.testing.assert_allclose(said[0]["mean"], ROWS_ND[:3].mean(axis=0), atol=1e-4)


def fields_of(error: ConsentError) -> set[str]:
    return {str(each["field"]) for each in error.refusals}


ATTACKS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("evaluate", {"evaluate": True}, {}),
    ("reveal", {"reveal": "assignments"}, {}),
    ("reveal", {"reveal": "distances"}, {}),
    ("min_cluster_size", {"min_cluster_size": 1}, {}),
    ("iterations", {"iterations": 101}, {}),
    ("owners", {}, {"rows": {name: [row] for row, name in enumerate(OWNERS[:3])}}),
]


@pytest.mark.parametrize(("field", "job", "changes"), ATTACKS, ids=[str(i) for i in range(6)])
def test_what_a_policy_does_not_allow_is_refused_by_its_name(
    deployed: Deployed, field: str, job: dict[str, Any], changes: dict[str, Any]
) -> None:
    with pytest.raises(ConsentError, match="nothing was opened") as caught:
        deployed.order(replace(JOB, **job), **changes)
    assert fields_of(caught.value) == {field}
    assert {each["role"] for each in caught.value.refusals} >= {"party:0", "party:1"}
    for name in changes.get("rows", ROWS):
        assert deployed.heard(name) == {"refused": [field]}
    works(deployed)


def test_another_split_of_points_and_payloads_is_refused(deployed: Deployed) -> None:
    """Coordinates of points would be averaged and opened as payloads."""
    with pytest.raises(ConsentError) as caught:
        deployed.order(JOB, dim=2, payload=4)
    assert fields_of(caught.value) == {"dim", "payload"}
    for name in OWNERS:
        assert deployed.heard(name) == {"refused": ["dim", "payload"]}
    works(deployed)


Change = Callable[[dict[str, Any]], None]


def _lie(deployed: Deployed, patched: pytest.MonkeyPatch, change: Change) -> None:
    """Let the server tell party 1 something else than party 0."""
    link = deployed.session.server_links[1]
    send = link.send_json

    def lying(tag: bytes, value: Any, *, number: int = 0) -> None:
        if tag == CONTROL and value.get("do") == "cluster":
            value = json.loads(json.dumps(value))
            change(value)
        send(tag, value, number=number)

    patched.setattr(link, "send_json", lying)


def _bounds(order: dict[str, Any]) -> None:
    order["job"]["payload_bound"] = 32.0


def _rows(order: dict[str, Any]) -> None:
    order["rows"] = {name: [5 - row] for row, name in enumerate(OWNERS)}


def _minimum(order: dict[str, Any]) -> None:
    order["job"]["min_cluster_size"] = 4


LIES: list[tuple[str, Change]] = [
    ("payload_bound", _bounds),
    ("cohort", _rows),
    ("min_cluster_size", _minimum),
]


@pytest.mark.parametrize(("field", "change"), LIES, ids=[field for field, _ in LIES])
def test_parties_with_different_orders_never_compute_together(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch, field: str, change: Change
) -> None:
    with monkeypatch.context() as patched:
        _lie(deployed, patched, change)
        with pytest.raises(ConsentError) as caught:
            deployed.order(JOB)
    assert fields_of(caught.value) == {field}
    for name in OWNERS:
        assert deployed.heard(name) == {"refused": [field]}
    works(deployed)


def test_ledgers_of_all_roles_agree_but_for_what_the_server_told_differently(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        _lie(deployed, patched, _bounds)
        with pytest.raises(ConsentError):
            deployed.order(JOB)
    for name in OWNERS:
        assert deployed.heard(name) == {"refused": ["payload_bound"]}
    works(deployed)
    ledgers = [read_ledger(ledger_of(deployed.folder, role)) for role in [*ROLES, *OWNERS]]
    run, number = ledgers[0].jobs[-1]
    found = [line for line in differences(ledgers) if line.startswith(f"job {number - 1} ")]
    told = "party:0 and party:1 differ in its terms, payload_bound: 16.0 and 32.0"
    assert found == [f"job {number - 1} of run {run}: {told}"]
    assert not [line for line in differences(ledgers) if line.startswith(f"job {number} ")]
    for ledger in ledgers:
        events = [line.event for line in ledger.lines if line.job == (run, number)]
        if ledger.role.startswith("party:"):
            assert (events[0], events[-1]) == ("agreed", "done")
            assert ledger.of((run, number), "opened")
        elif ledger.role == "dealer":
            assert events == ["dealt"]
        else:
            assert events == ["consented", "received"]
