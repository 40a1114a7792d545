"""Accuracy of a frozen model on domains: zero-shot, and by linear probes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from secfpp.clip.model import FrozenClip
from secfpp.clip.probes import probe_domains
from secfpp.clip.text import PromptedText
from secfpp.data.domains import DomainSet

PROBE_TRAIN_FRACTION = 0.5


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
    is_test = [np.arange(len(y)) >= int(len(y) * PROBE_TRAIN_FRACTION) for y in labels]
    text_CE = zero_shot_text(clip, domain_set)
    probes = probe_domains(features, labels, is_test)
    return tuple(
        DomainAccuracy(
            domain=domain.name,
            zero_shot=float(np.mean((x_NE @ text_CE.T).argmax(axis=1) == y_N)),
            probe_own=probe.own,
            probe_pooled=probe.pooled,
        )
        for domain, x_NE, y_N, probe in zip(
            domain_set.domains, features, labels, probes, strict=True
        )
    )


def zero_shot_text(clip: FrozenClip, domain_set: DomainSet) -> NDArray[np.float32]:
    """Return unit-norm features (C, E) of ``phrase + class name``."""
    num_context = len(clip.tokenizer.encode(domain_set.phrase))
    text = PromptedText(clip, domain_set.class_names, num_context)
    features_1CE = text(text.initial_context(domain_set.phrase)[None])
    return np.asarray(features_1CE[0].detach().cpu().numpy(), dtype=np.float32)
