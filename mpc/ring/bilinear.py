"""Bilinear maps of ring integers by formula: the products of two masked values.

Parties apply them to torch tensors, the dealer to NumPy arrays; both wrap mod 2^64.
"""

from collections.abc import Callable
from typing import Any, Final, Literal, TypeVar

Formula = Literal[
    "ij,jk->ik",
    "id,jd->ij",
    "id,ik->dk",
    "id,id->i",
    "ik,il->kl",
    "ik,ik->k",
    "ik,ik->",
    "i,id->id",
    "i,j->ij",
    "i,ik->k",
    "ik,k->ik",
    "k,k->k",
    "nrk,r->nk",
    "bij,ij->bi",
]
"""Einsum notation: letters are axes; axes missing in the result are summed over."""
Elements = TypeVar("Elements")
"""Arrays, or tensors, of int64."""

_MAPS: Final[dict[Formula, Callable[[Any, Any, Callable[[Any, Any], Any]], Any]]] = {
    "ij,jk->ik": lambda a, b, matmul: matmul(a, b),
    "id,jd->ij": lambda a, b, matmul: matmul(a, b.T),
    "id,ik->dk": lambda a, b, matmul: matmul(a.T, b),
    "id,id->i": lambda a, b, matmul: (a * b).sum(1),
    "ik,il->kl": lambda a, b, matmul: matmul(a.T, b),
    "ik,ik->k": lambda a, b, matmul: (a * b).sum(0),
    "ik,ik->": lambda a, b, matmul: (a * b).sum().reshape(1),
    "i,id->id": lambda a, b, matmul: a[:, None] * b,
    "i,j->ij": lambda a, b, matmul: a[:, None] * b,
    "i,ik->k": lambda a, b, matmul: (a[:, None] * b).sum(0),
    "ik,k->ik": lambda a, b, matmul: a * b,
    "k,k->k": lambda a, b, matmul: a * b,
    "nrk,r->nk": lambda a, b, matmul: (a * b[:, None]).sum(1),
    "bij,ij->bi": lambda a, b, matmul: (a * b).sum(2),
}
FORMULAS: Final = frozenset(_MAPS)


def bilinear(
    formula: Formula,
    left: Elements,
    right: Elements,
    matmul: Callable[[Elements, Elements], Elements],
) -> Elements:
    """Return the map's value, mod 2^64.

    Parameters
    ----------
    formula : Formula
        A result without axes is returned with shape (1,).
    left, right : int64 tensors or arrays
        With the axes of the formula.
    matmul : callable
        Matrix product of two tensors or arrays.
    """
    value: Elements = _MAPS[formula](left, right, matmul)
    return value


def bilinear_shape(formula: str, left: tuple[int, ...], right: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of a map's value.

    Raises
    ------
    ValueError
        The formula is unknown, or the shapes do not fit it.
    """
    if formula not in FORMULAS:
        raise ValueError(f"no such formula {formula!r}")
    factors, result = formula.split("->")
    sizes: dict[str, int] = {}
    for letters, shape in zip(factors.split(","), (left, right), strict=True):
        if len(letters) != len(shape):
            raise ValueError(f"shape {shape} does not fit {letters!r} of {formula!r}")
        for letter, size in zip(letters, shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                raise ValueError(f"shapes {left} and {right} do not fit {formula!r}")
    return tuple(sizes[letter] for letter in result) or (1,)
