"""Prototypes: sums of image features that travel, are averaged and are hidden as updates are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from mpc import open_session
from mpc.reference.session import PlainSession
from secfpp.config.clustering import ClusteringConfig
from secfpp.config.personal import PersonalConfig
from secfpp.federation.round import Federation, begin, run_round
from secfpp.learning.evidence import class_sums
from secfpp.learning.prompts import FloatArray
from secfpp.methods.interface import Contribution, Exchange, ExchangeResult
from secfpp.methods.registry import METHODS, MethodName
from secfpp.methods.shared.averaging import average_all, average_by_images, average_clusters
from secfpp.methods.shared.clustered import ClusteredExchange
from secfpp.methods.shared.personal import OWN_SUMS
from secfpp.methods.shared.prototypes import PROTOTYPES, ByLabel, WithUpdate
from tests.federation.toy import C, E, T, W
from tests.methods.personal import ALONE, federation, toy_config, with_regions
from tests.methods.test_registry import contribution

EVERYONE = np.arange(9, dtype=np.int64)
UPDATE = [[2.0, 0.0], [4.0, 2.0], [0.0, 7.0], [0.2, 8.0], [0.1, 6.0]]
SUMS = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 0.0], [0.1, 0, 0]])
GROUP = np.array([0, 0, 1, 1, 1], dtype=np.int64)
PRIVATE: tuple[MethodName, ...] = ("dp-promptfl", "ldp-promptfl", "dp-clusters", "dp-fpl")


def brought(sent: Mapping[str, FloatArray] | None = None) -> Contribution:
    return replace(contribution(UPDATE), sent={**(sent or {}), PROTOTYPES: SUMS})


def in_groups(least: int) -> Exchange:
    return lambda came: average_clusters(came, GROUP, least)


def test_a_mean_of_all_reaches_all_and_is_counted() -> None:
    came = replace(brought(), clients_n=np.array([0, 1, 2, 3, 6]), num_clients=8)
    alone, result = average_all(came), WithUpdate(exchange=average_all)(came)
    assert np.allclose(result.given[PROTOTYPES], np.tile(SUMS.mean(axis=0), (8, 1)))
    assert np.allclose(result.update_rM, alone.update_rM)
    assert result.update_rM.shape == (8, 2)
    assert result.bytes_client == alone.bytes_client + 4 * 2 * 3


def test_a_mean_by_images_is_by_images() -> None:
    images = np.array([1.0, 3.0, 0.0, 0.0, 0.0])
    result = WithUpdate(exchange=average_by_images)(brought({"images": images}))
    assert np.allclose(result.given[PROTOTYPES][4], [0.25, 0.75, 0.0])
    assert np.allclose(result.update_rM[4], [3.5, 1.5])


def test_each_cluster_has_its_own_mean_and_small_ones_that_of_all() -> None:
    result = WithUpdate(exchange=in_groups(least=2))(brought())
    assert np.allclose(result.given[PROTOTYPES][:2], [0.5, 0.5, 0.0])
    assert np.allclose(result.given[PROTOTYPES][2:], [0.2, 0.5 / 3, 0.0])
    result = WithUpdate(exchange=in_groups(least=3))(brought())
    assert np.allclose(result.given[PROTOTYPES][:2], SUMS.mean(axis=0))
    assert np.allclose(result.given[PROTOTYPES][2:], [0.2, 0.5 / 3, 0.0])


def clustered(session: PlainSession, least: int = 2) -> ClusteredExchange:
    return ClusteredExchange(
        session=session, clustering=ClusteringConfig(k=2, min_cluster_size=least), label="test"
    )


def test_the_plain_session_averages_inside_the_clusters_of_descriptors() -> None:
    alone = clustered(PlainSession())(contribution(UPDATE))
    result = WithUpdate(exchange=clustered(PlainSession()))(brought())
    assert alone.labels_n is not None
    assert result.labels_n is not None
    assert result.labels_n.tolist() == alone.labels_n.tolist()
    assert np.allclose(result.given[PROTOTYPES][:2], [0.5, 0.5, 0.0], atol=1e-5)
    assert np.allclose(result.given[PROTOTYPES][2:], [0.2, 0.5 / 3, 0.0], atol=1e-5)
    assert np.allclose(result.update_rM, alone.update_rM, atol=1e-5)
    assert result.bytes_client == alone.bytes_client + 4 * 2 * 3


def test_a_cluster_below_the_minimum_gets_nothing_and_keeps_its_own_sums() -> None:
    result = WithUpdate(exchange=clustered(PlainSession(), least=3))(brought())
    assert np.array_equal(result.given[PROTOTYPES][:2], SUMS[:2])
    assert np.array_equal(result.update_rM[:2], np.array(UPDATE[:2]))
    assert np.allclose(result.given[PROTOTYPES][2:], [0.2, 0.5 / 3, 0.0], atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("least", [2, 3])
def test_two_parties_give_what_the_plain_session_gives(least: int) -> None:
    """Equal within the fixed point of payloads; a class that nobody has stays exactly zero."""
    plain = WithUpdate(exchange=clustered(PlainSession(), least))(brought())
    with open_session(num_parties=2) as session:
        exchange = replace(clustered(PlainSession(), least), session=session)
        secure = WithUpdate(exchange=exchange)(brought())
        alone = exchange(contribution(UPDATE))
    near = 2.0**-18  # payloads of norm 16 at most have 24 bits below it, less 2 for a mean
    assert np.allclose(secure.given[PROTOTYPES], plain.given[PROTOTYPES], atol=near, rtol=0)
    assert np.allclose(secure.update_rM, plain.update_rM, atol=near, rtol=0)
    assert (secure.given[PROTOTYPES][:, 2] == 0).all()
    learned = {(entry.to, entry.what) for entry in secure.ledger}
    assert learned == {(entry.to, entry.what) for entry in alone.ledger}, "nothing is opened for it"


def by_label(labels: np.ndarray | None, receivers: list[int], came: Contribution) -> ExchangeResult:
    result = ExchangeResult(
        clients_r=np.array(receivers, dtype=np.int64),
        update_rM=np.zeros((len(receivers), 2)),
        labels_n=labels,
        bytes_client=100,
    )
    return ByLabel(exchange=lambda _: result)(came)


def test_by_label_means_are_those_of_the_labels_and_the_absent_get_that_of_all() -> None:
    came = replace(brought(), clients_n=np.array([0, 2, 3, 5, 7]), num_clients=8)
    given = by_label(GROUP, [7, 0, 1, 2], came).given[PROTOTYPES]
    assert np.allclose(given[0], [0.2, 0.5 / 3, 0.0])
    assert np.allclose(given[1], [0.5, 0.5, 0.0])
    assert np.allclose(given[2], SUMS.mean(axis=0)), "client 1 was away"
    assert np.allclose(given[3], [0.5, 0.5, 0.0])
    unknown = by_label(None, [0, 1], came)
    assert np.allclose(unknown.given[PROTOTYPES], SUMS.mean(axis=0))
    assert unknown.bytes_client == 100 + 4 * 2 * 3


def made(name: MethodName, personal: PersonalConfig | None = None) -> Federation:
    found = federation(METHODS[name], toy_config(personal or PersonalConfig()))
    return with_regions(found) if found.trainer.needs_patches else found


@pytest.mark.parametrize("name", ["ifca", "cfl"])
def test_ifca_and_cfl_average_inside_their_own_clusters(name: MethodName) -> None:
    fed = made(name)
    some = np.array([0, 1, 2, 3, 4, 5, 6], dtype=np.int64)
    result = run_round(fed, begin(fed, torch.zeros(T, W)), some)
    own = class_sums(fed.cohort.train, C).flatten(1)
    labels = result.exchanged.labels_n
    assert labels is not None
    for place, client in enumerate(some.tolist()):
        mates = some[labels == labels[place]]
        found = result.state.extra[PROTOTYPES][client]
        torch.testing.assert_close(found, own[mates].mean(dim=0), atol=1e-6, rtol=0)
    for absent in (7, 8):
        found = result.state.extra[PROTOTYPES][absent]
        received = absent in result.exchanged.clients_r.tolist()
        expected = own[some].mean(dim=0) if received else torch.zeros_like(found)
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(result.state.extra[OWN_SUMS], own)


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_whoever_sends_prototypes_receives_means_and_the_others_nothing(name: MethodName) -> None:
    """The trainer sends sums exactly where the exchange averages them, and they are counted."""
    fed, bare = made(name), made(name, ALONE)
    if fed.trainer.steps == 0:
        assert isinstance(fed.exchange, type(bare.exchange)), "evaluated only"
        return
    results = [run_round(f, begin(f, torch.zeros(T, W)), EVERYONE) for f in (fed, bare)]
    averages = METHODS[name].is_personal and METHODS[name].prototypes != "none"
    extra = 4 * 2 * C * E if averages else 0
    counted, alone = (result.exchanged.bytes_client for result in results)
    assert counted == alone + extra
    assert (PROTOTYPES in results[0].exchanged.given) == averages
    if PROTOTYPES in results[0].state.extra:
        assert bool(results[0].state.extra[PROTOTYPES].any()) == averages


@dataclass(eq=False)
class Listening:
    """An exchange that keeps what the server was given."""

    exchange: Exchange
    heard: list[Contribution]

    def __call__(self, contribution: Contribution) -> ExchangeResult:
        self.heard.append(contribution)
        return self.exchange(contribution)


@pytest.mark.parametrize("name", METHODS)
def test_prototypes_are_hidden_by_what_hides_the_update(name: MethodName) -> None:
    """They are columns of what the method's own exchange gets, or it shows labels to all anyway."""
    fed, heard = made(name), list[Contribution]()
    if not isinstance(fed.exchange, WithUpdate):
        assert isinstance(fed.exchange, ByLabel) == (name in ("ifca", "cfl"))
        assert not METHODS[name].uses_parties or METHODS[name].prototypes == "none"
        return
    inner = Listening(fed.exchange.exchange, heard)
    fed = replace(fed, exchange=WithUpdate(exchange=inner))
    run_round(fed, begin(fed, torch.zeros(T, W)), EVERYONE)
    own = class_sums(fed.cohort.train, C).flatten(1).double().numpy()
    assert np.array_equal(heard[0].update_nM[:, T * W :], own)
    assert np.array_equal(heard[0].before_nM[:, T * W :], own)
    assert heard[0].update_nM.shape == (9, T * W + C * E)


