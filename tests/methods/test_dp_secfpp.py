"""Noise inside the secure sum: bounded steps, noise of every party, one clustering a budget."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from mpc import ClusterJob, ClusterResult, PlainSession
from mpc.jobs.noise import NoiseSource
from mpc.jobs.result import TOO_SMALL, Session
from mpc.ring.discrete_gaussian import PrivateNoise
from mpc.ring.fixedpoint import FloatArray, Int64Array
from mpc.session.session import SecureSession
from secfpp.config.clustering import ClusteringConfig
from secfpp.config.inside import GUARANTEES, GuaranteeName, InsideConfig
from secfpp.config.privacy import PrivacyConfig
from secfpp.config.secure import SecureConfig
from secfpp.config.training import TrainingConfig
from secfpp.errors import ConfigError
from secfpp.experiment.config import RunConfig
from secfpp.methods.dp_clusters import NoisedClusters
from secfpp.methods.dp_secfpp import METHOD, jobs_of, make_exchange_on
from secfpp.methods.dp_secfpp_plain import METHOD as TWIN
from secfpp.methods.interface import Contribution, MethodContext
from secfpp.methods.shared.clustered import ClusteredExchange
from secfpp.methods.shared.noised import NoisedExchange
from secfpp.methods.shared.sizes import SizeEstimates
from secfpp.seeds import Seeds

N, D, M, K = 20, 24, 40, 5
GROUP_N = np.arange(N, dtype=np.int64) % K
CLIP = 0.5


class Silence:
    """A party that adds no noise."""

    def draw(self, shape: Sequence[int], variance: Fraction) -> Int64Array:
        """Return zeros."""
        return np.zeros(shape, dtype=np.int64)


class Remembering(PlainSession):
    """A plain session that remembers its jobs and results."""

    def __init__(self, noise: Sequence[NoiseSource]) -> None:
        super().__init__(noise)
        self.jobs: list[ClusterJob] = []
        self.results: list[ClusterResult] = []

    def cluster(
        self,
        job: ClusterJob,
        points_ND: FloatArray,
        payload_NM: FloatArray,
        owners: Sequence[int] | None = None,
    ) -> ClusterResult:
        self.jobs.append(job)
        self.results.append(super().cluster(job, points_ND, payload_NM, owners))
        return self.results[-1]


def axes(num_axes: int) -> FloatArray:
    return np.linalg.qr(np.random.default_rng(7).normal(size=(D, D)))[0][:, :num_axes]


def exchange_on(
    session: Session, guarantee: GuaranteeName, *, epsilon: float = 8.0, rounds: int = 4
) -> NoisedExchange:
    settings = RunConfig(
        privacy=PrivacyConfig(epsilon=epsilon),
        training=TrainingConfig(rounds=rounds),
        clustering=ClusteringConfig(k=K),
        inside=InsideConfig(dp_guarantee=guarantee, dp_clip_norm=CLIP),
    )
    context = MethodContext(
        settings=settings.settings_of(METHOD),
        seeds=Seeds(1),
        domain_N=GROUP_N,
        open_session=lambda: session,
        public_axes=axes,
    )
    return make_exchange_on(session, context, name="test", num_draws=1)


def contribution(
    step_nM: FloatArray, round_index: int = 0, before_nM: FloatArray | None = None
) -> Contribution:
    present = np.arange(len(step_nM), dtype=np.int64)
    centres_KD = np.random.default_rng(99).normal(size=(K, D))
    points_nD = centres_KD[GROUP_N[present]]
    points_nD = points_nD + 0.05 * np.random.default_rng(3).normal(size=points_nD.shape)
    before_nM = np.zeros_like(step_nM) if before_nM is None else before_nM
    return Contribution(
        round_index=round_index,
        clients_n=present,
        num_clients=N,
        descriptor_nD=points_nD / np.linalg.norm(points_nD, axis=1, keepdims=True),
        before_nM=before_nM,
        update_nM=before_nM + step_nM,
    )


def steps(seed: int = 0) -> FloatArray:
    """Steps shorter and longer than the bound."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(N, M)) * rng.uniform(0.001, 1.0, size=(N, 1))


