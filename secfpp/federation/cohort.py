"""All clients of one seed as tensors: cached image features, labels, label mixes.

Shape letters: N clients, B images of a client (padded), G domains, S test images of a domain
(padded), R regions, C classes, E embedding.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from secfpp.data.domains import DomainSet
from secfpp.data.partition import ClientShard
from secfpp.errors import DataError
from secfpp.learning.losses import Shards

__all__ = ["Cohort", "build_cohort"]

Owned = tuple[int, npt.NDArray[np.int64]]
"""A client's domain, and some of its images as indices into the domain."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Cohort:
    """What the clients of one seed own. Only a simulation sees it; a client has its own row."""

    domain_names: tuple[str, ...]
    """Names of the G domains."""
    class_names: tuple[str, ...]
    """Names of the C classes."""
    domain_N: npt.NDArray[np.int64]
    """True domain of each client; for evaluation and the oracle only."""
    label_mix_NC: torch.Tensor
    """Each client's own label mix, float64, rows sum to 1."""
    train: Shards
    """Training images."""
    validation: Shards
    """Images that each client holds out for choices of its own; may be none."""
    test_features_GSE: torch.Tensor
    """Test images of each domain as unit-norm features, float32."""
    test_labels_GS: torch.Tensor
    """Their classes, int64; -1 where padded."""
    test_patches_GSRE: torch.Tensor | None = None
    """Unit-norm features of R regions of each test image, where a method looks at regions."""

    @property
    def num_clients(self) -> int:
        """Number of clients N."""
        return len(self.domain_N)

    def test_of(self, domain_N: npt.NDArray[np.int64]) -> Shards:
        """Return a domain's test images for each client, as `Shards` of N rows."""
        rows_N = torch.from_numpy(domain_N).to(self.device)
        labels_NS = self.test_labels_GS[rows_N]
        patches = self.test_patches_GSRE
        return Shards(
            features_NBE=self.test_features_GSE[rows_N],
            labels_NB=labels_NS.clamp(min=0),
            mask_NB=labels_NS >= 0,
            patches_NBRE=None if patches is None else patches[rows_N],
        )

    def without_patches(self) -> "Cohort":
        """Return the same clients for a method that does not look at regions.

        Scoring copies the regions of the test images for every client, which takes several times
        the memory of everything else.
        """
        return replace(
            self,
            train=replace(self.train, patches_NBRE=None),
            validation=replace(self.validation, patches_NBRE=None),
            test_patches_GSRE=None,
        )

    def owned_classes(self) -> torch.Tensor:
        """Return which classes each client has training images of, bool (N, C)."""
        onehot_NBC = functional.one_hot(self.train.labels_NB, len(self.class_names))
        return (onehot_NBC * self.train.mask_NB[..., None]).sum(dim=1) > 0

    @property
    def device(self) -> torch.device:
        """Where the tensors lie."""
        return self.train.features_NBE.device


def build_cohort(
    domain_set: DomainSet,
    features: Sequence[npt.NDArray[np.float32]],
    shards: Sequence[ClientShard],
    device: torch.device | str = "cpu",
    patches: Sequence[npt.NDArray[np.float32]] | None = None,
) -> Cohort:
    """Gather cached image features into one cohort.

    Parameters
    ----------
    domain_set : DomainSet
        The G domains that `shards` index.
    features : sequence of ndarray of float32, (images of the domain, E)
        Unit-norm image features of each domain, in its own order.
    shards : sequence of ClientShard
        One a client.
    device : torch.device or str
        Where the tensors go.
    patches : sequence of ndarray of float32, (images of the domain, R, E), optional
        Unit-norm features of R regions of each domain's images, in its own order.

    Raises
    ------
    DataError
        If there is no client, or features do not match the images of a domain.
    """
    if not shards:
        raise DataError("there are no clients; raise partition.clients_per_domain")
    _check_rows(domain_set, features)
    cohort = _without_patches(domain_set, features, shards, device)
    if patches is None:
        return cohort
    _check_rows(domain_set, patches)
    train_patches = _pad_rows(patches, _training(shards)).to(device)
    validation_patches = _pad_rows(patches, _validation(shards)).to(device)
    return replace(
        cohort,
        train=replace(cohort.train, patches_NBRE=train_patches),
        validation=replace(cohort.validation, patches_NBRE=validation_patches),
        test_patches_GSRE=_pad_test_rows(patches, shards).to(device),
    )


