"""Every value of the uniform elements that a small field allows."""

from collections.abc import Sequence
from typing import cast

import numpy as np

from mpc.secpc.coding import LagrangeCode
from mpc.secpc.field import Elements, Field
from mpc.secpc.masks import zero_sum_shares
from mpc.secpc.uniform import UniformElements


class Dictated:
    """Stands for the uniform elements of a client: returns what an enumeration says."""

    def __init__(self, values: Elements) -> None:
        self._values = values

    def draw(self, shape: Sequence[int]) -> Elements:
        """Return the values, once as many are asked for."""
        assert self._values.shape == tuple(shape)
        return self._values.copy()


def all_values(field: Field, count: int) -> Elements:
    """All tuples of `count` elements, as columns (count, prime^count)."""
    return np.indices((field.prime,) * count).reshape(count, -1).astype(np.uint64)


def all_shares(code: LagrangeCode, secret: Sequence[int]) -> Elements:
    """Return the shares of all clients for every value of the uniform slices, (J, .)."""
    uniform_TX = all_values(code.field, code.colluders)
    slices_L = np.asarray(secret, dtype=np.uint64)
    slices_LX = np.repeat(slices_L[:, None], uniform_TX.shape[1], axis=1)
    return code.encode(slices_LX, uniform_TX)


def all_masks(code: LagrangeCode) -> Elements:
    """Return the shares of all clients of every mask, (J, .)."""
    drawn_VX = np.zeros((code.answers_for_distances, 1), dtype=np.uint64)
    others = all_values(code.field, code.answers_for_distances - 1)
    drawn_VX = np.concatenate([np.zeros((1, others.shape[1]), dtype=np.uint64), others])
    uniform = cast(UniformElements, Dictated(drawn_VX))
    return zero_sum_shares(code, drawn_VX.shape[1], uniform)
