"""The sign of a masked number from one DCF: shares of [x < 0] at the public z = x + r.

Write n-bit numbers as a top bit (z_top, r_top) and n - 1 low bits. The low parts of x = z - r
borrow from the top when z_low < r_low, so that

    [x < 0] = z_top xor r_top xor [z_low < r_low].

Let g(z_low) = r_top + (1 - 2 r_top) [z_low < r_low], the arithmetic form of the last xor. The sign
is g if z_top = 0 and 1 - g otherwise. The tree of g has alpha = r_low, payload 1 - 2 r_top and
offset r_top, so a sign costs one DCF over n - 1 bits.

Notes
-----
Shares are mod 256 or mod 2^64. In Z_256 up to 255 signs can be added before a sum wraps. The lowest
bits of the shares are XOR shares of the sign, since 2 divides the modulus.

References
----------
Boyle, Chandran, Gilboa, Gupta, Ishai, Kumar, Rathee, Eurocrypt 2021 (eprint 2020/1392), sections 3
and 4 (gates on the masked input).
"""

import numpy as np

from mpc.errors import InputError
from mpc.fss import dcf
from mpc.fss.correction_words import CorrectionWords, Layout, RingArray
from mpc.fss.dcf import SeedArray
from mpc.fss.prg import Words

_ONE = np.uint64(1)


def sign_layout(count: int, *, num_bits: int = 64, ring_bits: int = 8) -> Layout:
    """Return the layout of the correction words of `count` signs.

    Parameters
    ----------
    count : int
        Number of signs.
    num_bits : int
        Bit length n of the numbers, 2..64.
    ring_bits : int
        8 or 64.

    Raises
    ------
    InputError
        A number is out of range.
    """
    if not 2 <= num_bits <= 64:
        raise InputError(f"numbers have {num_bits} bits; signs are for 2..64")
    return Layout(num_bits=num_bits - 1, count=count, ring_bits=ring_bits, has_values=True)


def generate_sign(
    masks: Words,
    seeds_0: SeedArray,
    seeds_1: SeedArray,
    *,
    num_bits: int = 64,
    ring_bits: int = 8,
    key: bytes | None = None,
) -> CorrectionWords:
    """Generate the correction words of B signs, as the dealer.

    Parameters
    ----------
    masks : uint64 array (B,)
        r, the sum of both parties' masks; bits above the low num_bits are ignored.
    seeds_0, seeds_1 : int64 or uint64 arrays (B, 2)
        Root seeds drawn by the parties; use each for one tree only.
    num_bits : int
        Bit length n of the numbers in two's complement, 2..64.
    ring_bits : int
        Of the shares, 8 or 64.
    key : bytes, optional
        16 public bytes; drawn by default. Pass it in tests only.

    Returns
    -------
    CorrectionWords
        1026 bytes per sign for n = 64 in Z_256, 1504 in Z_2^64; the same for both parties.

    Raises
    ------
    InputError
        A type, shape or value is not as documented.
    """
    layout = sign_layout(len(masks), num_bits=num_bits, ring_bits=ring_bits)
    low, top = _split(masks, num_bits)
    offset = top.astype(layout.dtype)
    beta = layout.dtype.type(1) - (offset << layout.dtype.type(1))
    return dcf.generate(
        low,
        beta,
        seeds_0,
        seeds_1,
        num_bits=layout.num_bits,
        ring_bits=ring_bits,
        offset=offset,
        key=key,
    )


def evaluate_sign(
    party: int,
    seeds: SeedArray,
    words: CorrectionWords,
    masked: Words,
) -> RingArray:
    """Compute a party's additive shares of [x < 0].

    Parameters
    ----------
    party : int
        0 or 1.
    seeds : int64 or uint64 array (B, 2)
        The party's root seeds.
    words : CorrectionWords
        From `generate_sign`.
    masked : uint64 array (B,)
        The public z = x + r; bits above the low n are ignored.

    Returns
    -------
    uint8 or uint64 array (B,)
        They sum to 1 where x is negative as an n-bit number, and to 0 elsewhere.

    Raises
    ------
    InputError
        A type, shape or value is not as documented.

    Notes
    -----
    Cost: one comparison, no communication. Leakage: none, z is uniform as long as r is used once.
    """
    low, top = _split(masked, words.layout.num_bits + 1)
    shares = dcf.evaluate(party, seeds, words, low)
    flips = top.astype(shares.dtype)
    # 1 - g where z_top is 1: negate both shares, and let party 0 add the 1.
    shares ^= np.negative(flips)
    shares += flips
    return shares if party else np.add(shares, flips, out=shares)


def _split(numbers: Words, num_bits: int) -> tuple[Words, Words]:
    """Return the num_bits - 1 low bits and the top bit."""
    if numbers.dtype != np.uint64:
        raise InputError(f"masked numbers are {numbers.dtype}; view them as uint64")
    low_bits = np.uint64((1 << (num_bits - 1)) - 1)
    return numbers & low_bits, (numbers >> np.uint64(num_bits - 1)) & _ONE
