"""Secret-shared inputs, cut to their width and centred.

An owner may share any ring element. Multiplication by 2^(64 - w) mod 2^64 keeps only w bits of it.
The parties open this product under a mask and shift it back. Honest inputs stay unchanged, and all
others become less than 2^(w + 1) in magnitude.

Shape letters: N points, D dimensions.
"""

from typing import Final

import numpy as np
import torch

from mpc.engine.context import SharedTensor
from mpc.engine.openings import DeferredOpening, open_now
from mpc.protocols.comparison import local
from mpc.protocols.division import Split, split

_RING_BITS: Final = 64
_OFFSET: Final = 1 << 62


def cut(x_enc: SharedTensor, width: int) -> DeferredOpening[SharedTensor]:
    """Return shares of inputs cut to `width` bits, of the same shape.

    Parameters
    ----------
    x_enc : SharedTensor
        Numbers below 2^(width - 2) in magnitude stay unchanged; any other becomes some number below
        2^(width + 1) in magnitude.
    width : int

    Notes
    -----
    Cost: one round, 8 bytes an element from each party to each other; 16 from the dealer to party
    0. Leakage: none.
    """
    shift = _RING_BITS - width
    return split(local(x_enc, lambda x: x << shift), signed=True, shift=shift).then(high_part)


def high_part(of: Split) -> SharedTensor:
    """Return shares of the high part of a split secret; no message."""
    share = of.wraps * of.top.share - of.shifted.share
    party = of.value.party
    return party.holds(share + of.high if party.rank == 0 else share)


def mean_of(x_enc_ND: SharedTensor) -> SharedTensor:
    """Return shares of the mean of points, (D,).

    Parameters
    ----------
    x_enc_ND : SharedTensor, (N, D)
        The sum of each column is below 2^62 in magnitude.

    Notes
    -----
    The mean is rounded, with an error of less than 2 units. It is subtracted from every point, so
    differences of points stay exact.

    Cost: one round, 8 D bytes from each party to each other; 16 D from the dealer to party 0.
    Leakage: none.
    """
    total_enc_D = local(x_enc_ND, lambda x: x.sum(0))
    return open_now(_over(total_enc_D, x_enc_ND.size(0)))


def _over(x_enc: SharedTensor, divisor: int) -> DeferredOpening[SharedTensor]:
    """Return shares of x / divisor with an error of less than 2; |x| < 2^62.

    Let z = x + 2^62 + r mod 2^64 be open, and w = 1 if the sum wrapped: if and only if r's top bit
    is 1 and z's is 0. Then x + 2^62 is z - r + w 2^64. Each of the three terms is divided
    separately.
    """
    r, quotient, top = x_enc.party.provider.division(tuple(x_enc.size()), divisor)
    whole = (1 << _RING_BITS) // divisor % (1 << _RING_BITS)
    whole -= (whole >> (_RING_BITS - 1)) << _RING_BITS  # as a signed number, for torch

    def settle(opened: torch.Tensor) -> SharedTensor:
        z = opened + _OFFSET
        may_wrap = 1 - ((z >> (_RING_BITS - 1)) & 1)
        share = may_wrap * whole * top - quotient
        if x_enc.party.rank == 0:
            share = share + unsigned_quotient(z, divisor) - _OFFSET // divisor
        return x_enc.like(share)

    return DeferredOpening(masked=x_enc.share + r, settle=settle, party=x_enc.party)


def unsigned_quotient(z: torch.Tensor, divisor: int) -> torch.Tensor:
    """Divide unsigned 64-bit numbers, rounding down."""
    return torch.from_numpy((z.numpy().view(np.uint64) // np.uint64(divisor)).view(np.int64))
