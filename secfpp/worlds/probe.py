"""Screening of a world before it is federated: whether its domains conflict."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from secfpp.clip.features import encode_domains
from secfpp.clip.model import FrozenClip
from secfpp.clip.pretraining.evaluate import DomainAccuracy, zero_shot_text
from secfpp.clip.probes import probe_domains
from secfpp.data.domains import Domain, DomainSet
from secfpp.data.partition_schemes import rank_in_class
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
    clip: FrozenClip, domain_set: DomainSet, *, seed: int = 0, cache_dir: Path | None = None
) -> Screening:
    """Compare, on the test images of each domain, its own linear probe with one for all domains.

    A domain's own split is used if it has one. Otherwise every other image of each class, in an
    order drawn by `seed`, is a test image.

    Parameters
    ----------
    clip : FrozenClip
    domain_set : DomainSet
    seed : int
        Of the draw of test images.
    cache_dir : Path, optional
        Keeps image features. None: the user's cache folder.

    Raises
    ------
    DataError
        A domain has no test image, or training images of fewer than two classes.
    """
    features = encode_domains(clip, domain_set, cache_dir)
    is_test = [_test_images(domain, seed) for domain in domain_set.domains]
    text_CE = zero_shot_text(clip, domain_set)
    probes = probe_domains(features, [d.labels_N for d in domain_set.domains], is_test)
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


def _accuracy(logits_NC: NDArray[np.float32], labels_N: NDArray[np.int64]) -> float:
    return float(np.mean(logits_NC.argmax(axis=1) == labels_N))


def _test_images(domain: Domain, seed: int) -> NDArray[np.bool_]:
    """Return the domain's own split, or every other image of each class in a random order."""
    if domain.is_test_N is not None:
        return domain.is_test_N
    order = Seeds(seed).numpy(f"probe {domain.name}").permutation(len(domain))
    is_test_N = np.empty(len(domain), dtype=np.bool_)
    is_test_N[order] = rank_in_class(domain.labels_N[order]) % 2 == 1
    return is_test_N
