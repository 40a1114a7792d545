from dataclasses import replace

import numpy as np
import pytest
import torch

from secfpp.data.partition import partition
from secfpp.federation.cohort import build_cohort
from secfpp.learning.losses import Shards
from secfpp.learning.prompts import FloatArray
from secfpp.seeds import Seeds
from tests.federation.toy import TOY_PARTITION, toy_domains, toy_workload


def rows_of(images: Shards, client: int) -> FloatArray:
    return images.features_NBE[client][images.mask_NB[client]].numpy()


@pytest.mark.parametrize("count", [0, 3])
def test_each_client_has_its_own_training_and_validation_images(count: int) -> None:
    domain_set, features = toy_domains()
    config = replace(TOY_PARTITION, validation_images_per_client=count)
    shards = partition(domain_set, config, np.random.default_rng(0))
    patches = [np.repeat(rows[:, None], 2, axis=1) for rows in features]
    cohort = build_cohort(domain_set, features, shards, patches=patches)
    for images, part in ((cohort.train, "train_index"), (cohort.validation, "validation_index")):
        for i, shard in enumerate(shards):
            index = getattr(shard, part)
            np.testing.assert_array_equal(rows_of(images, i), features[shard.domain][index])
            labels = domain_set.domains[shard.domain].labels_N[index]
            assert images.labels_NB[i][images.mask_NB[i]].tolist() == labels.tolist()
        assert images.patches_NBRE is not None
        assert torch.equal(images.patches_NBRE[:, :, 0], images.features_NBE)
    assert cohort.validation.features_NBE.shape[:2] == (len(shards), count)
    assert cohort.without_patches().validation.patches_NBRE is None


def test_without_domains_all_clients_are_alike() -> None:
    workload = toy_workload()
    mixed = workload.cohort(replace(TOY_PARTITION, domains="mixed"), Seeds(0))
    assert mixed.domain_names == ("mixed",)
    assert mixed.domain_N.tolist() == [0] * 9
    assert mixed.test_features_GSE.shape[:2] == (1, 30)
    everything = np.concatenate(workload.features)
    origin = [
        int((everything == row).all(axis=1).argmax()) // 90
        for client in range(9)
        for row in rows_of(mixed.train, client)
    ]
    assert np.bincount(origin, minlength=3).min() > 15
