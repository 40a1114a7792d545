"""Comparisons of secret-shared ring integers with zero.

All tensors are ring integers (CrypTen scale 1); the caller keeps track of fractional bits.
`mpc.gates.comparison_choice` chooses one of three methods. `fss` takes one round: open x + r, then
evaluate the dealer's keys there (`mpc.fss`). `lut` takes two: open x + r, look up in truth tables,
open the masked entries (`mpc.gates.lut_comparison`). R_lt, the rounds of one batch of comparisons,
is 1 for `fss` and 2 for `lut`. By `boolean` (`mpc.protocols.boolean`) it is 5, 8, 9, 10 with two,
three, four, five parties for 32 bits, and one more for 36 to 64. A caller should pass the length of
short numbers: keys are as long as the numbers, and a look-up in a small table of all their values
takes one round for any number of parties (`mpc.protocols.lookup`).
"""

from collections.abc import Callable

import numpy as np
import torch

from mpc.engine.context import Party, SharedTensor
from mpc.engine.openings import Masked, masked, open_now
from mpc.gates import lut_comparison
from mpc.gates.lut_comparison import RingArray
from mpc.gates.pairs import differences, num_pairs
from mpc.net.frames import DIGIT_KINDS, TupleKind
from mpc.protocols import boolean, lookup
from mpc.ring.fixedpoint import Int64Array


def local(x_enc: SharedTensor, linear: Callable[[torch.Tensor], torch.Tensor]) -> SharedTensor:
    """Apply a linear map to each party's own share, without communication."""
    return x_enc.like(linear(x_enc.share))


def truncate_local(x_enc: SharedTensor, bits: int) -> SharedTensor:
    """Divide by 2^bits by truncating each party's share, without communication.

    Notes
    -----
    With P parties the result is floor(x / 2^bits) minus 0 .. P - 1, and correct only mod 2^(64 -
    bits). Later steps must use only 64 - bits bits of it.
    """
    return local(x_enc, lambda x: x >> bits) if bits else x_enc


def less_than_zero(x_enc: SharedTensor, bit_length: int = 64) -> SharedTensor:
    """Return shares of [x < 0] as integers 0 or 1, same shape.

    Parameters
    ----------
    x_enc : SharedTensor
        Taken mod 2^bit_length, in two's complement.
    bit_length : int
        2 to 64. Fewer bits take fewer rounds and bytes.

    Notes
    -----
    Cost: R_lt rounds, or one where a look-up pays. Leakage: none.
    """
    if lookup.pays(x_enc.nelement(), bit_length):
        return open_now(lookup.is_negative(x_enc, bit_length))
    share, party = x_enc.share.reshape(-1), x_enc.party
    method = party.provider.comparing.method(share.numel(), bit_length, 64)
    if method == "boolean":
        signs_n = negative_by_circuit(party, share.numpy(), bit_length)
        return party.holds(signs_n.reshape(x_enc.size()))
    if method == "lut":
        opened = open_now(masked(x_enc.like(share)))
        signs = _by_digits("digits64", opened, bit_length)
    else:
        keys = party.provider.signs(share.numel(), bit_length)
        at = party.open_masked([share + torch.from_numpy(keys.masks)])[0]
        signs = keys.evaluate(at.numpy())
    return party.holds(signs.view(np.int64).reshape(tuple(x_enc.size())))


def compare_pairs(
    x_enc_BL: SharedTensor,
    blocks: tuple[int, ...],
    bit_length: int,
    *,
    sum_bits: int = 8,
    minimize_rounds: bool = False,
) -> RingArray:
    """Return shares of [higher < lower] of all pairs inside blocks, (B, E).

    Parameters
    ----------
    x_enc_BL : SharedTensor, (B, L)
        Candidates of all blocks side by side. Any two of a block differ by less than half the range
        of `bit_length` bits.
    blocks : tuple of int
    bit_length : int
    sum_bits : int
        1 to 8; shares are correct at least mod 2^sum_bits.
    minimize_rounds : bool
        Save rounds rather than bytes.

    Returns
    -------
    uint64 array by `boolean`, else uint8 array

    Notes
    -----
    Cost: R_lt rounds. Not by `boolean`, 8 B L bytes from each party to each other, since a pair is
    compared at the difference of two masked candidates; by `lut`, some bits a pair more. Leakage:
    none.
    """
    share_BL, party = x_enc_BL.share, x_enc_BL.party
    batch = len(share_BL)
    kind: TupleKind = "digits4" if sum_bits <= 4 else "digits8"
    count, ring_bits = batch * num_pairs(blocks), DIGIT_KINDS[kind]
    method = party.provider.comparing.method(
        count, bit_length, ring_bits, minimize_rounds=minimize_rounds
    )
    if method == "boolean":
        flat = differences(share_BL.numpy(), blocks)
        wins = negative_by_circuit(party, flat, bit_length).view(np.uint64)
    elif method == "lut":
        opened = open_now(masked(x_enc_BL))
        wins = _by_digits(kind, opened, bit_length, blocks)
    else:
        keys = party.provider.pair_signs(batch, blocks, bit_length)
        at = party.open_masked([share_BL + torch.from_numpy(keys.masks)])[0]
        wins = keys.evaluate(at.numpy())
    return wins.reshape(batch, -1)


def _by_digits(
    kind: TupleKind, x: Masked, bit_length: int, blocks: tuple[int, ...] = ()
) -> RingArray:
    """Return shares of the signs of masked values, flat, in one more round."""
    opened, parts, looked_up = x.opened.numpy(), [], []
    tables = x.party.provider.digits(kind, len(opened), bit_length, x.mask.id, blocks)
    rank = x.party.rank
    for digits, flips, flat in tables:
        points = digits.compared(opened).view(np.uint64)
        words, products = digits.plan.parts(flat, len(points))
        looked_up.append(lut_comparison.looked_up(digits.plan, rank, words, points) ^ flips)
        parts.append((digits.plan, products.copy(), points))  # the copy releases the words
    flipped = np.concatenate(looked_up, axis=1)
    together = x.party.open_bits([boolean.pack(flipped.reshape(-1))])[0]
    bits = boolean.unpack(together, flipped.size).reshape(flipped.shape)
    done, shares = 0, []
    for plan, products, points in parts:
        of_part = bits[:, done : done + len(points)]
        shares.append(lut_comparison.folded(plan, rank, products, points, of_part))
        done += len(points)
    return np.concatenate(shares)


def negative_by_circuit(party: Party, share: Int64Array, bit_length: int) -> Int64Array:
    """Return shares mod 2^64 of [x < 0], flat; see `mpc.protocols.boolean`."""
    plane = boolean.negative(party, share, bit_length)
    return boolean.to_ring(party, boolean.unpack(plane, share.size))
