"""Partition the images of domains among clients: indices only, never copies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from secfpp.config.partition import PartitionConfig
from secfpp.data.domains import Domain, DomainSet
from secfpp.data.halves import rank_in_class
from secfpp.data.partition_schemes import ImagePool, SplitTerms, split_domain
from secfpp.errors import DataError

# Legend: M images that clients can get, V validation images of a client, C classes.

RESERVED_ONE_IN = 8
"""Of so many development images of a class, one goes to no client."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ClientShard:
    """What one client owns.

    Parameters
    ----------
    client : int
        0, 1, ... over all domains.
    domain : int
        Index of its domain in the domain set.
    train_index : ndarray of int64, shape (images_per_client,)
        Its training images, as indices into the domain; no two clients share one.
    validation_index : ndarray of int64, shape (V,)
        Its own held-out images; no client trains on them, and no two clients share one.
    test_index : ndarray of int64, shape (test images,)
        The images that accuracy is measured on; the same for all clients of the domain.
    label_mix_C : ndarray of float64, shape (C,)
        The mix that its training images were drawn from, and by which test accuracies are
        weighted to give the accuracy on the client's own mix. Sums to 1; zero for classes that
        its domain lacks.
    """

    client: int
    domain: int
    train_index: NDArray[np.int64]
    validation_index: NDArray[np.int64]
    test_index: NDArray[np.int64]
    label_mix_C: NDArray[np.float64]


def partition(
    domain_set: DomainSet, config: PartitionConfig, rng: np.random.Generator
) -> tuple[ClientShard, ...]:
    """Give the clients of every domain their images, and choose those that accuracy is measured on.

    Reported accuracies are measured on images of the domain's reporting part. All other images
    come from its development part. The parts never change, see `Domain.is_reporting_N`. A client
    belongs to one domain under every scheme; see `split_domain`.

    Parameters
    ----------
    domain_set : DomainSet
    config : PartitionConfig
    rng : numpy.random.Generator
        The only source of chance. Clients have the same images whatever accuracy is measured on.

    Returns
    -------
    tuple of ClientShard
        `clients_per_domain` for each domain, in the order of the domains.

    Raises
    ------
    DataError
        A domain has too few images, or the scheme leaves a client with too few, or with one class.
    """
    shards: list[ClientShard] = []
    for domain_index in range(len(domain_set.domains)):
        shards += _partition_domain(domain_set, domain_index, len(shards), config, rng)
    return tuple(shards)


def _partition_domain(
    domain_set: DomainSet,
    domain_index: int,
    first_client: int,
    config: PartitionConfig,
    rng: np.random.Generator,
) -> list[ClientShard]:
    """Partition one domain."""
    domain = domain_set.domains[domain_index]
    shuffled = rng.permutation(len(domain)).astype(np.int64)
    is_reporting = domain.is_reporting_N[shuffled]
    development, reserved = _reserve(shuffled[~is_reporting], domain)
    _check_size(domain, config, reserved=len(reserved))
    terms = SplitTerms(
        num_clients=config.clients_per_domain,
        images_per_client=config.images_per_client,
        validation_images=config.validation_images_per_client,
        concentration=config.label_mix,
        first_client=first_client,
    )
    splits = split_domain(config.scheme, _pool(domain_set, domain, development), terms, rng)
    scored = shuffled[is_reporting]
    if config.score_on == "validation":
        taken = [index for split in splits for index in (split.index_B, split.validation_index_V)]
        scored = shuffled[~is_reporting & ~np.isin(shuffled, np.concatenate(taken))]
    test_index = _take_in_turn(scored, domain, config.test_images_per_domain)
    return [
        ClientShard(
            client=first_client + place,
            domain=domain_index,
            train_index=split.index_B,
            validation_index=split.validation_index_V,
            test_index=test_index,
            label_mix_C=split.mix_C,
        )
        for place, split in enumerate(splits)
    ]


def _reserve(
    shuffled: NDArray[np.int64], domain: Domain
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split development images into those for clients and a few of each class that none gets.

    Without the few, an uneven label mix would leave classes without an image to score on.
    """
    labels = domain.labels_N[shuffled]
    count_of_class = np.bincount(labels, minlength=1)[labels]
    of_clients = rank_in_class(labels) < count_of_class - count_of_class // RESERVED_ONE_IN
    return np.sort(shuffled[of_clients]), shuffled[~of_clients]


def _pool(domain_set: DomainSet, domain: Domain, index_M: NDArray[np.int64]) -> ImagePool:
    """Gather the images that clients of a domain can get."""
    labels_M = domain.labels_N[index_M]
    return ImagePool(
        domain=domain.name,
        class_names=domain_set.class_names,
        index_M=index_M,
        labels_M=labels_M,
        present_C=np.bincount(labels_M, minlength=len(domain_set.class_names)) > 0,
    )


def _check_size(domain: Domain, config: PartitionConfig, *, reserved: int) -> None:
    """Refuse a domain with fewer images than its clients and the test need."""
    num_reporting = int(domain.is_reporting_N.sum())
    num_development = len(domain) - num_reporting
    of_client = config.images_per_client + config.validation_images_per_client
    needed = config.clients_per_domain * of_client + reserved
    if config.score_on == "validation" and not reserved:
        needed += 1
    if num_development < needed:
        raise DataError(
            f"domain {domain.name!r} has {len(domain)} images, {num_development} of them for "
            f"development, but {needed} are needed ({config.clients_per_domain} clients x "
            f"({config.images_per_client} for training + {config.validation_images_per_client} "
            f"for validation) + {needed - config.clients_per_domain * of_client} to score on); "
            "lower partition.images_per_client, partition.validation_images_per_client or "
            "partition.clients_per_domain"
        )
    if config.score_on == "reporting" and num_reporting < config.test_images_per_domain:
        raise DataError(
            f"domain {domain.name!r} has {len(domain)} images, {num_reporting} of them for "
            f"reporting, but {config.test_images_per_domain} are needed; lower "
            "partition.test_images_per_domain"
        )


def _take_in_turn(shuffled: NDArray[np.int64], domain: Domain, count: int) -> NDArray[np.int64]:
    """Take `count` of the images, or all if there are fewer, from the classes in turn."""
    order = np.argsort(rank_in_class(domain.labels_N[shuffled]), kind="stable")
    return np.sort(shuffled[order[:count]])
