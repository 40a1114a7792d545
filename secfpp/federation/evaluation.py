"""Test accuracies of every client: on its own label mix, by class, in other domains.

Shape letters: N clients, G domains, S test images of a domain (padded), C classes, E embedding.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812

from secfpp.federation.cohort import Cohort
from secfpp.federation.portions import portions
from secfpp.learning.losses import Shards
from secfpp.methods.interface import IntArray

__all__ = ["Classifier", "Scores", "class_accuracy", "evaluate", "rand_index"]

FloatN = npt.NDArray[np.float64]
Classifier = Callable[[IntArray, Shards], torch.Tensor]
"""From n clients and images, one row for each, to logits (n, S, C)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Scores:
    """Test accuracies of each client, in 0..1."""

    own_mix_N: FloatN
    """Per-class accuracy in the client's domain, weighted by its own label mix."""
    uniform_N: FloatN
    """The same with equal weights of all classes."""
    own_classes_N: FloatN
    """The same over the classes of which the client has training images."""
    neighbour_classes_N: FloatN
    """The same over classes that only other clients of its domain have; NaN if there is none."""
    other_domains_N: FloatN | None = None
    """Mean over the other domains with equal weights of all classes; None if not measured."""

    @property
    def own_mix(self) -> float:
        """Mean over clients."""
        return float(self.own_mix_N.mean())

    @property
    def uniform(self) -> float:
        """Mean over clients."""
        return float(self.uniform_N.mean())

    @property
    def worst_client(self) -> float:
        """Lowest accuracy of a client on its own mix."""
        return float(self.own_mix_N.min())

    @property
    def own_classes(self) -> float:
        """Mean over clients."""
        return float(self.own_classes_N.mean())

    @property
    def neighbour_classes(self) -> float | None:
        """Mean over the clients whose neighbours have other classes; None if there is none."""
        known = self.neighbour_classes_N[np.isfinite(self.neighbour_classes_N)]
        return float(known.mean()) if len(known) else None

    @property
    def other_domains(self) -> float | None:
        """Mean over clients; None if not measured."""
        return None if self.other_domains_N is None else float(self.other_domains_N.mean())


@torch.no_grad()
def class_accuracy(
    classify: Classifier, cohort: Cohort, domain_N: IntArray, at_once: int | None = None
) -> torch.Tensor:
    """Return each client's accuracy by class on the test images of a domain.

    Parameters
    ----------
    classify : callable
    cohort : Cohort
    domain_N : ndarray of int64, (N,)
        Domain on whose images each client is scored.
    at_once : int, optional
        Clients that are scored in one batch; None: all.

    Returns
    -------
    Tensor of float64, (N, C)
        NaN for a class without images.
    """
    everyone = np.arange(len(domain_N), dtype=np.int64)
    return torch.cat(
        [
            _accuracy_of_some(classify, some, cohort.test_of(domain_N[some]))
            for some in portions(everyone, at_once)
        ]
    )


def _accuracy_of_some(classify: Classifier, clients_n: IntArray, images: Shards) -> torch.Tensor:
    """Return the accuracy by class of some clients, float64 (n, C)."""
    logits_NSC = classify(clients_n, images)
    onehot_NSC = F.one_hot(images.labels_NB, logits_NSC.shape[2]).double()
    onehot_NSC = onehot_NSC * images.mask_NB[..., None]
    hit_NS = (logits_NSC.argmax(dim=2) == images.labels_NB).double()
    return (onehot_NSC * hit_NS[..., None]).sum(dim=1) / onehot_NSC.sum(dim=1)


def evaluate(
    classify: Classifier,
    cohort: Cohort,
    *,
    everywhere: bool = False,
    at_once: int | None = None,
) -> Scores:
    """Score each client's prompt.

    Parameters
    ----------
    classify : callable
    cohort : Cohort
    everywhere : bool
        Also on the test images of other domains.
    at_once : int, optional
        Clients that are scored in one batch; None: all.

    Returns
    -------
    Scores
        Classes that a domain's test set lacks have no weight; the other weights are scaled up.
    """
    accuracy_NC = class_accuracy(classify, cohort, cohort.domain_N, at_once)
    known_NC = torch.isfinite(accuracy_NC).double()
    owned_NC = cohort.owned_classes().double()
    near_NC = _classes_of_neighbours(cohort) * (1 - owned_NC)
    return Scores(
        own_mix_N=_weigh(accuracy_NC, cohort.label_mix_NC * known_NC),
        uniform_N=_weigh(accuracy_NC, known_NC),
        own_classes_N=_weigh(accuracy_NC, owned_NC * known_NC),
        neighbour_classes_N=_weigh(accuracy_NC, near_NC * known_NC, missing=np.nan),
        other_domains_N=(_other_domains(classify, cohort, at_once) if everywhere else None),
    )


def _classes_of_neighbours(cohort: Cohort) -> torch.Tensor:
    """Return which classes some client of the same domain has, float64 (N, C)."""
    owned_NC = cohort.owned_classes().double()
    domain_N = torch.from_numpy(cohort.domain_N).to(owned_NC.device)
    same_NN = (domain_N[:, None] == domain_N[None, :]).double()
    return ((same_NN @ owned_NC) > 0).double()


def _other_domains(classify: Classifier, cohort: Cohort, at_once: int | None) -> FloatN | None:
    """Score every client on all other domains; None if there is only one domain."""
    num_domains = len(cohort.domain_names)
    if num_domains == 1:
        return None
    total_N = np.zeros(cohort.num_clients)
    for shift in range(1, num_domains):
        accuracy_NC = class_accuracy(
            classify, cohort, (cohort.domain_N + shift) % num_domains, at_once
        )
        total_N += _weigh(accuracy_NC, torch.isfinite(accuracy_NC).double())
    return total_N / (num_domains - 1)


def _weigh(accuracy_NC: torch.Tensor, weight_NC: torch.Tensor, missing: float = 0.0) -> FloatN:
    """Mean over classes with weights that need not sum to one."""
    total_N = (accuracy_NC.nan_to_num() * weight_NC).sum(dim=1)
    weight_N = weight_NC.sum(dim=1)
    mean_N = torch.where(weight_N > 0, total_N / weight_N.clamp(min=1e-12), missing)
    return np.asarray(mean_N.cpu().numpy(), dtype=np.float64)


def rand_index(domain_n: npt.NDArray[np.int64], labels_n: npt.NDArray[np.int64]) -> float:
    """Return the adjusted Rand index of found clusters and true domains; 1 is a match."""
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(domain_n, labels_n))
