"""What a client's program does with jobs that come to nothing before it has shared anything."""

from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from mpc.consent.terms import Terms
from mpc.errors import ConsentError, MpcError, PartyError, PeerTimeoutError
from mpc.session.owner import Owner, OwnResult
from secfpp.deployment.config import FederationConfig, label_of, load_federation
from secfpp.deployment.exchange import OwnerExchange
from secfpp.methods.interface import Contribution
from tests.deployment.folders import write_settings
from tests.mpc.consent.examples import terms

NEWS: list[MpcError] = [
    ConsentError("refused", refusals=({"role": "party:1", "field": "reveal"},)),
    PartyError("party:1 gave the job up"),
]
"""What parties may say in place of a job's terms; none of it is the client's own doing."""


class Scripted:
    """An owner whose waits end as a list says; then a job is announced and done."""

    role = "client:0"

    def __init__(self, ends: list[MpcError], announced: Terms) -> None:
        self.ends = ends
        self.announced = announced

    def await_job(self, within_s: float) -> Terms:
        if self.ends:
            raise self.ends.pop(0)
        return self.announced

    def share(self, terms: Terms, points: np.ndarray, payload: np.ndarray) -> None:
        self.payload = payload

    def fetch(self, terms: Terms) -> OwnResult:
        return OwnResult(mean_RM=self.payload / 2, size_R=np.array([3]))


@pytest.fixture
def config(tmp_path: Path) -> FederationConfig:
    return load_federation(write_settings(tmp_path / "federation.json", payload_bound=2.0))


Exchanged = Callable[[list[MpcError]], tuple[np.ndarray, list[str], int]]


@pytest.fixture
def exchanged(config: FederationConfig) -> Exchanged:
    """Return the received update, what was said, and the round, after some news."""

    def exchange(ends: list[MpcError]) -> tuple[np.ndarray, list[str], int]:
        said: list[str] = []
        owner = Scripted([*ends], terms(label=label_of(config, "ab", 3), round=3))
        made = OwnerExchange(
            owner=cast(Owner, owner), config=config, model="ab", wait_s=1.0, say=said.append
        )
        row = np.array([[3.0, 4.0]])
        given = Contribution(
            round_index=0,
            clients_n=np.array([0]),
            num_clients=1,
            descriptor_nD=np.ones((1, 3)),
            before_nM=row,
            update_nM=row,
        )
        return made(given).update_rM, said, made.round

    return exchange


def test_a_long_update_is_scaled_to_the_bound_and_the_mean_comes_back(exchanged: Exchanged) -> None:
    update, said, number = exchanged([])
    assert update == pytest.approx(np.array([[0.6, 0.8]]))
    assert (said, number) == ([], 3)


@pytest.mark.parametrize("news", NEWS, ids=["a party refuses", "a party gives up"])
def test_news_of_others_does_not_end_the_client(exchanged: Exchanged, news: MpcError) -> None:
    update, said, number = exchanged([news, news])
    assert number == 3
    assert len(said) == 2
    assert update == pytest.approx(np.array([[0.6, 0.8]]))


@pytest.mark.parametrize(
    "end",
    [
        ConsentError("refused", refusals=({"role": "client:0", "field": "reveal"},)),
        PeerTimeoutError("no job was announced to client:0 in time"),
    ],
    ids=["it refuses itself", "nothing comes"],
)
def test_what_the_client_itself_cannot_go_on_with_ends_it(
    exchanged: Exchanged, end: MpcError
) -> None:
    with pytest.raises(type(end)):
        exchanged([end])


def test_a_round_with_another_model_is_declined(config: FederationConfig) -> None:
    declined: list[str] = []

    class Declining(Scripted):
        def decline(self, terms: Terms, field: str, *, asked: object, allowed: object) -> None:
            declined.append(f"{field}: {asked}, not {allowed}")
            raise ConsentError("declined", refusals=({"role": self.role, "field": field},))

    owner = Declining([], terms(label=label_of(config, "cd", 3), round=3))
    made = OwnerExchange(
        owner=cast(Owner, owner), config=config, model="ab", wait_s=1.0, say=declined.append
    )
    row = np.ones((1, 2))
    given = Contribution(
        round_index=0,
        clients_n=np.array([0]),
        num_clients=1,
        descriptor_nD=row,
        before_nM=row,
        update_nM=row,
    )
    with pytest.raises(ConsentError):
        made(given)
    assert len(declined) == 1
    assert "model cd, round 3, not settings" in declined[0]
