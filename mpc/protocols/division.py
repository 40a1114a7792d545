"""Division of secret numbers by secret counts, by look-ups and products of full precision.

A count c is a secret integer in 0 .. N. A function f of it, 1/c or 1/c^2, is an entry of a public
table, for any N; Newton's iteration diverges for some. A product with such an entry has more bits
than the ring: a squared norm V of a sum has up to 2 log2(N) + 36 bits, and 1/c^2 as many again. V
is therefore opened under a mask whose high part the dealer knows, which gives V = 2^h H + L
exactly. H and L are multiplied by tables of different scales,

    V f(c) = H T_1 + L T_0 = V T_0 + H (T_1 - 2^h T_0),    T_1 near 2^h f(c), T_0 near f(c).

H may be one too large; L then compensates. In units of the result, the rounding of T_1 contributes
an error of up to V 2^-(h + 1), and that of T_0 of up to 2^(h - 1).

Shape letters: N points, C counts.
"""

from dataclasses import dataclass, field
from typing import Final, Literal

import torch

from mpc.engine.context import SharedTensor
from mpc.engine.correlations import Mask
from mpc.engine.openings import DeferredOpening, Masked, multiply, times_mask
from mpc.ring.quotient_tables import HIGH_SHIFT

_RING_BITS: Final = 64
_SIGNED_OFFSET: Final = 1 << 62


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Split:
    """A secret that was opened under a mask, and its high part H, which is V >> h or 1 more.

    H is the public `high`, minus the dealer's r >> h, plus `wraps` times the top bit of r. For a
    signed secret, `high` is reduced by the offset that made it positive.
    """

    value: Masked
    high: torch.Tensor = field(repr=False)
    wraps: torch.Tensor = field(repr=False)
    shifted: Mask
    top: Mask


def split(
    v_enc: SharedTensor, *, signed: bool = False, shift: int = HIGH_SHIFT
) -> DeferredOpening[Split]:
    """Open secrets in 0 .. 2^63 - 1 under a mask, and split them into high and low parts.

    Parameters
    ----------
    v_enc : SharedTensor
    signed : bool
        Whether secrets are in -2^62 .. 2^62 - 1 instead.
    shift : int
        h.

    Notes
    -----
    Let z = V + r mod 2^64 be open. The sum wrapped if and only if r's top bit is 1 and z's is 0, so
    V >> h is (z >> h) - (r >> h) + wrapped 2^(64 - h), minus a borrow of 0 or 1. If V is signed,
    2^62 is added first.

    Cost: one round, 8 bytes an element from each party to each other. Leakage: none.

    References
    ----------
    Dalskov, Escudero, Keller: Fantastic Four, USENIX Security 2021, section 5 (probabilistic
    truncation with a known top bit).
    """
    mask = v_enc.party.provider.truncation(tuple(v_enc.size()), shift)
    share, offset = v_enc.share.contiguous(), _SIGNED_OFFSET if signed else 0

    def settle(opened: torch.Tensor) -> Split:
        positive = opened + offset
        may_wrap = 1 - ((positive >> (_RING_BITS - 1)) & 1)
        high = (positive >> shift) & ((1 << (_RING_BITS - shift)) - 1)
        return Split(
            value=Masked(party=v_enc.party, share=share, opened=opened, mask=mask.whole),
            high=high - (offset >> shift),
            wraps=may_wrap << (_RING_BITS - shift),
            shifted=mask.shifted,
            top=mask.top,
        )

    return DeferredOpening(masked=share + mask.whole.share, settle=settle, party=v_enc.party)


def quotients(
    v: Split, low: Masked, rest: Masked, formula: Literal["k,k->k", "ik,k->ik"] = "k,k->k"
) -> SharedTensor:
    """Return shares of V T_0 + H (T_1 - 2^h T_0), (C,), from table entries; no round.

    The tables are `mpc.ring.quotient_tables.Tables`. V is of shape (C,), or (N, C) with the second
    formula.
    """
    high = v.high * rest.share
    high -= times_mask(formula, v.shifted, rest)
    high += v.wraps * times_mask(formula, v.top, rest)
    return multiply(formula, v.value, low) + rest.party.holds(high)
