"""Deal the images of domains to clients: indices only, never copies."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from secfpp.data.domains import Domain, DomainSet
from secfpp.errors import ConfigError, DataError

# Legend: C classes.


@dataclass(frozen=True, kw_only=True)
class PartitionConfig:
    """How images are dealt."""

    clients_per_domain: int = 4
    """Clients that share a domain."""
    images_per_client: int = 30
    """Training images of a client."""
    label_mix: float = 3.0
    """Dirichlet concentration of a client's label mix; larger is nearer to uniform."""
    test_images_per_domain: int = 600
    """Test images of a domain, balanced over the classes as far as they go."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        for name in ("clients_per_domain", "images_per_client", "test_images_per_domain"):
            if getattr(self, name) < 1:
                raise ConfigError(
                    f"partition.{name}={getattr(self, name)} but it must be at least 1; "
                    f"change partition.{name}"
                )
        if not (math.isfinite(self.label_mix) and self.label_mix > 0):
            raise ConfigError(
                f"partition.label_mix={self.label_mix} but a Dirichlet concentration is finite "
                "and above 0; change partition.label_mix"
            )


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

    Each client draws a label mix from a symmetric Dirichlet distribution over the classes that its
    domain has, then its images one by one by that mix, without replacement; when a class runs
    out, the mix is renormalised over those that are left.

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
        A domain has too few images.
    """
    num_classes = len(domain_set.class_names)
    shards: list[ClientShard] = []
    for domain_index, domain in enumerate(domain_set.domains):
        _check_size(domain, config)
        shuffled = rng.permutation(len(domain)).astype(np.int64)
        test_index, rest = _take_balanced(shuffled, domain, config.test_images_per_domain)
        stock = [list(rest[domain.labels_N[rest] == c]) for c in range(num_classes)]
        present_C = np.bincount(domain.labels_N, minlength=num_classes) > 0
        for _ in range(config.clients_per_domain):
            mix_C = _draw_mix(present_C, config.label_mix, rng)
            shards.append(
                ClientShard(
                    client=len(shards),
                    domain=domain_index,
                    train_index=_draw_images(stock, mix_C, config.images_per_client, rng),
                    test_index=test_index,
                    label_mix_C=mix_C,
                )
            )
    return tuple(shards)


def _check_size(domain: Domain, config: PartitionConfig) -> None:
    """Refuse a domain with fewer images than test set and clients need together."""
    train = config.clients_per_domain * config.images_per_client
    needed = train + config.test_images_per_domain
    if len(domain) < needed:
        raise DataError(
            f"domain {domain.name!r} has {len(domain)} images but {needed} are needed "
            f"({config.clients_per_domain} clients x {config.images_per_client} for training + "
            f"{config.test_images_per_domain} for testing); lower partition.images_per_client, "
            "partition.clients_per_domain or partition.test_images_per_domain"
        )


def _take_balanced(
    shuffled: NDArray[np.int64], domain: Domain, count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split `shuffled` into `count` indices with classes in turn, and the rest.

    A class never gives more than half of its images, rounded up, to the test set while others
    have images left, so that a small class can still be trained on.
    """
    labels = domain.labels_N[shuffled]
    rank = np.empty(len(shuffled), dtype=np.int64)
    beyond_half = np.empty(len(shuffled), dtype=bool)
    for c in np.unique(labels):
        of_class = np.flatnonzero(labels == c)
        rank[of_class] = np.arange(len(of_class))
        beyond_half[of_class] = rank[of_class] >= (len(of_class) + 1) // 2
    order = np.lexsort((rank, beyond_half))
    return np.sort(shuffled[order[:count]]), np.sort(shuffled[order[count:]])


def _draw_mix(
    present_C: NDArray[np.bool_], concentration: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw a label mix over the classes that are there."""
    mix_C = np.zeros(len(present_C))
    mix_C[present_C] = rng.dirichlet(np.full(int(present_C.sum()), concentration))
    return mix_C


def _draw_images(
    stock: list[list[np.int64]],
    mix_C: NDArray[np.float64],
    count: int,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Remove `count` indices from the per-class `stock`, by `mix_C` as long as it can be kept."""
    taken: list[np.int64] = []
    for u in rng.random(count):
        left_C = np.array([len(of_class) for of_class in stock])
        weight_C = np.where(left_C > 0, mix_C, 0.0)
        if weight_C.sum() <= 0:
            weight_C = left_C.astype(np.float64)
        cumulative_C = np.cumsum(weight_C / weight_C.sum())
        c = int(np.searchsorted(cumulative_C, u, side="right"))
        c = min(c, int(np.flatnonzero(weight_C).max()))
        taken.append(stock[c].pop())
    return np.sort(np.array(taken, dtype=np.int64))