def _without_patches(
    domain_set: DomainSet,
    features: Sequence[npt.NDArray[np.float32]],
    shards: Sequence[ClientShard],
    device: torch.device | str,
) -> Cohort:
    """Gather the features of whole images."""
    test_features_GSE, test_labels_GS = _pad_test(domain_set, features, shards)
    return Cohort(
        domain_names=tuple(domain.name for domain in domain_set.domains),
        class_names=domain_set.class_names,
        domain_N=np.array([shard.domain for shard in shards], dtype=np.int64),
        label_mix_NC=torch.tensor(np.stack([shard.label_mix_C for shard in shards])).to(device),
        train=_pad(domain_set, features, _training(shards), device),
        validation=_pad(domain_set, features, _validation(shards), device),
        test_features_GSE=test_features_GSE.to(device),
        test_labels_GS=test_labels_GS.to(device),
    )


def _check_rows(domain_set: DomainSet, arrays: Sequence[npt.NDArray[np.float32]]) -> None:
    """Refuse features that are not one row an image."""
    for domain, rows in zip(domain_set.domains, arrays, strict=True):
        if len(rows) != len(domain):
            raise DataError(
                f"domain {domain.name!r} has {len(domain)} images but {len(rows)} feature rows; "
                "delete the feature cache and run again"
            )


def _training(shards: Sequence[ClientShard]) -> list[Owned]:
    """Return the domain and the training images of each client."""
    return [(shard.domain, shard.train_index) for shard in shards]


def _validation(shards: Sequence[ClientShard]) -> list[Owned]:
    """Return the domain and the validation images of each client."""
    return [(shard.domain, shard.validation_index) for shard in shards]


def _pad(
    domain_set: DomainSet,
    features: Sequence[npt.NDArray[np.float32]],
    owned: Sequence[Owned],
    device: torch.device | str,
) -> Shards:
    """Stack images that clients own, padded to the largest client."""
    features_NBE = _pad_rows(features, owned)
    labels_NB = torch.zeros(features_NBE.shape[:2], dtype=torch.int64)
    mask_NB = torch.zeros(features_NBE.shape[:2], dtype=torch.bool)
    for i, (domain, index) in enumerate(owned):
        labels = domain_set.domains[domain].labels_N[index]
        labels_NB[i, : len(index)] = torch.from_numpy(labels)
        mask_NB[i, : len(index)] = True
    return Shards(
        features_NBE=features_NBE.to(device),
        labels_NB=labels_NB.to(device),
        mask_NB=mask_NB.to(device),
    )


def _pad_test(
    domain_set: DomainSet,
    features: Sequence[npt.NDArray[np.float32]],
    shards: Sequence[ClientShard],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Stack the domains' test features, padded to the largest; labels -1 where padded."""
    index = {shard.domain: shard.test_index for shard in shards}
    features_GSE = _pad_test_rows(features, shards)
    labels_GS = torch.full(features_GSE.shape[:2], -1, dtype=torch.int64)
    for domain, rows in index.items():
        labels = domain_set.domains[domain].labels_N[rows]
        labels_GS[domain, : len(rows)] = torch.from_numpy(labels)
    return features_GSE, labels_GS


def _pad_rows(arrays: Sequence[npt.NDArray[np.float32]], owned: Sequence[Owned]) -> torch.Tensor:
    """Stack what the images of clients have, zeros where padded: (N, B, ...)."""
    longest = max(len(index) for _, index in owned)
    stacked = torch.zeros(len(owned), longest, *arrays[0].shape[1:])
    for i, (domain, index) in enumerate(owned):
        stacked[i, : len(index)] = torch.from_numpy(arrays[domain][index])
    return stacked


def _pad_test_rows(
    arrays: Sequence[npt.NDArray[np.float32]], shards: Sequence[ClientShard]
) -> torch.Tensor:
    """Stack what the domains' test images have, zeros where padded: (G, S, ...)."""
    index = {shard.domain: shard.test_index for shard in shards}
    longest = max(len(rows) for rows in index.values())
    stacked = torch.zeros(len(arrays), longest, *arrays[0].shape[1:])
    for domain, rows in index.items():
        stacked[domain, : len(rows)] = torch.from_numpy(arrays[domain][rows])
    return stacked
