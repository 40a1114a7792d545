"""Domain sets of grey images, for partitions."""

from collections.abc import Collection, Sequence

import numpy as np

from secfpp.data.domains import Domain, DomainSet


def make_set(
    sizes: Sequence[int],
    num_classes: int = 3,
    missing: Collection[int] = (),
    test_every: int | None = None,
) -> DomainSet:
    """Make domains of the given sizes; classes in turn, those in `missing` without class 0.

    With `test_every`, each image of that number is one of the domain's own test part.
    """
    domains = []
    for d, size in enumerate(sizes):
        labels = np.arange(size, dtype=np.int64) % num_classes
        if d in missing:
            labels[labels == 0] = 1
        domains.append(
            Domain(
                name=f"d{d}",
                images_NHW3=np.zeros((size, 1, 1, 3), dtype=np.uint8),
                labels_N=labels,
                is_test_N=None if test_every is None else np.arange(size) % test_every == 0,
            )
        )
    names = tuple(f"class{c}" for c in range(num_classes))
    return DomainSet(name="toy", class_names=names, domains=tuple(domains), phrase="a")