@pytest.mark.parametrize("guarantee", ["known-assignment", "means"])
def test_without_noise_it_moves_as_a_trusted_server_would(guarantee: GuaranteeName) -> None:
    trusted = NoisedClusters(
        cluster_N=GROUP_N, min_cluster_size=3, clip_norm=CLIP, noise_multiplier=0.0
    )
    exchange = exchange_on(PlainSession([Silence()]), guarantee)
    before_nM = np.zeros((N, M))
    for round_index in range(3):
        given = contribution(steps(round_index), round_index, before_nM)
        found, expected = exchange(given), trusted(given)
        assert np.allclose(found.update_rM, expected.update_rM, atol=1e-6)
        before_nM = found.update_rM


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_a_client_moves_its_cluster_by_the_bound_at_most(guarantee: GuaranteeName) -> None:
    """Sums are released means times sizes; one client is replaced by zero."""

    def sums(step_nM: FloatArray) -> FloatArray:
        session = Remembering([Silence()])
        exchange_on(session, guarantee)(contribution(step_nM))
        last, found = session.results[-1], session.results[0].labels_N
        assert found is not None
        first_K = np.unique(found, return_index=True)[1]
        return np.asarray((last.means_NM * last.sizes_N[:, None])[first_K])

    loud = 100 * steps()
    loud_KM = sums(loud)
    for client in range(3):
        quiet = loud.copy()
        quiet[client] = 0
        assert np.linalg.norm(loud_KM - sums(quiet)) == pytest.approx(CLIP, rel=1e-4)


@pytest.mark.parametrize("draws", [1, 2, 3])
def test_noise_of_every_party_is_in_the_means(draws: int) -> None:
    exchange = exchange_on(PlainSession([PrivateNoise() for _ in range(draws)]), "known-assignment")
    one = exchange.jobs.noise.later.means_multiplier * CLIP
    found = exchange(contribution(np.zeros((N, 20_000))))
    for group in range(K):
        rows = found.update_rM[group == GROUP_N]
        assert (rows == rows[0]).all()
        assert rows[0].std() == pytest.approx(np.sqrt(draws) * one / (N / K), rel=0.05)


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_jobs_of_a_run_spend_the_budget_once(guarantee: GuaranteeName) -> None:
    session = Remembering([PrivateNoise(), PrivateNoise()])
    exchange = exchange_on(session, guarantee)
    before_nM = np.zeros((N, M))
    for round_index in range(4):
        before_nM = exchange(contribution(steps(), round_index, before_nM)).update_rM
    private = [job for job in session.jobs if job.is_private]
    assert len(private) == 4
    noise = exchange.jobs.noise
    whole = 0.5 / noise.first.noise_multiplier**2 + 1.5 / noise.later.noise_multiplier**2
    assert sum(job.rho for job in private) == pytest.approx(whole)
    first = guarantee
    assert [job.guarantee for job in private] == [first, *["known-assignment"] * 3]
    assert {job.payload_bound for job in private} == {CLIP}
    others = [
        result
        for job, result in zip(session.jobs, session.results, strict=True)
        if not job.is_private
    ]
    assert len(others) == (guarantee == "known-assignment")
    for result in others:
        assert (result.sizes_N == TOO_SMALL).all()
        assert np.isnan(result.means_NM).all() or not result.means_NM.any()


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_a_resumed_run_finds_its_clusters_again(guarantee: GuaranteeName) -> None:
    """The noise of the round is the same, whatever finds the clusters."""
    first = Remembering([Silence()])
    before_nM = exchange_on(first, guarantee)(contribution(steps())).update_rM
    resumed = Remembering([Silence()])
    found = exchange_on(resumed, guarantee)(contribution(steps(1), 1, before_nM))
    if guarantee == "means":
        assert [job.guarantee for job in resumed.jobs] == ["means"]
    else:
        assert [job.guarantee for job in resumed.jobs] == ["none", "known-assignment"]
        assert (resumed.results[0].sizes_N == TOO_SMALL).all()
    later = exchange_on(first, guarantee).jobs.noise.later
    assert resumed.jobs[-1].noise_multiplier == later.noise_multiplier
    before, after = (session.results[0].labels_N for session in (first, resumed))
    assert before is not None
    assert after is not None
    assert np.array_equal(before[:, None] == before, after[:, None] == after)
    assert found.labels_n is not None


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_a_client_that_was_away_at_first(guarantee: GuaranteeName) -> None:
    """A pipeline has no budget to cluster it; otherwise clusters are found anew."""
    session = Remembering([Silence()])
    exchange = exchange_on(session, guarantee)
    exchange(contribution(steps()[:16]))
    found = exchange(contribution(steps(), 1))
    alone = guarantee == "pipeline"
    assert found.clients_r.tolist() == list(range(16 if alone else N))
    assert (found.labels_n is None) == alone


