"""Screening of a world before it is federated: whether its domains conflict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from secfpp.clip.features import encode_domains
from secfpp.clip.model import FrozenClip
from secfpp.clip.pretraining.evaluate import DomainAccuracy, zero_shot_text
from secfpp.clip.probes import ProbeAccuracy, probe_domains
from secfpp.data.domains import Domain, DomainSet
from secfpp.data.halves import rank_in_class
from secfpp.errors import ConfigError
from secfpp.seeds import Seeds

# Legend: N images.

CONFLICT = 0.05
"""Least advantage of the domains' own probes, in the mean, at which a world has conflict."""


@dataclass(frozen=True, kw_only=True)
class Screening:
    """Accuracies of the domains of a world."""

    domains: tuple[DomainAccuracy, ...]
    """One a domain."""

    @property
    def mean(self) -> DomainAccuracy:
        """The mean over the domains."""
        means = (
            float(np.mean([getattr(domain, name) for domain in self.domains]))
            for name in ("zero_shot", "probe_own", "probe_pooled")
        )
        return DomainAccuracy(
            domain="mean", zero_shot=next(means), probe_own=next(means), probe_pooled=next(means)
        )

    @property
    def advantage(self) -> float:
        """By how much own probes beat the pooled one, in the mean; -1..1."""
        return self.mean.probe_own - self.mean.probe_pooled

    @property
    def has_conflict(self) -> bool:
        """Whether the advantage is `CONFLICT` at least."""
        return self.advantage >= CONFLICT


def screen(
    clip: FrozenClip,
    domain_set: DomainSet,
    *,
    train_images: int | None = None,
    seed: int = 0,
    cache_dir: Path | None = None,
) -> Screening:
    """Compare, on the test images of each domain, its own linear probe with one for all domains.

    A domain's own split is used if it has one. Otherwise every other image of each class, in an
    order drawn by `seed`, is a test image.

    Parameters
    ----------
    clip : FrozenClip
    domain_set : DomainSet
    train_images : int, optional
        The most training images of a domain, for example as many as its clients hold together;
        classes in turn. None: all.
    seed : int
        Of the draws of test and training images.
    cache_dir : Path, optional
        Keeps image features. None: the user's cache folder.

    Raises
    ------
    ConfigError
        `train_images` is below 2.
    DataError
        A domain has no test image, or training images of fewer than two classes.
    """
    if train_images is not None and train_images < 2:
        raise ConfigError(f"train_images={train_images} but a probe needs 2; raise it")
    features = encode_domains(clip, domain_set, cache_dir)
    is_test = [_test_images(domain, seed) for domain in domain_set.domains]
    text_CE = zero_shot_text(clip, domain_set)
    probes = _fit_and_test(domain_set, features, is_test, train_images, seed)
    rows = [
        DomainAccuracy(
            domain=domain.name,
            zero_shot=_accuracy(x_NE[test_N] @ text_CE.T, domain.labels_N[test_N]),
            probe_own=probe.own,
            probe_pooled=probe.pooled,
        )
        for domain, x_NE, test_N, probe in zip(
            domain_set.domains, features, is_test, probes, strict=True
        )
    ]
    return Screening(domains=tuple(rows))


def _fit_and_test(
    domain_set: DomainSet,
    features: Sequence[NDArray[np.float32]],
    is_test: Sequence[NDArray[np.bool_]],
    train_images: int | None,
    seed: int,
) -> tuple[ProbeAccuracy, ...]:
    """Probe the domains with the test images and as many training images as are wanted."""
    kept = [
        test_N | _train_images(domain, test_N, train_images, seed)
        for domain, test_N in zip(domain_set.domains, is_test, strict=True)
    ]
    return probe_domains(
        [x_NE[kept_N] for x_NE, kept_N in zip(features, kept, strict=True)],
        [d.labels_N[kept_N] for d, kept_N in zip(domain_set.domains, kept, strict=True)],
        [test_N[kept_N] for test_N, kept_N in zip(is_test, kept, strict=True)],
    )


def _accuracy(logits_NC: NDArray[np.float32], labels_N: NDArray[np.int64]) -> float:
    return float(np.mean(logits_NC.argmax(axis=1) == labels_N))


def _test_images(domain: Domain, seed: int) -> NDArray[np.bool_]:
    """Return the domain's own split, or every other image of each class in a random order."""
    if domain.is_test_N is not None:
        return domain.is_test_N
    order = _order(domain, seed)
    is_test_N = np.empty(len(domain), dtype=np.bool_)
    is_test_N[order] = rank_in_class(domain.labels_N[order]) % 2 == 1
    return is_test_N


def _train_images(
    domain: Domain, is_test_N: NDArray[np.bool_], count: int | None, seed: int
) -> NDArray[np.bool_]:
    """Draw training images, classes in turn."""
    if count is None:
        return ~is_test_N
    order = _order(domain, seed)
    order = order[~is_test_N[order]]
    in_turn = order[np.argsort(rank_in_class(domain.labels_N[order]), kind="stable")]
    chosen_N = np.zeros(len(domain), dtype=np.bool_)
    chosen_N[in_turn[:count]] = True
    return chosen_N


def _order(domain: Domain, seed: int) -> NDArray[np.int64]:
    return Seeds(seed).numpy(f"probe {domain.name}").permutation(len(domain))
