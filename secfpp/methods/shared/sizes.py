"""What a client makes of noised sizes of its cluster: an estimate that all rounds improve.

A pipeline's clusters stay, so that every round releases the same size with fresh noise. All that
follows is computed from what was released, and costs no budget.

Shape letters: n participants, N clients.
"""

from dataclasses import dataclass, field

import numpy as np

from secfpp.learning.prompts import FloatArray
from secfpp.methods.interface import IntArray

__all__ = ["SizeEstimates"]


@dataclass(kw_only=True, eq=False)
class SizeEstimates:
    """The mean of a normal posterior of every client's cluster size.

    The prior has mean N / K and half of that as standard deviation.
    """

    num_clients: int
    num_clusters: int
    variance: float
    """Of the noise on one released size."""
    _sum_N: FloatArray = field(init=False)
    _count_N: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        """Begin without releases."""
        self._sum_N = np.zeros(self.num_clients)
        self._count_N = np.zeros(self.num_clients)

    def corrections(self, clients_n: IntArray, sizes_n: IntArray) -> FloatArray:
        """Take a round's released sizes; return each over its estimate, 0 where none was released.

        Parameters
        ----------
        clients_n : ndarray of int64, (n,)
        sizes_n : ndarray of int64, (n,)
            Not positive where nothing was opened.

        Returns
        -------
        ndarray of float64, (n,)
            A released mean times this is the released sum over the estimate.
        """
        opened_n = sizes_n > 0
        self._sum_N[clients_n] += np.where(opened_n, sizes_n, 0)
        self._count_N[clients_n] += opened_n
        expected = self.num_clients / self.num_clusters
        of_prior, of_release = 4 / expected**2, 1 / self.variance
        estimate_N = (expected * of_prior + self._sum_N * of_release) / (
            of_prior + self._count_N * of_release
        )
        estimate_n = np.clip(estimate_N[clients_n], 1.0, self.num_clients)
        return np.asarray(np.where(opened_n, sizes_n / estimate_n, 0.0))
