"""Values opened under masks that the dealer keeps, and products of them without a message.

A secret x is opened once as x + a; the dealer knows a and keeps it. A later product of x with
another value y, opened as y + b, takes no message between the parties, only shares of the product
of the two masks from the dealer:

    f(x, y) = f(x + a, y) - f(a, y + b) + f(a, b)      for any bilinear f,

of which each party computes its share. Data that does not change is thus opened once, however often
it is multiplied. Openings of one round are collected as `DeferredOpening` and sent together.

References
----------
Beaver: Efficient multiparty protocols using circuit randomization, CRYPTO 1991 (products). Boyle,
Gilboa, Ishai: Secure computation with preprocessing via function secret sharing, TCC 2019 (one mask
a wire, however many gates it enters).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Generic, TypeVar, overload

import torch

from mpc.engine.context import Matmul, Party, SharedTensor
from mpc.engine.correlations import Mask
from mpc.ring.bilinear import Formula, bilinear

_IN_CACHE: Final = 1 << 18
"""Most elements of a matrix that may be read against its memory order, 2 MB."""

T = TypeVar("T")
Settled = TypeVar("Settled", covariant=True)
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Masked:
    """A secret that was opened under a mask, once."""

    party: Party
    share: torch.Tensor = field(repr=False)
    """This party's share of the secret."""
    opened: torch.Tensor = field(repr=False)
    """Public: secret + mask."""
    mask: Mask

    @property
    def secret(self) -> SharedTensor:
        """The secret."""
        return self.party.holds(self.share)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class DeferredOpening(Generic[Settled]):
    """An opening that has not been sent yet, and a function of the opened value."""

    masked: torch.Tensor = field(repr=False)
    """This party's share of secret + mask."""
    settle: Callable[[torch.Tensor], Settled]
    """Function of the opened sum."""
    party: Party | None
    """The party that sends it; None if there is nothing to send."""

    def then(self, finish: Callable[[Settled], A]) -> "DeferredOpening[A]":
        """Return an opening that also applies `finish` to the result."""
        return DeferredOpening(
            masked=self.masked,
            settle=lambda opened: finish(self.settle(opened)),
            party=self.party,
        )


@overload
def open_batch(a: DeferredOpening[A], /) -> tuple[A]: ...
@overload
def open_batch(a: DeferredOpening[A], b: DeferredOpening[B], /) -> tuple[A, B]: ...
@overload
def open_batch(
    a: DeferredOpening[A], b: DeferredOpening[B], c: DeferredOpening[C], /
) -> tuple[A, B, C]: ...
@overload
def open_batch(
    a: DeferredOpening[A],
    b: DeferredOpening[B],
    c: DeferredOpening[C],
    d: DeferredOpening[D],
    /,
) -> tuple[A, B, C, D]: ...
@overload
def open_batch(*pending: DeferredOpening[T]) -> tuple[T, ...]: ...
def open_batch(*pending: DeferredOpening[object]) -> tuple[object, ...]:
    """Send several openings in one round, and return their results.

    Notes
    -----
    Cost: one round, 8 bytes an element from each party to each other; none if there is nothing to
    send. Leakage: none.
    """
    sums, party = [each.masked for each in pending], _sender(pending)
    opened = party.open_masked(sums) if party is not None else sums
    return tuple(each.settle(of) for each, of in zip(pending, opened, strict=True))


def _sender(pending: Sequence[DeferredOpening[object]]) -> Party | None:
    """Return the party that sends openings; None if all of them are empty."""
    for each in pending:
        if each.party is not None and each.masked.numel():
            return each.party
    return None


@overload
def batch(a: DeferredOpening[A], b: DeferredOpening[B], /) -> DeferredOpening[tuple[A, B]]: ...
@overload
def batch(
    a: DeferredOpening[A], b: DeferredOpening[B], c: DeferredOpening[C], /
) -> DeferredOpening[tuple[A, B, C]]: ...
@overload
def batch(*pending: DeferredOpening[T]) -> DeferredOpening[tuple[T, ...]]: ...
def batch(*pending: DeferredOpening[object]) -> DeferredOpening[tuple[object, ...]]:
    """Combine several openings into one."""
    shapes = [each.masked.shape for each in pending]

    def settle(opened: torch.Tensor) -> tuple[object, ...]:
        parts = torch.split(opened, [shape.numel() for shape in shapes])
        return tuple(
            each.settle(part.reshape(shape))
            for each, part, shape in zip(pending, parts, shapes, strict=True)
        )

    flat = torch.cat([each.masked.reshape(-1) for each in pending])
    return DeferredOpening(masked=flat, settle=settle, party=_sender(pending))


def resolved(value: T) -> DeferredOpening[T]:
    """Wrap a value that needs no opening as a `DeferredOpening`."""
    nothing = torch.zeros(0, dtype=torch.int64)
    return DeferredOpening(masked=nothing, settle=lambda opened: value, party=None)


def open_now(pending: DeferredOpening[T]) -> T:
    """Send one opening in its own round."""
    return open_batch(pending)[0]


def masked(x_enc: SharedTensor) -> DeferredOpening[Masked]:
    """Open a secret under a fresh mask, which the dealer keeps for later products."""
    share, party = x_enc.share.contiguous(), x_enc.party
    mask = party.provider.mask(tuple(share.shape))
    return DeferredOpening(
        masked=share + mask.share,
        settle=lambda opened: Masked(party=party, share=share, opened=opened, mask=mask),
        party=party,
    )


def reshaped(x: Masked, shape: tuple[int, ...]) -> Masked:
    """Return the same secret under the same mask, with another shape."""
    return Masked(
        party=x.party,
        share=x.share.reshape(shape),
        opened=x.opened.reshape(shape),
        mask=Mask(id=x.mask.id, share=x.mask.share.reshape(shape)),
    )


def multiply(formula: Formula, x: Masked, y: Masked) -> SharedTensor:
    """Return shares of a bilinear map of two secrets that were opened under masks.

    Parameters
    ----------
    formula : Formula
        E.g. "ij,jk->ik", in the notation of einsum; see `mpc.ring.bilinear`.
    x, y : Masked
        May be the same.

    Notes
    -----
    Cost: no round; from the dealer to party 0, 8 bytes an element of the result. Leakage: none.
    """
    share = _map(y.party, formula, x.opened, y.share) - times_mask(formula, x.mask, y)
    return y.party.holds(share)


def times_mask(formula: Formula, a: Mask, y: Masked) -> torch.Tensor:
    """Return this party's share of a bilinear map of a mask and a secret; cost as `multiply`."""
    shapes = tuple(a.share.shape), tuple(y.opened.shape)
    of_masks = y.party.provider.product(formula, (a.id, y.mask.id), shapes)
    return _map(y.party, formula, a.share, y.opened) - of_masks


def _map(party: Party, formula: Formula, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    return bilinear(formula, left, right, partial(_matmul, party.matmul))


def _matmul(matmul: Matmul, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Multiply integer matrices; torch is faster if the left one has few rows."""
    few = 4 * right.shape[1] <= left.shape[0]
    if few and (left.T.is_contiguous() or left.numel() <= _IN_CACHE):
        return matmul(right.T, left.T).T
    return matmul(left, right)
