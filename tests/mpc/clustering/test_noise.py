"""Noise inside the secure sum: the twin's with known keys, and of the stated variance without."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import pytest

from mpc import ClusterJob, ClusterResult, PlainSession, SecureSession
from mpc.errors import InputError
from mpc.jobs.encoding import payload_unit
from mpc.jobs.noise import NoiseSource, noise_of_means
from mpc.jobs.result import TOO_SMALL
from mpc.ring.discrete_gaussian import PrivateNoise
from mpc.ring.fixedpoint import FloatArray, Int64Array
from mpc.session.local_group import ProcessGroup
from tests.kept import Kept
from tests.mpc.programs.noised_party import key_of
from tests.mpc.ring.test_discrete_gaussian import chi_squared_chance

N, D, M, K = 24, 4, 6, 3
RNG = np.random.default_rng(5)
CENTRES = np.eye(D)[:K] * 0.7
POINTS = CENTRES[np.arange(N) % K] + RNG.normal(size=(N, D)) * 0.02
PAYLOAD = np.eye(M)[np.arange(N) % K] * 0.9
FRESH = ClusterJob(k=K, norm_bound=1.0, value_bound=1.0, payload_bound=1.0)
MEANS = replace(FRESH, guarantee="means", epsilon=30.0)
PIPELINE = replace(
    FRESH,
    guarantee="pipeline",
    epsilon=30.0,
    init="directions",
    seed=1,
    iterations=4,
    centre=False,
)
KNOWN = replace(FRESH, guarantee="known-assignment", start="warm", epsilon=30.0)


def keyed(parties: int) -> PlainSession:
    return PlainSession([PrivateNoise(key_of(rank)) for rank in range(parties)])


@dataclass
class Pair:
    """A session whose parties' noise has known keys, and its twin, which does all it does."""

    session: PlainSession | SecureSession
    twin: PlainSession

    def cluster(
        self, job: ClusterJob, points: FloatArray = POINTS, payload: FloatArray = PAYLOAD
    ) -> tuple[ClusterResult, ClusterResult]:
        return self.session.cluster(job, points, payload), self.twin.cluster(job, points, payload)


@contextmanager
def opened_pair(parties: int) -> Iterator[Pair]:
    if parties == 0:
        yield Pair(keyed(2), keyed(2))
        return
    group = ProcessGroup(parties, timeout_s=60, party_module="tests.mpc.programs.noised_party")
    with SecureSession(group, job_timeout_s=300, insecure=()) as session:
        yield Pair(session, keyed(parties))


@pytest.fixture
def pair(which_or_plain: int, kept: Kept) -> Pair:
    return kept.get(("noised", which_or_plain), lambda: opened_pair(which_or_plain))


@pytest.mark.parametrize(
    "job",
    [
        MEANS,
        replace(MEANS, min_cluster_size=1),
        replace(MEANS, reveal="distances"),
        replace(MEANS, k=None, k_max=4),
        replace(MEANS, init="random", restarts=4),
        PIPELINE,
        replace(PIPELINE, iterations=1),
        replace(PIPELINE, k=1, init="directions"),
        replace(PIPELINE, epsilon=1.0, noise_multiplier=None),
    ],
    ids=lambda job: (
        f"{job.guarantee}-{job.init}-{job.k}-{job.iterations}-{job.reveal}-"
        f"{job.min_cluster_size}-{job.epsilon:g}"
    ),
)
def test_noise_is_the_twin_s(pair: Pair, job: ClusterJob) -> None:
    found, twin = pair.cluster(job)
    assert np.array_equal(found.sizes_N, twin.sizes_N)
    assert np.array_equal(found.means_NM, twin.means_NM, equal_nan=True)
    assert (found.k, found.iterations) == (twin.k, twin.iterations)
    assert found.privacy is not None
    assert found.privacy.guarantee == job.guarantee
    assert found.privacy == twin.privacy


