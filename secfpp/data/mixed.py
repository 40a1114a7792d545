"""A federation without domains: the same images, of which every client has some of each domain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from secfpp.config.partition import PartitionConfig
from secfpp.data.domains import Domain, DomainSet

__all__ = ["MIXED", "mix_domains", "mixed_partition"]

MIXED = "mixed"
"""Name of the only domain."""


def mix_domains(domain_set: DomainSet) -> DomainSet:
    """Return one domain with the labels of all, in their order.

    Images keep their part: what is for reporting in its own domain is for reporting here. The
    pixels are left out, for clients are given cached features.
    """
    labels_N = np.concatenate([domain.labels_N for domain in domain_set.domains])
    is_reporting_N = np.concatenate([domain.is_reporting_N for domain in domain_set.domains])
    no_pixels = np.broadcast_to(np.uint8(0), (len(labels_N), 1, 1, 3))
    mixed = Domain(name=MIXED, images_NHW3=no_pixels, labels_N=labels_N, is_test_N=is_reporting_N)
    return replace(domain_set, domains=(mixed,))


def mixed_partition(config: PartitionConfig, num_domains: int) -> PartitionConfig:
    """Return the settings by which the one domain has as many clients as all domains had."""
    return replace(
        config, domains="each", clients_per_domain=num_domains * config.clients_per_domain
    )
