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

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np
import torch

from mpc.engine.context import Party, SharedTensor
from mpc.engine.openings import Masked, masked, open_batch, open_now
from mpc.gates import lut_comparison
from mpc.gates.lut_comparison import Bits, Plan, RingArray, Words
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
        (signs,) = _by_digits([_looked_up("digits64", opened, bit_length)], party)
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

    The parameters are those of `Candidates` and of `compare_together`, and so is the cost.
    """
    candidates = Candidates(x_enc_BL=x_enc_BL, blocks=blocks, sum_bits=sum_bits)
    return compare_together([candidates], bit_length, minimize_rounds=minimize_rounds)[0]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Candidates:
    """Numbers of which all pairs inside blocks are compared."""

    x_enc_BL: SharedTensor = field(repr=False)
    """(B, L): candidates of all blocks side by side. Any two of a block differ by less than half
    the range of the compared bits."""
    blocks: tuple[int, ...]
    sum_bits: int = 8
    """1 to 8; shares of results are correct at least mod 2^sum_bits."""

    @property
    def kind(self) -> TupleKind:
        """Truth tables that have enough bits."""
        return "digits4" if self.sum_bits <= 4 else "digits8"

    @property
    def count(self) -> int:
        """Comparisons."""
        return self.x_enc_BL.size(0) * num_pairs(self.blocks)


def compare_together(
    groups: Sequence[Candidates], bit_length: int, *, minimize_rounds: bool = False
) -> list[RingArray]:
    """Return shares of [higher < lower] of all pairs of every group, (B, E) each.

    Parameters
    ----------
    groups : sequence of Candidates
    bit_length : int
    minimize_rounds : bool
        Save rounds rather than bytes.

    Returns
    -------
    list of uint64 arrays by `boolean`, else of uint8 arrays

    Notes
    -----
    Cost: R_lt rounds. One method is chosen for all groups together. Not by `boolean`, 8 B L bytes a
    group from each party to each other, since a pair is compared at the difference of two masked
    candidates; by `lut`, some bits a pair more. Leakage: none.
    """
    party = groups[0].x_enc_BL.party
    method = party.provider.comparing.method(
        sum(group.count for group in groups),
        bit_length,
        max(DIGIT_KINDS[group.kind] for group in groups),
        minimize_rounds=minimize_rounds,
    )
    if method == "boolean":
        wins = _pairs_by_circuit(party, groups, bit_length)
    elif method == "lut":
        opened = open_batch(*(masked(group.x_enc_BL) for group in groups))
        tables = [
            _looked_up(group.kind, x, bit_length, group.blocks)
            for group, x in zip(groups, opened, strict=True)
        ]
        wins = _by_digits(tables, party)
    else:
        wins = _pairs_by_keys(party, groups, bit_length)
    return [
        of.reshape(len(group.x_enc_BL.share), -1) for group, of in zip(groups, wins, strict=True)
    ]


def _pairs_by_circuit(
    party: Party, groups: Sequence[Candidates], bit_length: int
) -> list[RingArray]:
    flat = [differences(group.x_enc_BL.share.numpy(), group.blocks) for group in groups]
    wins = negative_by_circuit(party, np.concatenate(flat), bit_length).view(np.uint64)
    return _parts(wins, [of.size for of in flat])


def _pairs_by_keys(party: Party, groups: Sequence[Candidates], bit_length: int) -> list[RingArray]:
    shares = [group.x_enc_BL.share for group in groups]
    keys = [
        party.provider.pair_signs(len(share_BL), group.blocks, bit_length)
        for group, share_BL in zip(groups, shares, strict=True)
    ]
    sums = [
        share_BL + torch.from_numpy(of.masks) for of, share_BL in zip(keys, shares, strict=True)
    ]
    opened = party.open_masked(sums)
    return [of.evaluate(at.numpy()) for of, at in zip(keys, opened, strict=True)]


def _parts(flat: RingArray, sizes: Sequence[int]) -> list[RingArray]:
    return np.split(flat, list(accumulate(sizes))[:-1])


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _LookedUp:
    """What stands in truth tables at masked values, before its flipped bits are opened."""

    flipped: Bits = field(repr=False)
    """A column for each comparison."""
    parts: list[tuple[Plan, Words, Words]] = field(repr=False)
    """Of each chunk: its plan, shares of products, and points."""


def _looked_up(
    kind: TupleKind, x: Masked, bit_length: int, blocks: tuple[int, ...] = ()
) -> _LookedUp:
    """Look masked values up in truth tables; no round."""
    opened, parts, flipped = x.opened.numpy(), [], []
    tables = x.party.provider.digits(kind, len(opened), bit_length, x.mask.id, blocks)
    for digits, flips, flat in tables:
        points = digits.compared(opened).view(np.uint64)
        words, products = digits.plan.parts(flat, len(points))
        found = lut_comparison.looked_up(digits.plan, x.party.rank, words, points)
        flipped.append(found ^ flips)
        parts.append((digits.plan, products.copy(), points))  # the copy releases the words
    return _LookedUp(flipped=np.concatenate(flipped, axis=1), parts=parts)


def _by_digits(tables: Sequence[_LookedUp], party: Party) -> list[RingArray]:
    """Return shares of the signs of masked values, flat for every group, in one more round."""
    words = [boolean.pack(of.flipped.reshape(-1)) for of in tables]
    opened = party.open_bits(words)
    return [_folded(of, bits, party.rank) for of, bits in zip(tables, opened, strict=True)]


def _folded(of: _LookedUp, opened: Int64Array, rank: int) -> RingArray:
    bits = boolean.unpack(opened, of.flipped.size).reshape(of.flipped.shape)
    done, shares = 0, []
    for plan, products, points in of.parts:
        of_part = bits[:, done : done + len(points)]
        shares.append(lut_comparison.folded(plan, rank, products, points, of_part))
        done += len(points)
    return np.concatenate(shares)


def negative_by_circuit(party: Party, share: Int64Array, bit_length: int) -> Int64Array:
    """Return shares mod 2^64 of [x < 0], flat; see `mpc.protocols.boolean`."""
    plane = boolean.negative(party, share, bit_length)
    return boolean.to_ring(party, boolean.unpack(plane, share.size))
