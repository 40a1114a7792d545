"""Owners as programs would use them: they consent, share and fetch on links of their own."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from mpc import ClusterJob, Owner, SecureSession
from mpc.consent.policy import Policy
from mpc.consent.terms import Terms
from mpc.errors import ConsentError, InputError, MpcError, OwnerError
from mpc.net.addresses import read_addresses
from mpc.session.owner import OwnResult
from mpc.session.session import join_session
from tests.mpc.deployment import make_credentials, running
from tests.patience import SOON_S

pytestmark = pytest.mark.slow

POINTS = np.array([[0.0, 1], [0.5, 1], [1, 4], [9, 8], [9.5, 9], [10, 7]])
NAMES = [f"client:{row}" for row in range(len(POINTS))]
ROWS = {name: [row] for row, name in enumerate(NAMES)}
JOB = ClusterJob(k=2, norm_bound=16.0, value_bound=16.0, payload_bound=16.0)
Part = Callable[[Owner, Terms], OwnResult]


def part_of(row: int) -> Part:
    """Return what an owner does in a job: share its row, and fetch."""

    def take_part(owner: Owner, terms: Terms) -> OwnResult:
        owner.share(terms, POINTS[row : row + 1], POINTS[row : row + 1])
        return owner.fetch(terms)

    return take_part


@dataclass
class Owners:
    """Six owners, each in a thread, and the server's session."""

    session: SecureSession
    all: dict[str, Owner]

    def run(
        self, job: ClusterJob = JOB, client_3: Part | None = None
    ) -> dict[str, OwnResult | MpcError]:
        """Run a job, in which client:3 may do something else. Return what each owner got."""
        got: dict[str, OwnResult | MpcError] = {}
        parts = {name: part_of(row) for row, name in enumerate(NAMES)}
        parts["client:3"] = client_3 or parts["client:3"]

        def take_part(name: str) -> None:
            owner = self.all[name]
            try:
                got[name] = parts[name](owner, owner.await_job(SOON_S))
            except MpcError as error:
                got[name] = error

        threads = [threading.Thread(target=take_part, args=(name,)) for name in NAMES]
        for thread in threads:
            thread.start()
        try:
            self.session.order(job, ROWS, dim=2, payload=2)
        finally:
            for thread in threads:
                thread.join(SOON_S)
        return got


@pytest.fixture(scope="module")
def owners(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Owners]:
    folder = make_credentials(tmp_path_factory.mktemp("owners") / "certs", clients=len(NAMES))
    addresses = read_addresses(folder / "network.json")
    with ExitStack() as stack:
        stack.enter_context(running(folder))
        everybody = {
            name: stack.enter_context(Owner(name, addresses, folder, timeout_s=SOON_S))
            for name in NAMES
        }
        session = join_session(folder / "network.json", folder, timeout_s=SOON_S)
        yield Owners(stack.enter_context(session), everybody)


def mean_of(result: OwnResult | MpcError) -> np.ndarray:
    assert isinstance(result, OwnResult), result
    return np.asarray(result.mean_RM[0])


def works(owners: Owners, client_3: Part | None = None) -> None:
    got = owners.run(client_3=client_3)
    np.testing.assert_allclose(
        [mean_of(got[name]) for name in NAMES],
        np.repeat([POINTS[:3].mean(axis=0), POINTS[3:].mean(axis=0)], 3, axis=0),
        atol=1e-4,
    )


def test_every_owner_gets_the_mean_of_its_own_cluster(owners: Owners) -> None:
    works(owners)
    works(owners)


def test_sharing_and_fetching_again_changes_nothing(owners: Owners) -> None:
    def twice(owner: Owner, terms: Terms) -> OwnResult:
        part_of(3)(owner, terms)
        owner.share(terms, np.zeros((1, 2)), np.zeros((1, 2)))
        return owner.fetch(terms)

    works(owners, client_3=twice)


