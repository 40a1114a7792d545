"""Lagrange coding: several secret slices, hidden by uniform ones, evaluated for each client.

A vector is cut into l slices. With t uniform slices they are the values of a polynomial of degree
l + t - 1 at l + t points; client j has its value at a point of its own. Any t clients learn
nothing: the values that they hold are uniform whatever the slices are. The sum of polynomials is a
polynomial of the same degree, and a squared distance of two of them has degree 2 (l + t - 1), so a
sum is decoded from l + t answers and a distance from 2 l + 2 t - 1.

The primitive is documented for the paper's protocol; evaluation points, l and t are not published,
so those here are inferred.

Shape letters: J clients, A answers, L slices, T uniform slices, V values that fix a polynomial,
X entries.

References
----------
Yu et al.: Lagrange coded computing: optimal design for resiliency, security and privacy, AISTATS
2019, section 3.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mpc.errors import InputError
from mpc.secpc.field import Elements, Field


@dataclass(frozen=True)
class LagrangeCode:
    """The public points of a code, and what is computed from them.

    The slices are values at 0 .. l - 1, uniform values follow, and client j evaluates at
    2 l + 2 t - 1 + j, so no client's point is one that a slice lies at.

    Parameters
    ----------
    num_clients : int
        J.
    slices : int
        l, 1 or more.
    colluders : int
        t, 1 or more: so many clients together learn nothing.
    field : Field

    Raises
    ------
    InputError
        The field has too few points, or a number is too small.
    """

    num_clients: int
    slices: int
    colluders: int
    field: Field = Field()

    def __post_init__(self) -> None:
        if self.slices < 1 or self.colluders < 1 or self.num_clients < 1:
            raise InputError(
                f"{self.num_clients} clients, slices={self.slices}, colluders={self.colluders}: at "
                "least 1 is needed of each"
            )
        if self.answers_for_distances + self.num_clients > self.field.prime:
            raise InputError(
                f"a field of {self.field.prime} elements has too few points for "
                f"{self.num_clients} clients, slices={self.slices}, colluders={self.colluders}"
            )

    @property
    def answers_for_sums(self) -> int:
        """Answers that decode a sum: l + t."""
        return self.slices + self.colluders

    @property
    def answers_for_distances(self) -> int:
        """Answers that decode a squared distance: 2 l + 2 t - 1."""
        return 2 * self.answers_for_sums - 1

    @property
    def client_points(self) -> Elements:
        """The point of each client, (J,)."""
        return self.field.elements(
            np.arange(self.num_clients, dtype=np.int64) + self.answers_for_distances
        )

    @cached_property
    def share_matrix(self) -> Elements:
        """What a client's share is of slices and uniform slices, (J, L + T)."""
        return self._at_clients(self.answers_for_sums)

    @cached_property
    def mask_matrix(self) -> Elements:
        """What a client's share of a mask is of its values, (J, V) with V = 2 L + 2 T - 1."""
        return self._at_clients(self.answers_for_distances)

    def encode(self, slices_LX: Elements, uniform_TX: Elements) -> Elements:
        """Return the share of each client, (J, X).

        Parameters
        ----------
        slices_LX : ndarray of uint64, (L, X)
        uniform_TX : ndarray of uint64, (T, X)
            Uniform, and used once.
        """
        return self.field.matmul(self.share_matrix, np.concatenate([slices_LX, uniform_TX]))

    def decoding(self, clients: Sequence[int], num_answers: int) -> Elements:
        """Return what the slices are of answers, (L, num_answers).

        Parameters
        ----------
        clients : sequence of int
            Who answered; the first `num_answers` of them are used.
        num_answers : int
            One more than the degree of the polynomial.
        """
        return self._interpolation(clients[:num_answers], np.arange(self.slices))

    def extrapolation(self, clients: Sequence[int], num_answers: int) -> Elements:
        """Return what the answers after the first `num_answers` are of those, if none is wrong."""
        others = np.asarray(clients[num_answers:], dtype=np.int64) + self.answers_for_distances
        return self._interpolation(clients[:num_answers], others)

    def _interpolation(self, clients: Sequence[int], targets: np.ndarray) -> Elements:
        known = self.client_points[np.asarray(clients, dtype=np.int64)]
        return lagrange(self.field, known, self.field.elements(targets.astype(np.int64)))

    def _at_clients(self, num_values: int) -> Elements:
        known = self.field.elements(np.arange(num_values, dtype=np.int64))
        return lagrange(self.field, known, self.client_points)


def lagrange(field: Field, known: Elements, targets: Elements) -> Elements:
    """Return the values at `targets` of the Lagrange basis of distinct `known` points.

    Parameters
    ----------
    field : Field
    known : ndarray of uint64, (V,)
    targets : ndarray of uint64, (W,)

    Returns
    -------
    ndarray of uint64, (W, V)
        Times the values of a polynomial of degree V - 1 at `known`, its values at `targets`.
    """
    numerator = np.ones((len(targets), len(known)), dtype=np.uint64)
    denominator = np.ones(len(known), dtype=np.uint64)
    each = np.arange(len(known))
    for index in range(len(known)):
        differs = each != index
        factor = field.sub(targets, known[index])[:, None]
        numerator = np.where(differs[None, :], field.mul(numerator, factor), numerator)
        apart = np.where(differs, field.sub(known, known[index]), np.uint64(1))
        denominator = field.mul(denominator, apart)
    return field.mul(numerator, field.inverse(denominator)[None, :])
