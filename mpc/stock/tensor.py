"""The part of CrypTen's tensor that k-means needs, typed."""

from typing import Protocol, Self, cast

import torch

from mpc.engine._crypten import MPCTensor

FRACTION_BITS = 16
"""CrypTen's default precision."""


class StockTensor(Protocol):
    """CrypTen's `MPCTensor`: a fixed-point number, or an integer of scale 1, shared additively.

    What a comparison or an argmin returns has scale 1. A product with a tensor of scale 1 is exact;
    any other product is truncated, by an error of about 2^-16.
    """

    share: torch.Tensor
    """This party's share."""

    def __getitem__(self, index: object) -> Self: ...  # noqa: D105
    def __add__(self, other: Self | float) -> Self: ...  # noqa: D105
    def __sub__(self, other: Self | float) -> Self: ...  # noqa: D105
    def __rsub__(self, other: float) -> Self: ...  # noqa: D105
    def __mul__(self, other: Self | float) -> Self: ...  # noqa: D105
    def matmul(self, other: Self) -> Self: ...  # noqa: D102
    def square(self) -> Self: ...  # noqa: D102
    def div(self, divisor: int) -> Self: ...  # noqa: D102
    def reciprocal(self) -> Self: ...  # noqa: D102
    def sum(self, dim: int) -> Self: ...  # noqa: D102
    def lt(self, other: Self | float) -> Self: ...  # noqa: D102
    def le(self, other: Self | float) -> Self: ...  # noqa: D102
    def gt(self, other: Self | float) -> Self: ...  # noqa: D102
    def where(self, condition: Self, other: Self) -> Self: ...  # noqa: D102
    def argmin(self, dim: int, *, one_hot: bool) -> Self: ...  # noqa: D102
    def argmax(self, dim: int, *, one_hot: bool) -> Self: ...  # noqa: D102
    def t(self) -> Self: ...  # noqa: D102
    def unsqueeze(self, dim: int) -> Self: ...  # noqa: D102


def fixed(share: torch.Tensor) -> StockTensor:
    """Return the secret with this share, whose last 16 bits are its fraction."""
    return cast(StockTensor, MPCTensor.from_shares(share, precision=FRACTION_BITS))


def integer(share: torch.Tensor) -> StockTensor:
    """Return the secret integer with this share, of scale 1."""
    return cast(StockTensor, MPCTensor.from_shares(share, precision=0))
