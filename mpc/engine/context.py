"""A party's resources, and its shares of secret tensors, which refer to them.

Protocols use no global state. Links, correlated randomness and arithmetic come with the shares that
they receive. A dry run passes its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, overload

import numpy as np
import torch

from mpc.engine._crypten import MPCTensor, fill_wrapper
from mpc.engine.correlations import Provider
from mpc.jobs.noise import NoiseSource
from mpc.ring.discrete_gaussian import PrivateNoise
from mpc.ring.fixedpoint import Int64Array
from mpc.ring.randomness import AesCtrStream


class Communicator(Protocol):
    """The communication that protocols use."""

    def get_rank(self) -> int: ...  # noqa: D102
    def get_world_size(self) -> int: ...  # noqa: D102
    def add_up(self, parts: Sequence[torch.Tensor]) -> list[torch.Tensor]: ...  # noqa: D102
    def xor_up(self, part: torch.Tensor) -> torch.Tensor: ...  # noqa: D102


class Matmul(Protocol):
    """A product of integer matrices."""

    def __call__(self, left: torch.Tensor, right: torch.Tensor, /) -> torch.Tensor:
        """Return left @ right mod 2^64."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Party:
    """One computing party's resources in a job.

    Parameters
    ----------
    communicator : Communicator
    provider : Provider
        Source of correlated randomness.
    previous, following : AesCtrStream
        Streams shared with the previous and the next party in the ring, for zero sharings.
    matmul : callable
        Product of integer matrices; a dry run has one that computes nothing.
    noise : NoiseSource
        This party's own noise, under a fresh key that nobody else knows; a dry run has none.
    """

    communicator: Communicator
    provider: Provider
    previous: AesCtrStream = field(repr=False)
    following: AesCtrStream = field(repr=False)
    matmul: Matmul = torch.matmul
    noise: NoiseSource = field(default_factory=PrivateNoise, repr=False)

    @property
    def rank(self) -> int:
        """The party's number, 0 .. P - 1."""
        return self.communicator.get_rank()

    @property
    def num_parties(self) -> int:
        """P."""
        return self.communicator.get_world_size()

    def holds(self, share: Int64Array | torch.Tensor) -> "SharedTensor":
        """Return the secret ring integers with this share of the party."""
        tensor = share if isinstance(share, torch.Tensor) else torch.from_numpy(share)
        return SharedTensor(tensor, self)

    def zero_share(self, shape: Sequence[int]) -> Int64Array:
        """Return this party's share of a fresh zero sharing, from its neighbours' streams."""
        zeros: Int64Array = self.previous.ring(shape) - self.following.ring(shape)
        return zeros

    def open_masked(self, masked: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Open sums x + mask inside a protocol, in one round, from the party's shares of the sums.

        Each mask is uniform and used once, so nothing leaks. Only `mpc.engine.reveal` opens
        results.
        """
        return self.communicator.add_up(masked)

    def open_bits(self, masked: Sequence[Int64Array]) -> list[Int64Array]:
        """Open masked words of xor-shared bits inside a protocol; see `open_masked`."""
        flat = np.concatenate([words.reshape(-1) for words in masked])
        opened = self.communicator.xor_up(torch.from_numpy(flat)).numpy()
        ends = np.cumsum([words.size for words in masked])
        return [
            opened[end - words.size : end].reshape(words.shape)
            for words, end in zip(masked, ends, strict=True)
        ]


class SharedTensor(MPCTensor):  # type: ignore[misc]
    """A party's share of secret ring integers, as CrypTen's tensor of scale 1.

    Sums, differences and public factors are local. A product of two secrets takes one round with a
    Beaver triple. Products of values opened under masks take none; see `mpc.engine.openings`.

    Parameters
    ----------
    share : int64 tensor
    party : Party
    """

    party: Party

    __getattribute__ = object.__getattribute__  # CrypTen's version looks for gradients first

    def __init__(self, share: torch.Tensor, party: Party) -> None:
        fill_wrapper(self, share)
        self.party = party

    @property
    def share(self) -> torch.Tensor:
        """The party's share."""
        share: torch.Tensor = self._tensor._tensor
        return share

    def like(self, share: torch.Tensor) -> "SharedTensor":
        """Return a tensor of the same party with another share."""
        return SharedTensor(share, self.party)

    def __add__(self, other: "SharedTensor | torch.Tensor | int") -> "SharedTensor":
        if isinstance(other, SharedTensor):
            return self.like(self.share + other.share)
        return self.like(self.share + self._public(other))

    __radd__ = __add__

    def __neg__(self) -> "SharedTensor":
        return self.like(-self.share)

    def __sub__(self, other: "SharedTensor | torch.Tensor | int") -> "SharedTensor":
        return self + -other

    def __rsub__(self, other: torch.Tensor | int) -> "SharedTensor":
        return -self + other

    def __mul__(self, other: "SharedTensor") -> "SharedTensor":
        """Multiply two secrets with broadcasting, in one round with a Beaver triple."""
        shapes = tuple(self.share.shape), tuple(other.share.shape)
        triple = self.party.provider.generate_additive_triple(*shapes, "mul")
        a, b, c = (part.share for part in triple)
        x, y = self.party.open_masked([self.share - a, other.share - b])
        share = c + x * b + a * y
        return self.like(share + x * y if self.party.rank == 0 else share)

    def sum(self, dim: int) -> "SharedTensor":
        """Sum along an axis."""
        return self.like(self.share.sum(dim))

    @overload
    def size(self, dim: None = None) -> torch.Size: ...
    @overload
    def size(self, dim: int) -> int: ...
    def size(self, dim: int | None = None) -> torch.Size | int:
        """Return the shape, or the length of one axis."""
        return self.share.shape if dim is None else self.share.shape[dim]

    def nelement(self) -> int:
        """Return the number of elements."""
        return self.share.numel()

    def _public(self, number: torch.Tensor | int) -> torch.Tensor | int:
        """Return a party's share of a public number: the number at party 0, else zero."""
        return number if self.party.rank == 0 else number * 0
