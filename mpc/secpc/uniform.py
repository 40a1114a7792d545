"""Uniform field elements from an AES stream, by rejection."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mpc.ring.randomness import AesCtrStream, new_key
from mpc.secpc.field import Elements, Field


@dataclass(slots=True, eq=False)
class UniformElements:
    """Draws uniform elements of a field, under a key that nobody else has.

    Parameters
    ----------
    of : Field
    stream : AesCtrStream, optional
        By default under a fresh key from the operating system's CSPRNG. Tests replace it.
    """

    of: Field
    stream: AesCtrStream = field(default_factory=lambda: AesCtrStream(new_key()), repr=False)

    def draw(self, shape: Sequence[int]) -> Elements:
        """Return uniform elements.

        Notes
        -----
        Each candidate has as many bits as the prime; those that are not below it are drawn again,
        so no element is likelier than another.
        """
        count, bits = math.prod(shape), self.of.prime.bit_length()
        drawn = np.empty(count, dtype=np.uint64)
        missing = np.arange(count)
        while len(missing):
            drawn[missing] = self.stream.bits((len(missing),), bits).astype(np.uint64)
            missing = missing[drawn[missing] >= np.uint64(self.of.prime)]
        return drawn.reshape(shape)
