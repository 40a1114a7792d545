"""The dealer of a whole session: ahead of need, and the same whatever the inputs are."""

from dataclasses import asdict

import numpy as np
import pytest

from mpc import ClusterJob, SecureSession
from mpc.preprocessing.requests import segment_of


def points(seed: int, n: int = 12) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 5)) / 8


@pytest.mark.slow
def test_the_dealer_streams_ahead(secure_session: SecureSession) -> None:
    """Rounds with the dealer are no more than two a step, however many tuples a step needs."""
    rounds = {}
    for n, k in ((6, 2), (60, 2), (60, 6)):
        job = ClusterJob(k=k, iterations=1)
        rounds[n, k] = secure_session.cluster(
            job, points(0, n), points(0, n)
        ).traffic.rounds_offline
    assert len(set(rounds.values())) == 1, rounds
    assert max(rounds.values()) <= 8, rounds


@pytest.mark.slow
def test_the_dealer_hears_and_says_as_much_for_other_inputs(secure_session: SecureSession) -> None:
    """Cases of two iterations, since their number is public; so is a job's number in a request."""
    counts = []
    for seed in range(3):
        job = ClusterJob(k=3, iterations=2)
        traffic = secure_session.cluster(job, points(seed), points(seed + 9)).traffic
        (dealer,) = [asdict(role) for role in traffic.roles if role.role == "dealer"]
        digits = len(str(segment_of(secure_session._jobs, "norms")))
        dealer["bytes_received"] -= dealer["frames_received"] * digits
        counts.append(
            {name: dealer[name] for name in dealer if "seconds" not in name and "wire" not in name}
        )
    assert counts[0] == counts[1] == counts[2]
    assert counts[0]["bytes_sent"] > 1000
