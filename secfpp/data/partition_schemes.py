"""Schemes that partition one domain's development images among its clients.

A client's validation images are drawn like its training images. How many there are changes nobody's
training images, except under ``dirichlet``, where a client needs enough for both. Under
``domain-dirichlet`` validation images are drawn when all training images are: where label mixes are
very uneven and a class has run out, they have other classes in its place.

References
----------
Dirichlet by class: Yurochkin et al., "Bayesian Nonparametric Federated Learning of Neural
Networks" (ICML 2019). Disjoint classes: McMahan et al., "Communication-Efficient Learning of Deep
Networks from Decentralized Data" (AISTATS 2017) hand out shards of sorted labels; here clients get
whole classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from secfpp.config.partition import Scheme
from secfpp.data.halves import rank_in_class
from secfpp.errors import DataError

# Legend: B training images of a client, V validation images of it, C classes, M development images
# of the domain, K clients.

TRIES = 100
"""Draws of a random partition, until every client has enough."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ImagePool:
    """The development images of a domain.

    Parameters
    ----------
    domain : str
        Its name, for messages.
    class_names : tuple of str
    index_M : ndarray of int64
        Its images, ascending, as indices into the domain.
    labels_M : ndarray of int64
        Their classes.
    present_C : ndarray of bool
        Classes that the domain has.
    """

    domain: str
    class_names: tuple[str, ...]
    index_M: NDArray[np.int64]
    labels_M: NDArray[np.int64]
    present_C: NDArray[np.bool_]

    def by_class(self) -> list[list[np.int64]]:
        """Return fresh lists of the images of each class."""
        return [list(self.index_M[self.labels_M == c]) for c in range(len(self.class_names))]

    def labels_of(self, index: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the classes of some of the images."""
        return self.labels_M[np.searchsorted(self.index_M, index)]


@dataclass(frozen=True, kw_only=True, eq=False)
class ClientSplit:
    """The images of one client."""

    index_B: NDArray[np.int64]
    """Its training images, ascending."""
    validation_index_V: NDArray[np.int64]
    """Its validation images, ascending."""
    mix_C: NDArray[np.float64]
    """The label mix that they were drawn from."""


@dataclass(frozen=True, kw_only=True)
class SplitTerms:
    """How many clients a domain has, and how much each gets."""

    num_clients: int
    """Clients of the domain."""
    images_per_client: int
    """Training images that each gets; the pool must hold the images of all clients."""
    validation_images: int
    """Validation images that each gets."""
    concentration: float
    """Of the Dirichlet distributions."""
    first_client: int
    """Number of the domain's first client in the federation, for messages."""

    @property
    def all_images(self) -> int:
        """Images that each client gets, for training and validation."""
        return self.images_per_client + self.validation_images


def split_domain(
    scheme: Scheme, pool: ImagePool, terms: SplitTerms, rng: np.random.Generator
) -> list[ClientSplit]:
    """Partition a domain's development images; each goes to one client at most, in one role.

    Parameters
    ----------
    scheme : Scheme
        ``domain-dirichlet``: each client draws a label mix from a symmetric Dirichlet
        distribution over the domain's classes, then its images one by one by that mix; when a
        class runs out, the mix is renormalised over those that are left. ``domain``: uniformly.
        ``dirichlet``: each class is divided among the clients by shares from a symmetric
        Dirichlet distribution over the clients; a client keeps `images_per_client` of what it
        got. ``pathological``: every class belongs to one client, as evenly as possible, and a
        client's classes give it images in turn.
    pool : ImagePool
    terms : SplitTerms
    rng : numpy.random.Generator
        The only source of chance.

    Returns
    -------
    list of ClientSplit, one a client

    Raises
    ------
    DataError
        A client would get images of one class only (unless it gets one image, or its one class is
        what ``pathological`` means), or none, or too few.
    """
    if scheme != "pathological":
        _check_classes(pool, terms)
    schemes = {
        "domain-dirichlet": _by_mix,
        "domain": _uniformly,
        "dirichlet": _by_class,
        "pathological": _disjoint,
    }
    return schemes[scheme](pool, terms, rng)


def _by_mix(pool: ImagePool, terms: SplitTerms, rng: np.random.Generator) -> list[ClientSplit]:
    """Draw a label mix for each client, then images by it; validation images after all others."""
    left = [list(rng.permutation(np.array(of_class))) for of_class in pool.by_class()]
    drawn: list[tuple[NDArray[np.int64], NDArray[np.float64]]] = []
    for place in range(terms.num_clients):
        for _ in range(TRIES):
            trial = [list(of_class) for of_class in left]
            mix_C = _draw_mix(pool.present_C, terms.concentration, rng)
            index_B = _draw_images(trial, mix_C, terms.images_per_client, rng)
            if _has_two_classes(pool, index_B):
                break
        else:
            raise _one_class(pool, terms.first_client + place, index_B, "raise partition.label_mix")
        left = trial
        drawn.append((index_B, mix_C))
    return [
        ClientSplit(
            index_B=index_B,
            validation_index_V=_draw_images(left, mix_C, terms.validation_images, rng),
            mix_C=mix_C,
        )
        for index_B, mix_C in drawn
    ]


def _uniformly(pool: ImagePool, terms: SplitTerms, rng: np.random.Generator) -> list[ClientSplit]:
    """Cut a shuffled pool into equal parts; every client's mix is the domain's."""
    mix_C = _shares(pool.labels_M, len(pool.class_names))
    shape = (terms.num_clients, terms.images_per_client)
    shape_of_validation = (terms.num_clients, terms.validation_images)
    for _ in range(TRIES):
        train, rest = np.split(rng.permutation(pool.index_M), [math.prod(shape)])
        parts = train.reshape(shape)
        poor = [place for place, part in enumerate(parts) if not _has_two_classes(pool, part)]
        if not poor:
            held_out = rest[: math.prod(shape_of_validation)].reshape(shape_of_validation)
            return [
                ClientSplit(index_B=np.sort(part), validation_index_V=np.sort(held), mix_C=mix_C)
                for part, held in zip(parts, held_out, strict=True)
            ]
    client = terms.first_client + poor[0]
    raise _one_class(pool, client, parts[poor[0]], "raise partition.images_per_client")


def _by_class(pool: ImagePool, terms: SplitTerms, rng: np.random.Generator) -> list[ClientSplit]:
    """Divide each class by shares of the clients, then cut every client's part to the same size."""
    classes = [pool.index_M[pool.labels_M == c] for c in np.unique(pool.labels_M)]
    num_classes = len(pool.class_names)
    for _ in range(TRIES):
        pieces = [_cut(of_class, terms, rng) for of_class in classes]
        parts = [np.concatenate(of_client) for of_client in zip(*pieces, strict=True)]
        shuffled = [rng.permutation(part) for part in parts]
        poor = [
            place
            for place, part in enumerate(shuffled)
            if len(part) < terms.all_images
            or not _has_two_classes(pool, part[: terms.images_per_client])
        ]
        if not poor:
            return [
                _first(part, _shares(pool.labels_of(part), num_classes), terms) for part in shuffled
            ]
    client = min(poor, key=lambda place: len(parts[place]))
    part = parts[client]
    raise DataError(
        f"domain {pool.domain!r}: none of {TRIES} Dirichlet partitions of its {len(pool.index_M)} "
        f"development images gave each of {terms.num_clients} clients {terms.all_images}, those "
        "for training of two classes at least (in the last, client "
        f"{terms.first_client + client} got {len(part)} "
        f"images of {len(np.unique(pool.labels_of(part)))} classes); raise partition.label_mix, or "
        "lower partition.images_per_client, partition.validation_images_per_client or "
        "partition.clients_per_domain"
    )


def _first(
    shuffled: NDArray[np.int64], mix_C: NDArray[np.float64], terms: SplitTerms
) -> ClientSplit:
    """Give a client the first images for training, and those that follow for validation."""
    return ClientSplit(
        index_B=np.sort(shuffled[: terms.images_per_client]),
        validation_index_V=np.sort(shuffled[terms.images_per_client : terms.all_images]),
        mix_C=mix_C,
    )


def _cut(
    of_class: NDArray[np.int64], terms: SplitTerms, rng: np.random.Generator
) -> list[NDArray[np.int64]]:
    """Shuffle a class and cut it by Dirichlet shares, a piece a client."""
    shuffled = rng.permutation(of_class)
    share_K = rng.dirichlet(np.full(terms.num_clients, terms.concentration))
    return np.split(shuffled, (np.cumsum(share_K)[:-1] * len(shuffled)).astype(np.int64))


def _disjoint(pool: ImagePool, terms: SplitTerms, rng: np.random.Generator) -> list[ClientSplit]:
    """Assign classes to clients; a client takes images of its classes in turn."""
    classes = rng.permutation(np.unique(pool.labels_M))
    if len(classes) < terms.num_clients:
        raise DataError(
            f"domain {pool.domain!r} has development images of {len(classes)} classes, too few for "
            f"{terms.num_clients} clients without a class in common; lower "
            "partition.clients_per_domain, or choose another partition.scheme"
        )
    splits: list[ClientSplit] = []
    for place, own in enumerate(np.array_split(classes, terms.num_clients)):
        shuffled = rng.permutation(pool.index_M[np.isin(pool.labels_M, own)])
        if len(shuffled) < terms.all_images:
            client = terms.first_client + place
            names = ", ".join(repr(pool.class_names[c]) for c in own)
            raise DataError(
                f"client {client} of domain {pool.domain!r} is given the classes {names}, which "
                f"have {len(shuffled)} development images, fewer than {terms.images_per_client} "
                f"for training + {terms.validation_images} for validation; lower "
                "partition.images_per_client, partition.validation_images_per_client or "
                "partition.clients_per_domain"
            )
        order = np.argsort(rank_in_class(pool.labels_of(shuffled)), kind="stable")
        mix_C = np.zeros(len(pool.class_names))
        mix_C[own] = 1 / len(own)
        splits.append(_first(shuffled[order], mix_C, terms))
    return splits


def _shares(labels: NDArray[np.int64], num_classes: int) -> NDArray[np.float64]:
    return np.bincount(labels, minlength=num_classes) / len(labels)


def _has_two_classes(pool: ImagePool, index_B: NDArray[np.int64]) -> bool:
    """Whether images have two classes at least, or are one image, which can have but one."""
    return len(index_B) == 1 or len(np.unique(pool.labels_of(index_B))) > 1


def _check_classes(pool: ImagePool, terms: SplitTerms) -> None:
    """Refuse a domain whose clients could have but one class."""
    classes = np.unique(pool.labels_M)
    if len(classes) == 1 and terms.images_per_client > 1:
        raise DataError(
            f"client {terms.first_client} of domain {pool.domain!r} would have only images of "
            f"class {pool.class_names[classes[0]]!r}, for the domain has development images of no "
            "other class; add some, or remove the domain"
        )


def _one_class(pool: ImagePool, client: int, index_B: NDArray[np.int64], remedy: str) -> DataError:
    """Return the error for a client whose images are all of one class."""
    name = pool.class_names[pool.labels_of(index_B)[0]]
    return DataError(
        f"client {client} of domain {pool.domain!r} has only images of class {name!r}, in each of "
        f"{TRIES} partitions: there is nothing to tell apart; {remedy}, or choose "
        "partition.scheme=pathological if that is what you want"
    )


def _draw_mix(
    present_C: NDArray[np.bool_], concentration: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw a label mix over the classes of the domain."""
    mix_C = np.zeros(len(present_C))
    mix_C[present_C] = rng.dirichlet(np.full(int(present_C.sum()), concentration))
    return mix_C


def _draw_images(
    pool: list[list[np.int64]],
    mix_C: NDArray[np.float64],
    count: int,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Remove `count` indices from the per-class `pool`, by `mix_C` as long as it can be kept."""
    taken: list[np.int64] = []
    for u in rng.random(count):
        left_C = np.array([len(of_class) for of_class in pool])
        weight_C = np.where(left_C > 0, mix_C, 0.0)
        if weight_C.sum() <= 0:
            weight_C = left_C.astype(np.float64)
        cumulative_C = np.cumsum(weight_C / weight_C.sum())
        c = int(np.searchsorted(cumulative_C, u, side="right"))
        c = min(c, int(np.flatnonzero(weight_C).max()))
        taken.append(pool[c].pop())
    return np.sort(np.array(taken, dtype=np.int64))
