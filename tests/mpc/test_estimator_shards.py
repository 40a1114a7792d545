"""`SecureKMeans` with more rows than a job holds, or than its shards are told to hold."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_blobs

from mpc import PlainSession, SecureKMeans, SecureSession
from mpc.errors import InputError
from mpc.jobs.job import MAX_POINTS

POINTS, TRUTH = make_blobs(n_samples=60, centers=3, n_features=4, cluster_std=0.3, random_state=0)


def test_every_owner_has_the_mean_of_its_cluster(session: PlainSession | SecureSession) -> None:
    model = SecureKMeans(3, shard_size=25, owners=20, session=session, random_state=1, n_init=2)
    model = clone(model).fit(POINTS)
    for cluster in range(3):
        inside = cluster == TRUTH
        assert set(model.own_sizes_[inside]) == {20}
        assert np.allclose(model.own_means_[inside], POINTS[inside].mean(axis=0), atol=1e-4)
    assert model.n_clusters_ == 3
    assert not hasattr(model, "labels_")


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"shard_k": 4}, "shard_k=4 but shard_size is not given"),
        ({"n_clusters": None, "shard_size": 20}, "cannot choose one"),
        ({"shard_size": 20, "reveal": "assignments"}, "reveal='assignments' but a shard has"),
        ({"shard_size": 20, "standardize": True}, "standardize=True but a shard has"),
        ({"shard_size": 20, "owners": 2}, "client:0 has 30 rows, but a shard"),
        ({"shard_size": 60}, "60 points fit one shard"),
        ({"shard_size": 1.5}, "shard_size=1.5"),
        ({"shard_size": 20, "shard_k": 21}, "shard_k=21 but a shard has only"),
        ({"shard_size": 20, "shard_k": 2.5}, "shard_k=2.5"),
    ],
    ids=str,
)
def test_what_shards_cannot_do_is_refused(parameters: dict[str, object], words: str) -> None:
    model = SecureKMeans(3, session=PlainSession()).set_params(**parameters)
    with pytest.raises(InputError, match=words):
        model.fit(POINTS)


def test_too_many_rows_are_told_of_shards() -> None:
    many = np.repeat(POINTS, 1 + MAX_POINTS // len(POINTS), axis=0)
    with pytest.raises(InputError, match="at most 8191 fit a job; give a shard_size"):
        SecureKMeans(3, session=PlainSession()).fit(many)


def test_more_rows_than_a_job_holds_in_the_clear() -> None:
    many, truth = make_blobs(n_samples=9000, centers=3, n_features=4, random_state=2)
    model = SecureKMeans(3, session=PlainSession(), shard_size=1000, n_init=1, random_state=3)
    model.fit(many)
    agree = [np.bincount(truth[model.own_sizes_ == size]).max() for size in set(model.own_sizes_)]
    assert sum(agree) > 0.99 * len(many)