@pytest.mark.slow
@pytest.mark.parametrize("name", PRIVATE)
def test_private_methods_send_nothing_beyond_what_their_guarantee_covers(name: MethodName) -> None:
    heard: list[Contribution] = []
    for personal in (PersonalConfig(), ALONE):
        fed = made(name, personal)
        fed = replace(fed, exchange=Listening(fed.exchange, heard))
        run_round(fed, begin(fed, torch.zeros(T, W)), EVERYONE)
    whole, bare = heard
    assert whole.sent.keys() == bare.sent.keys()
    assert PROTOTYPES not in whole.sent
    assert whole.update_nM.shape == bare.update_nM.shape == (9, T * W)
    assert whole.before_nM.shape == bare.before_nM.shape


@pytest.mark.parametrize("name", PRIVATE)
def test_the_statement_of_a_private_method_is_the_same_with_and_without(name: MethodName) -> None:
    statement: Callable[..., object] | None = METHODS[name].statement
    assert statement is not None
    said = [
        statement(toy_config(personal).settings_of(METHODS[name]))
        for personal in (PersonalConfig(), ALONE)
    ]
    assert said[0] == said[1]


def test_prototypes_that_are_off_are_neither_sent_nor_counted() -> None:
    off = made("promptfl", PersonalConfig(prototypes=False))
    assert off.exchange is made("promptfl", ALONE).exchange is average_all
    assert off.trainer.sent(begin(off, torch.zeros(T, W))) == {}


@pytest.mark.slow
def test_the_secure_method_classifies_as_its_plain_twin() -> None:
    """Two rounds of SecFPP with two parties, and in the clear: the same within fixed point."""
    plain = made("secfpp-plain")
    with open_session(num_parties=2) as session:
        assert isinstance(plain.exchange, WithUpdate)
        inner = plain.exchange.exchange
        assert isinstance(inner, ClusteredExchange)
        secure = replace(plain, exchange=WithUpdate(exchange=replace(inner, session=session)))
        results = []
        for fed in (plain, secure):
            first = run_round(fed, begin(fed, torch.zeros(T, W)), EVERYONE)
            results.append(run_round(fed, first.state, EVERYONE[:8]))
    one, two = (result.state for result in results)
    torch.testing.assert_close(two.extra[PROTOTYPES], one.extra[PROTOTYPES], atol=1e-5, rtol=0)
    torch.testing.assert_close(two.shared_NTW, one.shared_NTW, atol=1e-3, rtol=0)
    assert results[1].scores.uniform == pytest.approx(results[0].scores.uniform, abs=0.02)
    assert results[1].exchanged.traffic.bytes_client_max > 4 * C * E
