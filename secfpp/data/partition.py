"""Partition the images of domains among clients: indices only, never copies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from secfpp.config.partition import PartitionConfig
from secfpp.data.domains import Domain, DomainSet
from secfpp.data.partition_schemes import ImagePool, SplitTerms, rank_in_class, split_domain
from secfpp.errors import DataError

# Legend: C classes.


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
    test_index : ndarray of int64, shape (test images,)
        The domain's test images; the same for all clients of the domain.
    label_mix_C : ndarray of float64, shape (C,)
        The mix that its training images were drawn from, and by which test accuracies are
        weighted to give the accuracy on the client's own mix. Sums to 1; zero for classes that
        its domain lacks.
    """

    client: int
    domain: int
    train_index: NDArray[np.int64]
    test_index: NDArray[np.int64]
    label_mix_C: NDArray[np.float64]


def partition(
    domain_set: DomainSet, config: PartitionConfig, rng: np.random.Generator
) -> tuple[ClientShard, ...]:
    """Split every domain into test images and the training images of its clients.

    Where a domain has a split of its own, test images come from its test part and training images
    from the other. A client belongs to one domain under every scheme; see `split_domain`.

    Parameters
    ----------
    domain_set : DomainSet
    config : PartitionConfig
    rng : numpy.random.Generator
        The only source of chance.

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
    """Split one domain into test images and the training images of its clients."""
    domain = domain_set.domains[domain_index]
    _check_size(domain, config)
    shuffled = rng.permutation(len(domain)).astype(np.int64)
    test_index, rest = _take_test(shuffled, domain, config.test_images_per_domain)
    terms = SplitTerms(
        num_clients=config.clients_per_domain,
        images_per_client=config.images_per_client,
        concentration=config.label_mix,
        first_client=first_client,
    )
    splits = split_domain(config.scheme, _pool(domain_set, domain, rest), terms, rng)
    return [
        ClientShard(
            client=first_client + place,
            domain=domain_index,
            train_index=split.index_B,
            test_index=test_index,
            label_mix_C=split.mix_C,
        )
        for place, split in enumerate(splits)
    ]


def _pool(domain_set: DomainSet, domain: Domain, rest: NDArray[np.int64]) -> ImagePool:
    """Gather the training images of a domain; its own split decides which classes it has."""
    has_class = domain.labels_N if domain.is_test_N is None else domain.labels_N[rest]
    num_classes = len(domain_set.class_names)
    return ImagePool(
        domain=domain.name,
        class_names=domain_set.class_names,
        index_M=rest,
        labels_M=domain.labels_N[rest],
        present_C=np.bincount(has_class, minlength=num_classes) > 0,
    )


def _check_size(domain: Domain, config: PartitionConfig) -> None:
    """Refuse a domain with fewer images than test set and clients need."""
    train = config.clients_per_domain * config.images_per_client
    test = config.test_images_per_domain
    clients = f"{config.clients_per_domain} clients x {config.images_per_client} for training"
    lower_train = "lower partition.images_per_client or partition.clients_per_domain"
    if domain.is_test_N is None:
        if len(domain) < train + test:
            raise DataError(
                f"domain {domain.name!r} has {len(domain)} images but {train + test} are needed "
                f"({clients} + {test} for testing); lower partition.images_per_client, "
                "partition.clients_per_domain or partition.test_images_per_domain"
            )
        return
    num_test = int(domain.is_test_N.sum())
    num_train = len(domain) - num_test
    if num_train < train:
        raise DataError(
            f"domain {domain.name!r} has {num_train} images in its training part but {train} are "
            f"needed ({clients}); {lower_train}"
        )
    if num_test < test:
        raise DataError(
            f"domain {domain.name!r} has {num_test} images in its test part but {test} are needed; "
            "lower partition.test_images_per_domain"
        )


def _take_test(
    shuffled: NDArray[np.int64], domain: Domain, count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split `shuffled` into `count` test indices with classes in turn, and those for training.

    Without a split of the domain's own, a class never gives more than half of its images, rounded
    up, to the test set while others have images left, so that a small class can still be trained
    on.
    """
    if domain.is_test_N is not None:
        part = domain.is_test_N[shuffled]
        of_test = shuffled[part]
        order = np.argsort(rank_in_class(domain.labels_N[of_test]), kind="stable")
        return np.sort(of_test[order[:count]]), np.sort(shuffled[~part])
    labels = domain.labels_N[shuffled]
    rank = rank_in_class(labels)
    beyond_half = rank >= (np.bincount(labels)[labels] + 1) // 2
    order = np.lexsort((rank, beyond_half))
    return np.sort(shuffled[order[:count]]), np.sort(shuffled[order[count:]])
