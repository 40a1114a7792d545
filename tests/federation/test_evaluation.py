import numpy as np
import pytest
import torch

from secfpp.cohort import Cohort
from secfpp.evaluation import evaluate, rand_index
from secfpp.losses import Shards


def cohort(labels: list[int], mix: list[float]) -> Cohort:
    """One client, one domain; images on the axes, classes on the axes."""
    features = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [5.0, 0.0]]])
    return Cohort(
        domain_names=("only",),
        class_names=("a", "b"),
        domain_N=np.zeros(1, dtype=np.int64),
        label_mix_NC=torch.tensor([mix], dtype=torch.float64),
        train=Shards(
            features_NBE=features,
            labels_NB=torch.zeros(1, 4, dtype=torch.int64),
            mask_NB=torch.ones(1, 4, dtype=torch.bool),
        ),
        test_features_GSE=features,
        test_labels_GS=torch.tensor([labels]),
    )


def test_both_accuracies_by_hand() -> None:
    scores = evaluate(torch.eye(2)[None], cohort([0, 0, 1, -1], [0.9, 0.1]))
    assert scores.own_mix == pytest.approx(0.9 * 0.5 + 0.1 * 1.0)
    assert scores.uniform == pytest.approx(0.75)
    assert scores.worst_client == scores.own_mix


def test_class_without_test_images_is_left_out() -> None:
    scores = evaluate(torch.eye(2)[None], cohort([0, 0, 0, -1], [0.5, 0.5]))
    assert scores.own_mix == pytest.approx(1 / 3)
    assert scores.uniform == pytest.approx(1 / 3)


def test_rand_index_ignores_names() -> None:
    domains = np.array([0, 0, 1, 1], dtype=np.int64)
    assert rand_index(domains, np.array([7, 7, 2, 2], dtype=np.int64)) == 1.0
    assert rand_index(domains, np.array([0, 1, 0, 1], dtype=np.int64)) < 0.1
