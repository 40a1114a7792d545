"""Owners and parties across processes agree on what computes a job, or refuse it by name."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mpc import Owner
from mpc.consent.policy import Policy
from mpc.errors import ConsentError
from mpc.net.addresses import read_addresses
from mpc.session.session import join_session
from tests.mpc.deployment import ledger_of, make_credentials, running
from tests.mpc.session.test_owner import JOB, NAMES, POINTS, Owners, mean_of
from tests.patience import SOON_S

pytestmark = pytest.mark.slow

BOTH = Policy(protocols=("additive", "crypten"))
BY_CRYPTEN = replace(JOB, protocol="crypten", iterations=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_credentials(tmp_path_factory.mktemp("consent") / "certs", clients=len(NAMES))


@pytest.fixture(scope="module")
def owners(folder: Path) -> Iterator[Owners]:
    policy = {"protocols": ["additive", "crypten"]}
    addresses = read_addresses(folder / "network.json")
    with ExitStack() as stack:
        stack.enter_context(running(folder, {"party:0": policy, "party:1": policy}))
        everybody = {
            name: stack.enter_context(Owner(name, addresses, folder, policy=BOTH, timeout_s=SOON_S))
            for name in NAMES
        }
        session = join_session(folder / "network.json", folder, timeout_s=SOON_S)
        yield Owners(stack.enter_context(session), everybody)


def test_all_who_allow_it_take_part_and_ledgers_name_it(owners: Owners, folder: Path) -> None:
    got = owners.run(BY_CRYPTEN)
    found = np.array([mean_of(got[name]) for name in NAMES])
    exact = np.repeat([POINTS[:3].mean(axis=0), POINTS[3:].mean(axis=0)], 3, axis=0)
    np.testing.assert_allclose(found, exact, rtol=0, atol=16 * 2.0**-12)
    for role in ("party:0", "party:1"):
        lines = map(json.loads, ledger_of(folder, role).read_text().splitlines())
        agreed = [line["terms"]["protocol"] for line in lines if line["event"] == "agreed"]
        assert agreed[-1] == "crypten"


def test_an_owner_who_does_not_allow_it_refuses_by_name(owners: Owners) -> None:
    consent = owners.all["client:3"]._consent
    consent.policy = Policy()
    try:
        with pytest.raises(ConsentError, match="client:3 refuses protocol 'crypten'") as caught:
            owners.run(BY_CRYPTEN)
    finally:
        consent.policy = BOTH
    assert [each["field"] for each in caught.value.refusals] == ["protocol"]
    assert set(owners.run(JOB)) == set(NAMES)
