"""How many numbers each client shares: the server announces it, and has no use for the model else.

A process of its own loads the model and counts, so that the server itself stays small.
"""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

from secfpp.deployment.config import FederationConfig
from secfpp.errors import ModelError

__all__ = ["Lengths", "lengths_of"]


@dataclass(frozen=True, kw_only=True)
class Lengths:
    """How many numbers each client shares, with which model."""

    dim: int
    """Of a descriptor."""
    payload: int
    """Of an update and what is averaged with it."""
    model: str
    """Digest of the model."""


def lengths_of(config: FederationConfig) -> Lengths:
    """Load the model in another process, and count what a client shares.

    Raises
    ------
    ModelError, ConfigError
        If the model cannot be used, or the process was killed.
    """
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=spawning) as pool:
        try:
            return pool.submit(_count, config).result()
        except BrokenProcessPool:
            raise ModelError(
                f"the process that loads model {config.model!r} was killed; is memory short?"
            ) from None


def _count(config: FederationConfig) -> Lengths:
    """Let a client without images form what it would share."""
    from secfpp.deployment.client import sent_lengths

    return sent_lengths(config)
