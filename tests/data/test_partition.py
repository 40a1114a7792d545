import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secfpp.data import Domain, DomainSet, PartitionConfig, partition
from secfpp.errors import ConfigError, DataError


def make_set(sizes, num_classes=3, missing=()):
    domains = []
    for d, size in enumerate(sizes):
        labels = np.arange(size, dtype=np.int64) % num_classes
        if d in missing:
            labels[labels == 0] = 1
        images = np.zeros((size, 4, 4, 3), dtype=np.uint8)
        domains.append(Domain(name=f"d{d}", images_NHW3=images, labels_N=labels))
    names = tuple("abcdefgh"[:num_classes])
    return DomainSet(name="toy", class_names=names, domains=tuple(domains), phrase="a")


@settings(max_examples=60, deadline=None)
@given(
    clients=st.integers(1, 5),
    images=st.integers(1, 12),
    test_images=st.integers(1, 30),
    spare=st.integers(0, 20),
    label_mix=st.sampled_from([1e-3, 0.1, 1.0, 3.0, 1e6]),
    seed=st.integers(0, 2**32 - 1),
)
def test_no_image_is_used_twice(clients, images, test_images, spare, label_mix, seed):
    size = clients * images + test_images + spare
    domain_set = make_set([size, size + 3])
    config = PartitionConfig(
        clients_per_domain=clients,
        images_per_client=images,
        label_mix=label_mix,
        test_images_per_domain=test_images,
    )
    shards = partition(domain_set, config, np.random.default_rng(seed))
    assert [s.client for s in shards] == list(range(2 * clients))
    for d in range(2):
        mine = [s for s in shards if s.domain == d]
        assert len(mine) == clients
        used = np.concatenate([mine[0].test_index, *(s.train_index for s in mine)])
        assert len(set(used.tolist())) == len(used) == clients * images + test_images
        assert used.min() >= 0
        assert used.max() < len(domain_set.domains[d])
        for shard in mine:
            assert len(shard.train_index) == images
            np.testing.assert_array_equal(shard.test_index, mine[0].test_index)
            assert shard.label_mix_C.sum() == pytest.approx(1)


def test_same_generator_same_partition_and_another_seed_another():
    domain_set = make_set([400])
    config = PartitionConfig(test_images_per_domain=100)
    first, again, other = (
        partition(domain_set, config, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a.train_index, b.train_index)
    assert any(set(a.train_index) != set(b.train_index) for a, b in zip(first, other, strict=True))


def test_training_images_follow_the_label_mix():
    domain_set = make_set([30_000])
    config = PartitionConfig(
        clients_per_domain=2, images_per_client=3000, label_mix=1.0, test_images_per_domain=600
    )
    labels = domain_set.domains[0].labels_N
    for shard in partition(domain_set, config, np.random.default_rng(0)):
        share_C = np.bincount(labels[shard.train_index], minlength=3) / 3000
        np.testing.assert_allclose(share_C, shard.label_mix_C, atol=0.04)


def test_test_images_are_balanced():
    (shard,) = partition(
        make_set([200]),
        PartitionConfig(clients_per_domain=1, images_per_client=10, test_images_per_domain=60),
        np.random.default_rng(0),
    )
    assert np.bincount(make_set([200]).domains[0].labels_N[shard.test_index]).tolist() == [20] * 3


def test_a_class_that_a_domain_lacks_has_no_share():
    config = PartitionConfig(clients_per_domain=2, images_per_client=20, test_images_per_domain=30)
    shards = partition(make_set([200, 200], missing={1}), config, np.random.default_rng(0))
    assert all(s.label_mix_C[0] == 0 for s in shards if s.domain == 1)
    assert all(s.label_mix_C[0] > 0 for s in shards if s.domain == 0)


def test_too_few_images_names_the_domain_and_the_count():
    with pytest.raises(DataError, match=r"'d1' has 719 images but 720 are needed \(4 clients x 30"):
        partition(make_set([720, 719]), PartitionConfig(), np.random.default_rng(0))


@pytest.mark.parametrize(
    "setting",
    [
        {"clients_per_domain": 0},
        {"images_per_client": -1},
        {"test_images_per_domain": 0},
        {"label_mix": 0.0},
        {"label_mix": float("nan")},
        {"label_mix": float("inf")},
    ],
)
def test_settings_out_of_range_are_refused(setting):
    with pytest.raises(ConfigError, match=next(iter(setting))):
        PartitionConfig(**setting)