@pytest.mark.parametrize("share", [None, 0.0])
def test_a_known_assignment_is_that_of_the_job_before_whatever_the_points_are(
    pair: Pair, share: float | None
) -> None:
    pair.cluster(FRESH)
    for _ in range(2):  # a job like this keeps the assignment as it was
        found, twin = pair.cluster(replace(KNOWN, size_share=share), points=POINTS[::-1].copy())
        assert found.iterations == 0
        assert np.array_equal(found.sizes_N, twin.sizes_N)
        assert np.array_equal(found.means_NM, twin.means_NM, equal_nan=True)
        for cluster in range(K):
            assert np.abs(found.means_NM[cluster] - PAYLOAD[cluster]).max() < 0.5
        if share == 0:
            assert set(found.sizes_N.tolist()) == {N // K}


def test_an_assignment_that_is_not_kept_is_refused_before_anything_is_shared(
    session: PlainSession | SecureSession,
) -> None:
    other = replace(KNOWN, k=K + 1)
    with pytest.raises(InputError, match="takes the kept assignment as it is, but of 24 rows"):
        session.cluster(other, POINTS, PAYLOAD)


def test_members_of_a_cluster_receive_the_same_noise(session: PlainSession | SecureSession) -> None:
    result = session.cluster(MEANS, POINTS, PAYLOAD)
    for cluster in range(K):
        members = result.means_NM[cluster::K]
        assert (members == members[0]).all()
        assert (result.sizes_N[cluster::K] == result.sizes_N[cluster]).all()
    assert len({row.tobytes() for row in result.means_NM}) == K
    again = session.cluster(MEANS, POINTS, PAYLOAD)
    assert not np.isin(again.means_NM, result.means_NM).any()  # a second release, fresh noise


WIDE = np.zeros((N, 2000))
WIDE_JOB = replace(MEANS, k=1, epsilon=4.0, noise_multiplier=None)


def noise_of(job: ClusterJob, result: ClusterResult, true_size: int = N) -> FloatArray:
    """Return the noise of sums of a single cluster of zeros, in units of the ring."""
    width = result.means_NM.shape[1]
    found: FloatArray = result.means_NM[0] * result.sizes_N[0] / payload_unit(job, width)
    return found


def test_received_noise_has_the_variance_of_all_parties(
    session: PlainSession | SecureSession, which_or_plain: int
) -> None:
    parties = which_or_plain or 2
    noise = noise_of_means(WIDE_JOB, N, WIDE.shape[1], parties)
    results = [session.cluster(WIDE_JOB, POINTS, WIDE) for _ in range(4)]
    z = np.concatenate([noise_of(WIDE_JOB, each) for each in results])
    z /= math.sqrt(parties * noise.sum_variance)
    assert abs(z.mean()) < 4.5 / math.sqrt(len(z))
    assert abs(z.var() - 1) < 4.5 * math.sqrt(2 / len(z))
    assert abs((z**4).mean() - 3) < 7 * math.sqrt(96 / len(z))
    assert results[0].privacy is not None
    unit = payload_unit(WIDE_JOB, WIDE.shape[1])
    assert results[0].privacy.sum_stddev == pytest.approx(math.sqrt(noise.sum_variance) * unit)


def test_sizes_have_noise_of_their_own(pair: Pair) -> None:
    job = replace(WIDE_JOB, min_cluster_size=1)
    found = [pair.cluster(job, payload=np.zeros((N, 1)))[0].sizes_N[0] for _ in range(12)]
    assert len(set(found)) > 2


def test_what_others_know_leaves_the_noise_of_one_party(pair: Pair, which_or_plain: int) -> None:
    """P - 1 parties subtract their own draws; the rest is a discrete Gaussian of full variance."""
    parties = which_or_plain or 2
    job = replace(WIDE_JOB, payload_bound=2.0**-18)  # small units, so that all can be counted
    noise = noise_of_means(job, N, 2000, parties)
    before = pair.twin._noise
    known = [_Recorded(source) for source in before]
    pair.twin._noise = tuple(known)
    found, _ = pair.cluster(job, payload=WIDE)
    pair.twin._noise = before
    left = np.rint(noise_of(job, found)).astype(np.int64)
    for source in known[:-1]:
        left = left - source.drawn[-1].reshape(-1)
    assert np.array_equal(left, known[-1].drawn[-1].reshape(-1))
    coarse = left.astype(np.float64) / math.sqrt(noise.sum_variance)
    assert abs(coarse.var() - 1) < 5 * math.sqrt(2 / len(coarse))
    spread = Fraction(16)
    binned = np.rint(coarse * 4).astype(np.int64)
    assert chi_squared_chance(binned, spread) > 1e-4


class _Recorded:
    """A source of noise that remembers what it drew."""

    def __init__(self, source: NoiseSource) -> None:
        self.source = source
        self.drawn: list[Int64Array] = []

    def draw(self, shape: Sequence[int], variance: Fraction) -> Int64Array:
        self.drawn.append(self.source.draw(shape, variance))
        return self.drawn[-1]


@pytest.mark.parametrize("job", [MEANS, PIPELINE, KNOWN], ids=lambda job: job.guarantee)
def test_a_payload_over_its_bound_moves_no_sum(
    pair: Pair, which_or_plain: int, job: ClusterJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An owner that does not test its own payload is found out under sharing."""
    if which_or_plain == 0:
        pytest.skip("the twin refuses such a payload")
    monkeypatch.setattr("mpc.jobs.rows._check_within", lambda *given: None)
    pair.cluster(FRESH)
    payload = PAYLOAD.copy()
    payload[0] *= 1.2
    faint = replace(job, epsilon=1e4, noise_multiplier=None)
    result = pair.session.cluster(faint, POINTS, payload)
    pair.twin.cluster(faint, POINTS, PAYLOAD)  # draws as much
    assert result.sizes_N[0] == 0
    assert np.isnan(result.means_NM[0]).all()
    others = result.means_NM[K::K] * result.sizes_N[K::K, None]
    assert (others == others[0]).all()
    assert np.abs(others[0] - (N // K - 1) * PAYLOAD[0]).max() < 0.5


def test_a_noised_size_below_the_minimum_is_not_opened(
    session: PlainSession | SecureSession,
) -> None:
    result = session.cluster(replace(MEANS, min_cluster_size=20), POINTS, PAYLOAD)
    assert (result.sizes_N == TOO_SMALL).all()
    assert np.isnan(result.means_NM).all()


def test_rows_of_an_owner_are_bounded(session: PlainSession | SecureSession) -> None:
    owners = [row // 2 for row in range(N)]
    with pytest.raises(InputError, match="client:0 has 2 rows, but the job's noise hides"):
        session.cluster(MEANS, POINTS, PAYLOAD, owners)
    job = replace(MEANS, rows_per_owner=2)
    result = session.cluster(job, POINTS, PAYLOAD, owners)
    assert result.privacy is not None
    one = session.cluster(MEANS, POINTS, PAYLOAD).privacy
    assert one is not None
    assert result.privacy.sum_stddev == pytest.approx(2 * one.sum_stddev, rel=1e-6)
    assert result.privacy.sum_sensitivity == pytest.approx(2 * one.sum_sensitivity)


def test_nothing_is_opened_inside_a_pipeline(secure_session: SecureSession) -> None:
    result = secure_session.cluster(PIPELINE, POINTS, PAYLOAD)
    assert [(entry.to, entry.what) for entry in result.ledger] == [
        ("each client", "own cluster's sum and size")
    ]


def test_bounds_that_come_from_the_rows_are_refused(session: PlainSession | SecureSession) -> None:
    with pytest.raises(InputError, match="needs a payload_bound that does not depend on the rows"):
        session.cluster(replace(MEANS, payload_bound=None), POINTS, PAYLOAD)
    with pytest.raises(InputError, match="needs a norm_bound that does not depend on the rows"):
        session.cluster(replace(PIPELINE, norm_bound=None), POINTS, PAYLOAD)
