import numpy as np
import pytest
import torch

from secfpp.federation.cohort import Cohort
from secfpp.federation.evaluation import evaluate, rand_index
from secfpp.learning.losses import Shards
from secfpp.methods.interface import IntArray


def nothing(clients: int) -> Shards:
    """No image for any client."""
    return Shards(
        features_NBE=torch.zeros(clients, 0, 2),
        labels_NB=torch.zeros(clients, 0, dtype=torch.int64),
        mask_NB=torch.zeros(clients, 0, dtype=torch.bool),
    )


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
        validation=nothing(1),
        test_features_GSE=features,
        test_labels_GS=torch.tensor([labels]),
    )


def by_axes(clients_n: IntArray, images: Shards) -> torch.Tensor:
    """Give each image the class of its longer axis."""
    return images.features_NBE


def test_both_accuracies_by_hand() -> None:
    scores = evaluate(by_axes, cohort([0, 0, 1, -1], [0.9, 0.1]))
    assert scores.own_mix == pytest.approx(0.9 * 0.5 + 0.1 * 1.0)
    assert scores.uniform == pytest.approx(0.75)
    assert scores.worst_client == scores.own_mix


def test_class_without_test_images_is_left_out() -> None:
    scores = evaluate(by_axes, cohort([0, 0, 0, -1], [0.5, 0.5]))
    assert scores.own_mix == pytest.approx(1 / 3)
    assert scores.uniform == pytest.approx(1 / 3)


def several() -> Cohort:
    """Two clients in the first domain and one in the second, whose labels are the wrong way round.

    Client 0 has class a, client 1 both, client 2 class b.
    """
    features = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    return Cohort(
        domain_names=("right", "wrong"),
        class_names=("a", "b"),
        domain_N=np.array([0, 0, 1]),
        label_mix_NC=torch.tensor([[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]], dtype=torch.float64),
        train=Shards(
            features_NBE=features.repeat(3, 1, 1),
            labels_NB=torch.tensor([[0, 0], [0, 1], [1, 1]]),
            mask_NB=torch.tensor([[True, False], [True, True], [True, True]]),
        ),
        validation=nothing(3),
        test_features_GSE=features.repeat(2, 1, 1),
        test_labels_GS=torch.tensor([[0, 1], [1, 0]]),
    )


def test_own_and_neighbours_classes_and_other_domains_by_hand() -> None:
    """Classified by the longer axis the first domain is all right, the second all wrong."""
    scores = evaluate(by_axes, several(), everywhere=True)
    assert scores.own_classes_N.tolist() == [1.0, 1.0, 0.0]
    assert scores.neighbour_classes_N[0] == 1.0
    assert np.isnan(scores.neighbour_classes_N[1:]).all()
    assert scores.neighbour_classes == 1.0
    assert scores.other_domains_N is not None
    assert scores.other_domains_N.tolist() == [0.0, 0.0, 1.0]


def test_what_there_is_not_is_none() -> None:
    scores = evaluate(by_axes, cohort([0, 0, 1, -1], [0.9, 0.1]), everywhere=True)
    assert scores.other_domains is None
    assert scores.neighbour_classes is None
    assert evaluate(by_axes, several()).other_domains is None


def test_rand_index_ignores_names() -> None:
    domains = np.array([0, 0, 1, 1], dtype=np.int64)
    assert rand_index(domains, np.array([7, 7, 2, 2], dtype=np.int64)) == 1.0
    assert rand_index(domains, np.array([0, 1, 0, 1], dtype=np.int64)) < 0.1
