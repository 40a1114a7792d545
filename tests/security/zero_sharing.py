"""CrypTen's own zero sharings, its real code run for all parties in turn in one process.

`crypten._setup_prng` gives each party a generator shared with the previous party and one shared
with the next; `ArithmeticSharedTensor.PRZS` draws a share of zero from both. Only the communicator
and the source of its 64-bit seeds are stand-ins, so that three parties fit one process.
"""

import secrets
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mpc.engine._crypten import ArithmeticSharedTensor, crypten
from tests.security.mt19937_attack import SLICE_BITS, Int64Array

NUM_PARTIES = 3


class RingOfSeeds:
    """A communicator that only passes the ring seeds on: seed p goes from party p to p + 1."""

    def __init__(self, rank: int, seeds: list[int]) -> None:
        self._rank = rank
        self._seeds = seeds

    def get_rank(self) -> int:
        return self._rank

    def get_world_size(self) -> int:
        return len(self._seeds)

    def isend(self, tensor: torch.Tensor, dst: int) -> SimpleNamespace:
        assert (tensor.item(), dst) == (self._seeds[self._rank], (self._rank + 1) % NUM_PARTIES)
        return SimpleNamespace(wait=lambda: None)

    def irecv(self, tensor: torch.Tensor, src: int) -> SimpleNamespace:
        tensor.fill_(self._seeds[src])
        return SimpleNamespace(wait=lambda: None)

    def broadcast(self, tensor: torch.Tensor, src: int) -> torch.Tensor:
        return tensor


def seed_with_upper_bits(upper_bits: int) -> int:
    """Return a 64-bit seed as CrypTen draws it; only its bits 16..31 are given."""
    free = secrets.randbits(32) << 32 | upper_bits << SLICE_BITS | secrets.randbits(SLICE_BITS)
    return free - 2**63


def shares_of_zero(
    patch: pytest.MonkeyPatch, seeds: list[int], shape: tuple[int, ...], count: int
) -> list[list[Int64Array]]:
    """Return `count` sharings of zero, by party, drawn by CrypTen from these ring seeds."""
    for kind in crypten.generators:
        patch.setitem(crypten.generators, kind, {})
    return [list(_shares_of_party(patch, rank, seeds, shape, count)) for rank in range(len(seeds))]


def _shares_of_party(
    patch: pytest.MonkeyPatch, rank: int, seeds: list[int], shape: tuple[int, ...], count: int
) -> Iterator[Int64Array]:
    communicator = RingOfSeeds(rank, seeds)
    drawn = iter([seeds[rank], *(-secrets.randbits(62) for _ in ("local", "global"))])
    urandom = SimpleNamespace(urandom=lambda size: (next(drawn) + 2**63).to_bytes(size, "big"))
    with patch.context() as inner:
        inner.setattr(crypten.communicator, "get", lambda: communicator)
        inner.setattr(crypten, "os", urandom)
        crypten._setup_prng()
        for _ in range(count):
            yield np.asarray(ArithmeticSharedTensor.PRZS(shape).share)
