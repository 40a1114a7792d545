"""Own and pooled probes on features whose answers are known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from secfpp.clip.probes import probe_domains
from secfpp.errors import DataError

LABELS = np.tile(np.arange(2), 40)
IS_TEST = np.arange(80) >= 40


def features(seed: int) -> NDArray[np.float32]:
    """Return two well separated classes in four dimensions."""
    noise = np.random.default_rng(seed).normal(scale=0.05, size=(80, 4))
    return (np.eye(4)[LABELS] + noise).astype(np.float32)


def test_domains_that_agree_have_equally_good_probes() -> None:
    found = probe_domains([features(0), features(1)], [LABELS] * 2, [IS_TEST] * 2)
    assert [(probe.own, probe.pooled) for probe in found] == [(1.0, 1.0)] * 2


def test_domains_with_swapped_labels_have_their_own_only() -> None:
    found = probe_domains(
        [features(seed) for seed in range(3)], [LABELS, LABELS, 1 - LABELS], [IS_TEST] * 3
    )
    assert [probe.own for probe in found] == [1.0] * 3
    assert min(probe.pooled for probe in found[:2]) > 0.9
    assert found[2].pooled < 0.1


@pytest.mark.parametrize(
    ("labels", "is_test"),
    [(np.zeros(80, dtype=np.int64), IS_TEST), (LABELS, np.zeros(80, dtype=np.bool_))],
)
def test_a_domain_that_cannot_be_probed_is_named(
    labels: NDArray[np.int64], is_test: NDArray[np.bool_]
) -> None:
    with pytest.raises(DataError, match=r"domain 1 has \d+ test images, and .* two classes"):
        probe_domains([features(0), features(1)], [LABELS, labels], [IS_TEST, is_test])