def test_a_result_is_kept_for_an_owner_whose_connection_breaks(owners: Owners) -> None:
    def broken(owner: Owner, terms: Terms) -> OwnResult:
        owner.share(terms, POINTS[3:4], POINTS[3:4])
        owner._links.hang_up()
        return owner.fetch(terms)

    works(owners, client_3=broken)
    works(owners)


def test_what_a_policy_refuses_is_named_to_all_and_the_next_job_works(owners: Owners) -> None:
    strict = owners.all["client:3"]._consent
    before, strict.policy = strict.policy, Policy(max_payload_bound=8.0)
    try:
        with pytest.raises(ConsentError, match="client:3 refuses payload_bound 16.0") as caught:
            owners.run()
    finally:
        strict.policy = before
    assert [each["field"] for each in caught.value.refusals] == ["payload_bound"]
    works(owners)


NOISED = replace(JOB, guarantee="means", epsilon=40.0)


def test_an_owner_counts_its_own_budget_and_declines_past_it(owners: Owners) -> None:
    careful = owners.all["client:3"]._consent
    before, careful.policy = careful.policy, Policy(max_epsilon=45.0)
    try:
        got = owners.run(NOISED)
        assert np.abs(mean_of(got["client:3"]) - POINTS[3:].mean(axis=0)).max() < 16.0
        assert owners.all["client:3"]._ledger.spending.jobs == {"client:3": 1}
        with pytest.raises(ConsentError, match="was spent in 1 jobs") as caught:
            owners.run(NOISED)
    finally:
        careful.policy = before
    assert [each["field"] for each in caught.value.refusals] == ["epsilon of client:3"]
    works(owners)


def test_an_owner_with_more_rows_than_noise_hides_declines(owners: Owners) -> None:
    def two_rows(owner: Owner, terms: Terms) -> OwnResult:
        owner.share(terms, POINTS[2:4], POINTS[2:4])
        return owner.fetch(terms, num_rows=2)

    with pytest.raises(ConsentError, match="client:3 refuses rows_per_owner 1: allowed is 2 rows"):
        owners.run(NOISED, client_3=two_rows)
    works(owners)


def test_a_row_over_a_bound_is_the_owner_s_own_secret(owners: Owners) -> None:
    def too_long(owner: Owner, terms: Terms) -> OwnResult:
        with pytest.raises(InputError, match=r"17\.6"):
            owner.share(terms, POINTS[3:4], np.array([[12.5, 12.5]]))
        raise MpcError("it is out of bounds")

    with pytest.raises(OwnerError, match="client:3 does not take part") as caught:
        owners.run(client_3=too_long)
    assert "17.6" not in str(caught.value)
    works(owners)


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (np.zeros((1, 2), dtype=np.float32), "must be a float64 array"),
        (np.zeros((0, 2)), "the job needs"),
        (np.full((1, 2), np.nan), "NaN"),
    ],
)
def test_bad_rows_are_refused_before_anything_is_shared(
    owners: Owners, points: np.ndarray, words: str
) -> None:
    def bad(owner: Owner, terms: Terms) -> OwnResult:
        with pytest.raises(InputError, match=words):
            owner.share(terms, points, POINTS[3:4])
        raise MpcError("bad rows")

    with pytest.raises(OwnerError, match="client:3 does not take part"):
        owners.run(client_3=bad)


def test_an_owner_who_shared_nothing_has_nothing_to_fetch(owners: Owners) -> None:
    def fetch_only(owner: Owner, terms: Terms) -> OwnResult:
        with pytest.raises(InputError, match="has not shared anything in job"):
            owner.fetch(terms)
        return part_of(3)(owner, terms)

    works(owners, client_3=fetch_only)


def test_nobody_waits_for_ever(owners: Owners, tmp_path: Path) -> None:
    with pytest.raises(MpcError, match="no job was announced to client:0 in time"):
        owners.all["client:0"].await_job(0.3)


def test_a_policy_is_checked_before_a_row_is_looked_at(owners: Owners) -> None:
    with pytest.raises(ConsentError, match="refuses evaluate True"):
        owners.run(replace(JOB, evaluate=True))
    works(owners)
