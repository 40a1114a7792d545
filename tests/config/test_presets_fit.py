"""The partition of every preset is possible with the published numbers of images.

Numbers are those of the data sets' pages and split files. Where only totals are known, the smallest
classes are as small as the preset says, and the others share the rest.
"""

from pathlib import Path

import numpy as np
import pytest

from secfpp.config.presets import preset_names
from secfpp.data.domains import Domain, DomainSet
from secfpp.data.partition import partition
from secfpp.experiment.config import load_config

DSLR = (12, 21, 12, 13, 10, 24, 22, 12, 8, 23)
"""Images of each class in the smallest domain of Office-Caltech10."""
SPLITS: dict[str, tuple[list[int], list[int]]] = {
    "caltech101": ([17] * 10 + [43] * 90, [24] * 65 + [25] * 35 + [30]),
    "flowers102": ([20] * 10 + [42] * 92, [24] * 102),
    "food101": ([500] * 101, [300] * 101),
    "oxfordpets": ([74] * 3 + [80] * 34, [99] * 37),
}
"""Training and test images of each class, where a data set has a split of its own."""
DRAWN: dict[str, list[list[int]]] = {
    "office-caltech10": [list(DSLR), [29] * 10, [95] * 10, [112] * 10],
    "domainnet-345": [[24] * 345] * 6,
}
"""Images of each class in each domain, where the split is drawn. 24 stand for DomainNet's classes,
most of which have more."""


def blank(labels: np.ndarray, name: str, is_test: np.ndarray | None = None) -> Domain:
    pixels = np.broadcast_to(np.zeros(3, dtype=np.uint8), (len(labels), 1, 1, 3))
    return Domain(name=name, images_NHW3=pixels, labels_N=labels, is_test_N=is_test)


def counted(counts: list[int]) -> np.ndarray:
    return np.repeat(np.arange(len(counts)), counts).astype(np.int64)


def domains_of(name: str) -> list[Domain]:
    if name in DRAWN:
        most = load_config(Path(f"preset:{name}")).images_per_class or 1000
        drawn = [[min(count, most) for count in counts] for counts in DRAWN[name]]
        return [blank(counted(counts), f"domain{i}") for i, counts in enumerate(drawn)]
    train, test = SPLITS[name]
    train, test = train[: len(test)], test[: len(train)]
    labels = np.concatenate([counted(train), counted(test)])
    return [blank(labels, name, np.arange(len(labels)) >= sum(train))]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", [*SPLITS, *DRAWN])
def test_the_partition_of_a_preset_is_possible(name: str, seed: int) -> None:
    config = load_config(Path(f"preset:{name}")).partition
    domains = domains_of(name)
    classes = tuple(f"class{c}" for c in range(int(domains[0].labels_N.max()) + 1))
    domain_set = DomainSet(name=name, class_names=classes, domains=tuple(domains), phrase="a")
    shards = partition(domain_set, config, np.random.default_rng(seed))
    assert {len(shard.train_index) for shard in shards} == {config.images_per_client}


def test_a_client_of_the_smallest_classes_has_enough() -> None:
    for name, (train, _) in SPLITS.items():
        config = load_config(Path(f"preset:{name}")).partition
        own = sorted(train)[: len(train) // config.clients_per_domain]
        room = sum(count - count // 8 for count in own)
        assert room >= config.images_per_client + config.validation_images_per_client, name


def test_every_preset_is_here() -> None:
    assert {*SPLITS, *DRAWN, "domainnet"} == set(preset_names())
