"""A toy federation: three domains in a small embedding, a text tower of two matrices.

Shape letters: N clients, T context tokens, W width, C classes, E embedding.
"""

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

from secfpp.config.partition import PartitionConfig
from secfpp.data.domains import Domain, DomainSet
from secfpp.data.partition import partition
from secfpp.federation.cohort import Cohort, build_cohort
from secfpp.federation.workload import Workload
from secfpp.learning.losses import Shards

T, W, C, E = 2, 4, 3, 8
SCALE = 10.0


class ToyTower:
    """Text features that bend with the context and differ by class; frozen."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(5)
        self.class_CE = torch.randn(C, E, generator=generator)
        self.mix_ME = torch.randn(T * W, E, generator=generator) / T
        self.gate_MC = torch.randn(T * W, C, generator=generator) / T

    def __call__(self, context_BTW: torch.Tensor) -> torch.Tensor:
        flat_BM = context_BTW.flatten(1)
        shift_BE = torch.tanh(flat_BM @ self.mix_ME)
        gate_BC = 1 + torch.tanh(flat_BM @ self.gate_MC)
        text_BCE = gate_BC[..., None] * self.class_CE + shift_BE[:, None, :]
        return F.normalize(text_BCE, dim=-1)


def toy_domains(images: int = 90) -> tuple[DomainSet, tuple[np.ndarray, ...]]:
    """Domains whose class means are shifted, each its own way, with their features."""
    rng = np.random.default_rng(11)
    class_CE = ToyTower().class_CE.numpy()
    domains, features = [], []
    for g in range(3):
        labels = np.arange(images, dtype=np.int64) % C
        shift_E = rng.normal(size=E)
        rows = class_CE[labels] + 1.5 * shift_E + 0.4 * rng.normal(size=(images, E))
        features.append((rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32))
        pixels = np.zeros((images, 2, 2, 3), dtype=np.uint8)
        domains.append(Domain(name=f"domain{g}", images_NHW3=pixels, labels_N=labels))
    names = tuple(f"class{c}" for c in range(C))
    return (
        DomainSet(name="toy", class_names=names, domains=tuple(domains), phrase="toy"),
        tuple(features),
    )


TOY_PARTITION = PartitionConfig(
    clients_per_domain=3,
    images_per_client=10,
    validation_images_per_client=3,
    label_mix=3.0,
    test_images_per_domain=30,
)


def toy_workload() -> Workload:
    domain_set, features = toy_domains()
    return Workload(
        domain_set=domain_set,
        features=features,
        tower=ToyTower(),
        logit_scale=SCALE,
        initial_TW=torch.zeros(T, W),
        device=torch.device("cpu"),
    )


def toy_cohort(seed: int = 0) -> Cohort:
    domain_set, features = toy_domains()
    shards = partition(domain_set, TOY_PARTITION, np.random.default_rng(seed))
    return build_cohort(domain_set, features, shards)


def ragged_shards(counts: tuple[int, ...] = (4, 7, 2)) -> Shards:
    """Clients with different numbers of images; rubbish where padded."""
    generator = torch.Generator().manual_seed(3)
    longest = max(counts)
    features = F.normalize(torch.randn(len(counts), longest, E, generator=generator), dim=-1)
    labels = torch.randint(0, C, (len(counts), longest), generator=generator)
    mask = torch.arange(longest)[None] < torch.tensor(counts)[:, None]
    return Shards(features_NBE=features, labels_NB=torch.where(mask, labels, 0), mask_NB=mask)
