"""Reading public tables with shares of a one-hot vector at the index's mask."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from mpc.errors import InputError
from mpc.fss.correction_words import RingArray
from mpc.fss.prg import Words

_FEW: Final = 1 << 9
"""Entries up to which tables are gathered for all look-ups at once."""


def look_up(tables: NDArray[np.int64], one_hot: RingArray, masked: Words) -> RingArray:
    """Return shares of T[x] from shares of e_r, for the public z = x + r.

    Parameters
    ----------
    tables : int64 array (t, 2^d)
        Public.
    one_hot : ring array (n, 2^d)
        A party's shares.
    masked : uint64 array (n,)
        z, 0 .. 2^d - 1.

    Returns
    -------
    ring array (t, n)
        Shares of T[x] mod the ring's size.

    Raises
    ------
    InputError
        Tables of another type or size.
    """
    size = one_hot.shape[1]
    if tables.dtype != np.int64 or tables.ndim != 2 or tables.shape[1] != size:
        raise InputError(
            f"tables are {tables.dtype} of shape {tables.shape}; int64 of shape (t, {size}) are "
            "needed, padded with zeros behind the last index in use"
        )
    windows = _windows(tables.astype(one_hot.dtype))
    first = (size - 1 - masked.astype(np.int64)).astype(np.intp)
    if size <= _FEW:
        return np.asarray(np.einsum("tnj,nj->tn", windows[:, first], one_hot))
    out = np.empty((len(tables), len(masked)), dtype=one_hot.dtype)
    for i, start in enumerate(first):
        out[:, i] = windows[:, start] @ one_hot[i]
    return out


def _windows(tables: RingArray) -> RingArray:
    """Return a view (t, 2^d, 2^d) whose row 2^d - 1 - z is T[z - j mod 2^d] for all j."""
    reversed_twice = np.concatenate([tables[:, ::-1]] * 2, axis=1)
    size = tables.shape[1]
    return np.lib.stride_tricks.sliding_window_view(reversed_twice, size, axis=1)[:, :size]
