import numpy as np
import pytest

from secfpp.config.partition import PartitionConfig
from secfpp.data.partition import partition
from secfpp.errors import ConfigError, DataError
from tests.data.parts_of_domains import own_test_part
from tests.data.toy_sets import make_set


def test_same_generator_same_partition_and_another_seed_another() -> None:
    domain_set = make_set([400])
    config = PartitionConfig(test_images_per_domain=100)
    first, again, other = (
        partition(domain_set, config, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a.train_index, b.train_index)
    assert any(set(a.train_index) != set(b.train_index) for a, b in zip(first, other, strict=True))


def test_training_images_follow_the_label_mix() -> None:
    domain_set = make_set([60_000])
    config = PartitionConfig(
        clients_per_domain=2, images_per_client=3000, label_mix=1.0, test_images_per_domain=600
    )
    labels = domain_set.domains[0].labels_N
    for shard in partition(domain_set, config, np.random.default_rng(0)):
        share_C = np.bincount(labels[shard.train_index], minlength=3) / 3000
        np.testing.assert_allclose(share_C, shard.label_mix_C, atol=0.04)


def test_test_images_are_balanced() -> None:
    (shard,) = partition(
        make_set([200]),
        PartitionConfig(clients_per_domain=1, images_per_client=10, test_images_per_domain=60),
        np.random.default_rng(0),
    )
    assert np.bincount(make_set([200]).domains[0].labels_N[shard.test_index]).tolist() == [20] * 3


def test_a_class_that_a_domain_lacks_has_no_share() -> None:
    config = PartitionConfig(clients_per_domain=2, images_per_client=20, test_images_per_domain=30)
    shards = partition(make_set([200, 200], missing={1}), config, np.random.default_rng(0))
    assert all(s.label_mix_C[0] == 0 for s in shards if s.domain == 1)
    assert all(s.label_mix_C[0] > 0 for s in shards if s.domain == 0)


@pytest.mark.parametrize(
    ("sizes", "changes", "message"),
    [
        (
            (200, 191),
            {},
            r"'d1' has 191 images, 96 of them for development, but 98 are needed \(2 clients x "
            r"\(39 for training \+ 4 for validation\) \+ 12 to score on\); lower "
            r"partition.images_per_client, partition.validation_images_per_client or",
        ),
        (
            (200, 197),
            {"test_images_per_domain": 99},
            r"'d1' has 197 images, 98 of them for reporting, but 99 are needed; lower "
            r"partition.test_images_per_domain",
        ),
    ],
)
def test_too_few_images_names_the_domain_and_the_count(
    sizes: tuple[int, int], changes: dict[str, int], message: str
) -> None:
    config = PartitionConfig(
        **{  # type: ignore[arg-type]
            "clients_per_domain": 2,
            "images_per_client": 39,
            "validation_images_per_client": 4,
            "test_images_per_domain": 30,
            **changes,
        }
    )
    with pytest.raises(DataError, match=message):
        partition(make_set([sizes[0], sizes[1]]), config, np.random.default_rng(0))


@pytest.mark.parametrize(
    "setting",
    [
        {"clients_per_domain": 0},
        {"images_per_client": -1},
        {"test_images_per_domain": 0},
        {"validation_images_per_client": -1},
        {"score_on": "training"},
        {"scheme": "by chance"},
        {"label_mix": 0.0},
        {"label_mix": float("nan")},
        {"label_mix": float("inf")},
    ],
)
def test_settings_out_of_range_are_refused(
    setting: dict[str, int] | dict[str, str] | dict[str, float],
) -> None:
    with pytest.raises(ConfigError, match=next(iter(setting))):
        PartitionConfig(**setting)


def test_a_split_of_the_domains_own_is_kept() -> None:
    domain_set = make_set([200], test_every=4)
    (domain,) = domain_set.domains
    is_test_N = own_test_part(domain)
    config = PartitionConfig(clients_per_domain=2, images_per_client=20, test_images_per_domain=30)
    for shard in partition(domain_set, config, np.random.default_rng(0)):
        assert is_test_N[shard.test_index].all()
        assert not is_test_N[shard.train_index].any()
        assert np.bincount(domain.labels_N[shard.test_index]).tolist() == [10] * 3


def test_all_of_a_test_part_can_be_used() -> None:
    domain_set = make_set([200], test_every=4)
    config = PartitionConfig(clients_per_domain=1, images_per_client=20, test_images_per_domain=50)
    (shard,) = partition(domain_set, config, np.random.default_rng(0))
    assert shard.test_index.tolist() == list(range(0, 200, 4))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"clients_per_domain": 9}, r"150 of them for development, but 198 are needed \(9"),
        ({"test_images_per_domain": 51}, r"50 of them for reporting, but 51 are needed; lower"),
    ],
)
def test_a_part_that_is_too_small_is_named(settings: dict[str, int], message: str) -> None:
    config = PartitionConfig(
        **{"images_per_client": 10, "test_images_per_domain": 50, **settings},  # type: ignore[arg-type]
    )
    with pytest.raises(DataError, match=message):
        partition(make_set([200], test_every=4), config, np.random.default_rng(0))
