"""Look-ups of small secret-shared integers in public tables: one round, any number of parties.

The dealer gives shares of a uniform r and of the one-hot row e of r mod 2^d. With z = x + r opened,
[x = v] is e at z - v. The entry of any table at x is therefore a sum of e's entries with public
factors, which every party computes on its own share.

Shape letters: V values 0 .. 2^d - 1.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch

from mpc.engine.context import SharedTensor
from mpc.engine.openings import DeferredOpening
from mpc.ring.fixedpoint import Int64Array

LARGEST: Final = 1 << 20
"""Most entries of one-hot rows of a comparison by look-up: 8 MB from the dealer."""


def pays(count: int, bit_length: int) -> bool:
    """Whether `count` look-ups of `bit_length` bits pay; other comparisons may take more rounds."""
    return bit_length < 20 and count << bit_length <= LARGEST


def look_up(
    x_enc: SharedTensor, tables: Sequence[Int64Array]
) -> DeferredOpening[list[SharedTensor]]:
    """Return shares of each table's entry at x, of x's shape.

    Parameters
    ----------
    x_enc : SharedTensor
        Taken mod 2^d.
    tables : sequence of ndarray of int64, (2^d,), or (C, 2^d) for x of shape (C,)
        Public; the latter has one table for each element.

    Returns
    -------
    DeferredOpening of a list of SharedTensor

    Notes
    -----
    Cost: one round, 8 bytes an element from each party to each other; from the dealer to party 0,
    8 * 2^d bytes an element. Leakage: none (x + r is uniform).

    References
    ----------
    Ishai, Kushilevitz, Meldgaard, Orlandi, Paskin-Cherniavsky: On the power of correlated
    randomness in secure computation, TCC 2013, section 3 (one-time truth tables).
    """
    bit_length = tables[0].shape[-1].bit_length() - 1
    mask, rows = x_enc.party.provider.lookup(tuple(x_enc.size()), bit_length)
    places = np.arange(1 << bit_length, dtype=np.int64)

    def settle(opened: torch.Tensor) -> list[SharedTensor]:
        values: Int64Array = (opened.numpy()[..., None] - places) & (len(places) - 1)
        entries = (_entries(table, values) for table in tables)
        return [x_enc.like((rows * torch.from_numpy(of)).sum(-1)) for of in entries]

    return DeferredOpening(masked=x_enc.share + mask, settle=settle, party=x_enc.party)


def equals_zero(x_enc: SharedTensor, bit_length: int) -> DeferredOpening[SharedTensor]:
    """Return shares of [x = 0 mod 2^bit_length], as integers 0 or 1; cost as in `look_up`."""
    mask, rows = x_enc.party.provider.lookup(tuple(x_enc.size()), bit_length)

    def settle(opened: torch.Tensor) -> SharedTensor:
        return x_enc.like(_at_zero(rows, opened, bit_length))

    return DeferredOpening(masked=x_enc.share + mask, settle=settle, party=x_enc.party)


def is_negative(x_enc: SharedTensor, bit_length: int) -> DeferredOpening[SharedTensor]:
    """Return shares of [x < 0] of numbers in two's complement of `bit_length` bits."""
    table = np.arange(1 << bit_length, dtype=np.int64) >> (bit_length - 1)
    return look_up(x_enc, [table]).then(lambda entries: entries[0])


def _entries(table: Int64Array, values: Int64Array) -> Int64Array:
    """Return the entries of a table, or of each element's own table, at every value."""
    entries: Int64Array = (
        table[values] if table.ndim == 1 else np.take_along_axis(table, values, axis=1)
    )
    return entries


def _at_zero(rows: torch.Tensor, opened: torch.Tensor, bit_length: int) -> torch.Tensor:
    """Return shares of [x = 0]: the entry of the one-hot row at z."""
    places = (opened & ((1 << bit_length) - 1))[..., None]
    return rows.gather(-1, places).squeeze(-1)
