"""Without domains, clients have images of all, and no image changes its part."""

import numpy as np
import pytest

from secfpp.config.partition import PartitionConfig
from secfpp.data.mixed import mix_domains, mixed_partition
from secfpp.data.partition import partition
from secfpp.errors import DataError
from tests.data.toy_sets import make_set


def test_clients_have_images_of_all_domains_and_parts_are_kept() -> None:
    domain_set = make_set([400, 800, 600])
    config = PartitionConfig(images_per_client=50, domains="mixed", test_images_per_domain=300)
    mixed = mix_domains(domain_set)
    shards = partition(mixed, mixed_partition(config, 3), np.random.default_rng(0))
    origin_N = np.repeat([0, 1, 2], [400, 800, 600])
    is_reporting_N = np.concatenate([d.is_reporting_N for d in domain_set.domains])
    assert [(s.client, s.domain) for s in shards] == [(i, 0) for i in range(12)]
    for shard in shards:
        share = np.bincount(origin_N[shard.train_index], minlength=3) / 50
        np.testing.assert_allclose(share, [4 / 18, 8 / 18, 6 / 18], atol=0.25)
        assert not is_reporting_N[shard.train_index].any()
        assert is_reporting_N[shard.test_index].all()
    share = np.bincount(origin_N[shards[0].test_index]) / 300
    np.testing.assert_allclose(share, [4 / 18, 8 / 18, 6 / 18], atol=0.1)


def test_too_few_images_are_counted_over_all_domains() -> None:
    config = mixed_partition(PartitionConfig(domains="mixed"), 2)
    with pytest.raises(DataError, match="'mixed' has 300 .* 150 of them .*8 clients x"):
        partition(mix_domains(make_set([150, 150])), config, np.random.default_rng(0))
