"""Accuracy of a frozen model on domains: zero-shot, and by linear probes.

The comparison of a probe of one domain with a probe of all shows whether domains conflict: if the
first is clearly better, one classifier for all domains is worse than separate ones.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from secfpp.clip.model import FrozenClip
from secfpp.clip.text import PromptedText
from secfpp.data.domains import DomainSet

# Legend: N images, E embedding.

PROBE_TRAIN_FRACTION = 0.5
_PROBE_C = 100.0


@dataclass(frozen=True, kw_only=True)
class DomainAccuracy:
    """Accuracies of one domain, each in 0..1."""

    domain: str
    zero_shot: float
    """Class names under the data set's own phrase, without training."""
    probe_own: float
    """Linear probe trained on the domain's own images."""
    probe_pooled: float
    """Linear probe trained on the images of all domains."""


def evaluate(clip: FrozenClip, domain_set: DomainSet) -> tuple[DomainAccuracy, ...]:
    """Measure a model on every domain.

    Zero-shot accuracy is over all images; probes are trained on the first half of each domain and
    tested on the second.

    Parameters
    ----------
    clip : FrozenClip
    domain_set : DomainSet

    Returns
    -------
    tuple of DomainAccuracy
        In the order of the domains.
    """
    features = [clip.encode_images(d.images_NHW3).cpu().numpy() for d in domain_set.domains]
    labels = [d.labels_N for d in domain_set.domains]
    cuts = [int(len(y) * PROBE_TRAIN_FRACTION) for y in labels]
    pooled = _fit(
        np.concatenate([x[:n] for x, n in zip(features, cuts, strict=True)]),
        np.concatenate([y[:n] for y, n in zip(labels, cuts, strict=True)]),
    )
    text_CE = zero_shot_text(clip, domain_set)
    results = []
    for domain, x_NE, y_N, cut in zip(domain_set.domains, features, labels, cuts, strict=True):
        own = _fit(x_NE[:cut], y_N[:cut])
        results.append(
            DomainAccuracy(
                domain=domain.name,
                zero_shot=float(np.mean((x_NE @ text_CE.T).argmax(axis=1) == y_N)),
                probe_own=float(own.score(x_NE[cut:], y_N[cut:])),
                probe_pooled=float(pooled.score(x_NE[cut:], y_N[cut:])),
            )
        )
    return tuple(results)


def zero_shot_text(clip: FrozenClip, domain_set: DomainSet) -> NDArray[np.float32]:
    """Return unit-norm features (C, E) of ``phrase + class name``."""
    num_context = len(clip.tokenizer.encode(domain_set.phrase))
    text = PromptedText(clip, domain_set.class_names, num_context)
    features_1CE = text(text.initial_context(domain_set.phrase)[None])
    return np.asarray(features_1CE[0].detach().cpu().numpy(), dtype=np.float32)


def _fit(x_NE: NDArray[np.float32], y_N: NDArray[np.int64]) -> LogisticRegression:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(C=_PROBE_C, max_iter=200).fit(x_NE, y_N)