def test_where_clusters_are_too_small_nothing_moves() -> None:
    exchange = exchange_on(PlainSession([Silence()]), "known-assignment")
    found = exchange(contribution(steps()[:7]))
    assert not found.update_rM.any()


def test_estimated_sizes_come_nearer_to_the_truth() -> None:
    """The mean of eight noised sizes and of the prior N / K = 4 is nearer to 8 than one is."""
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(200):
        sizes = SizeEstimates(num_clients=20, num_clusters=5, variance=4.0)
        for _ in range(8):
            noised = np.maximum(np.rint(8 + 2 * rng.normal(size=1)), 1).astype(np.int64)
            ratio = sizes.corrections(np.array([3]), noised)
        errors.append(noised[0] / ratio[0] - 8)
    assert abs(np.mean(errors)) < 1.0
    assert np.std(errors) < 1.0
    nothing = sizes.corrections(np.array([3]), np.array([TOO_SMALL]))
    assert nothing.tolist() == [0.0]


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_the_statement_names_the_guarantee_and_whom_to_trust(guarantee: GuaranteeName) -> None:
    assert METHOD.statement is not None
    config = RunConfig(
        privacy=PrivacyConfig(epsilon=3.0), inside=InsideConfig(dp_guarantee=guarantee)
    )
    said = METHOD.statement(config.settings_of(METHOD))
    assert said.epsilon_pld <= 3.0 <= said.epsilon_rdp
    for needed in (
        f"guarantee: {guarantee}",
        "unit: client",
        "any one of the computing parties is honest",
        "dealer colludes with none",
        "10 releases",
    ):
        assert needed in said.in_words
    assert ("3 of the clustering" in said.in_words) == (guarantee == "pipeline")
    assert ("not covered" in said.in_words) == (guarantee == "means")


def test_the_twin_says_that_it_is_trusted_and_how_much_noise_it_adds() -> None:
    assert TWIN.statement is not None
    three = RunConfig(secure=SecureConfig(parties=3))
    assert "one of 3 draws" in TWIN.statement(three.settings_of(TWIN)).trust
    one = replace(three, inside=InsideConfig(dp_plain_draws=1))
    assert "one of 1 draw" in TWIN.statement(one.settings_of(TWIN)).trust
    assert jobs_of(one.settings_of(TWIN)).noise == jobs_of(three.settings_of(TWIN)).noise


@pytest.mark.parametrize(
    ("clustering", "said"),
    [(ClusteringConfig(k=None), "give --k"), (ClusteringConfig(reveal="distances"), "own-mean")],
)
def test_what_no_noise_covers_is_refused(clustering: ClusteringConfig, said: str) -> None:
    context = MethodContext(
        settings=RunConfig(clustering=clustering).settings_of(TWIN),
        seeds=Seeds(0),
        domain_N=GROUP_N,
        open_session=PlainSession,
    )
    with pytest.raises(ConfigError, match=said):
        TWIN.begin(context)


@pytest.mark.slow
@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_real_parties_need_hardly_more_than_without_noise(
    guarantee: GuaranteeName, opened: Callable[[int], SecureSession]
) -> None:
    """Bytes of a party at most 1.3 times in every round; the rest over a run.

    The first round may have two jobs, one of which finds clusters.
    """
    noised = exchange_on(opened(2), guarantee)
    plain = ClusteredExchange(
        session=opened(2),
        clustering=ClusteringConfig(k=K),
        label="without noise",
        seed=noised.jobs.seed,
    )

    def traffic_of(exchange: NoisedExchange | ClusteredExchange) -> list[tuple[int, int, int]]:
        before_nM, found = np.zeros((N, M)), []
        for round_index in range(4):
            result = exchange(contribution(0.05 * steps(), round_index, before_nM))
            before_nM = result.update_rM
            spent = result.traffic
            found.append((spent.rounds_online, spent.bytes_party_max, spent.bytes_client_max))
        return found

    with_noise, without = np.array(traffic_of(noised)), np.array(traffic_of(plain))
    assert with_noise[:, 0].sum() <= without[:, 0].sum() + 2
    assert (with_noise[:, 1] <= 1.3 * without[:, 1]).all()
    assert with_noise[:, 2].sum() <= 1.3 * without[:, 2].sum()
    assert (with_noise[1:, 0] <= without[1:, 0] + 2).all()
