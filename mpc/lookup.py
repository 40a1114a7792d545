"""Look-ups of secret-shared small integers in public tables: one round, any number of parties.

The dealer gives shares of a uniform r and of the one-hot row e of r mod 2^d. With z = x + r opened,
[x = v] is e at z - v, so that any table's entry at x is a sum of e's entries with public factors,
which every party takes of its own share.

Shape letters: V values 0 .. 2^d - 1.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch

from mpc._crypten import from_share, open_masked, provider
from mpc.fixedpoint import Int64Array

LARGEST: Final = 1 << 20
"""Entries of one-hot rows up to which a look-up is taken for a comparison: 8 MB from the dealer."""


def pays(count: int, bit_length: int) -> bool:
    """Tell whether that many look-ups of so many bits beat a circuit, which takes more rounds."""
    return bit_length < 20 and count << bit_length <= LARGEST


def look_up(x_enc: Any, tables: Sequence[Int64Array]) -> list[Any]:
    """Return shares of each table's entry at x, of x's shape.

    Parameters
    ----------
    x_enc : MPCTensor
        Taken mod 2^d.
    tables : sequence of ndarray of int64, (2^d,)
        Public.

    Returns
    -------
    list of MPCTensor

    Notes
    -----
    Cost: one round, 8 bytes an element from each party to each other; from the dealer to party 0,
    8 * 2^d bytes an element. Leakage: none (x + r is uniform).

    References
    ----------
    Ishai, Kushilevitz, Meldgaard, Orlandi, Paskin-Cherniavsky: On the power of correlated
    randomness in secure computation, TCC 2013, section 3 (one-time truth tables).
    """
    size = len(tables[0])
    values, rows = _opened(x_enc, size.bit_length() - 1)
    return [from_share((rows * torch.from_numpy(table[values])).sum(-1)) for table in tables]


def equals_zero(x_enc: Any, bit_length: int) -> Any:
    """Return shares of [x = 0 mod 2^bit_length], as integers 0 or 1; cost as in `look_up`."""
    values, rows = _opened(x_enc, bit_length)
    place_of_zero = torch.from_numpy(values[..., :1])  # z itself, which stands at place 0
    return from_share(rows.gather(-1, place_of_zero).squeeze(-1))


def is_negative(x_enc: Any, bit_length: int) -> Any:
    """Return shares of [x < 0] of numbers in two's complement of `bit_length` bits."""
    table = np.arange(1 << bit_length, dtype=np.int64) >> (bit_length - 1)
    return look_up(x_enc, [table])[0]


def _opened(x_enc: Any, bit_length: int) -> tuple[Int64Array, torch.Tensor]:
    """Open x + r; return which value stands at each place of a row, and the rows' share."""
    mask_enc, rows_enc = provider().lookup(tuple(x_enc.size()), bit_length)
    z = open_masked(x_enc, mask_enc).numpy()
    places = np.arange(1 << bit_length, dtype=np.int64)
    values: Int64Array = (z[..., None] - places) & ((1 << bit_length) - 1)
    return values, rows_enc.share
