"""Labelled images by domain, and how they are dealt to clients."""

from secfpp.config.partition import PartitionConfig
from secfpp.data.domains import Domain, DomainSet
from secfpp.data.load import load_domains
from secfpp.data.partition import ClientShard, partition

__all__ = [
    "ClientShard",
    "Domain",
    "DomainSet",
    "PartitionConfig",
    "load_domains",
    "partition",
]
