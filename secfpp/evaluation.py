"""How good the prompts are: accuracy on a client's own label mix and on uniform classes.

Both are read off one classifier and one confusion by class, on the test images of the client's
own domain: weighted by the client's label mix, or evenly.

Shape letters: N clients, G domains, S test images of a domain (padded), C classes, E embedding.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812
from sklearn.metrics import adjusted_rand_score

from secfpp.cohort import Cohort

__all__ = ["Scores", "class_accuracy", "evaluate", "rand_index"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Scores:
    """Test accuracies of each client, in 0..1."""

    own_mix_N: npt.NDArray[np.float64]
    """Per-class accuracy weighted by the client's own label mix."""
    uniform_N: npt.NDArray[np.float64]
    """Per-class accuracy, classes weighted alike."""

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
        """Accuracy on its own mix of the client that is served worst."""
        return float(self.own_mix_N.min())


@torch.no_grad()
def class_accuracy(text_NCE: torch.Tensor, cohort: Cohort) -> torch.Tensor:
    """Return each client's accuracy by class on its domain's test images.

    Parameters
    ----------
    text_NCE : Tensor of float32, (N, C, E)
        Unit-norm text features under each client's prompt.
    cohort : Cohort

    Returns
    -------
    Tensor of float64, (N, C)
        NaN for a class of which the domain has no test image.
    """
    domain_N = torch.from_numpy(cohort.domain_N).to(text_NCE.device)
    labels_NS = cohort.test_labels_GS[domain_N]
    num_classes = text_NCE.shape[1]
    onehot_NSC = F.one_hot(labels_NS.clamp(min=0), num_classes).double()
    onehot_NSC = onehot_NSC * (labels_NS >= 0)[..., None]
    rows = [
        (cohort.test_features_GSE[g] @ text_CE.T).argmax(dim=1)
        for g, text_CE in zip(cohort.domain_N.tolist(), text_NCE, strict=True)
    ]
    hit_NS = (torch.stack(rows) == labels_NS).double()
    return (onehot_NSC * hit_NS[..., None]).sum(dim=1) / onehot_NSC.sum(dim=1)


def evaluate(text_NCE: torch.Tensor, cohort: Cohort) -> Scores:
    """Score each client's prompt on both label mixes.

    Parameters
    ----------
    text_NCE : Tensor of float32, (N, C, E)
        Unit-norm text features under each client's prompt.
    cohort : Cohort

    Returns
    -------
    Scores
        Classes that a domain's test set lacks are left out, the weights scaled up.
    """
    accuracy_NC = class_accuracy(text_NCE, cohort)
    known_NC = torch.isfinite(accuracy_NC).double()
    mix_NC = cohort.label_mix_NC * known_NC
    return Scores(
        own_mix_N=_weigh(accuracy_NC, mix_NC),
        uniform_N=_weigh(accuracy_NC, known_NC),
    )


def _weigh(accuracy_NC: torch.Tensor, weight_NC: torch.Tensor) -> npt.NDArray[np.float64]:
    """Mean over classes with weights that need not sum to one."""
    total_N = (accuracy_NC.nan_to_num() * weight_NC).sum(dim=1)
    mean_N = total_N / weight_NC.sum(dim=1).clamp(min=1e-12)
    return np.asarray(mean_N.cpu().numpy(), dtype=np.float64)


def rand_index(domain_n: npt.NDArray[np.int64], labels_n: npt.NDArray[np.int64]) -> float:
    """Return the adjusted Rand index of found clusters and true domains; 1 is a match."""
    return float(adjusted_rand_score(domain_n, labels_n))
