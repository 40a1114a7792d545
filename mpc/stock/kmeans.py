"""Steps of k-means by CrypTen's own operations, as a user of CrypTen would write them.

Numbers have 16 fractional bits. Points and payloads are at most 1 long: their owners divide them by
a public power of two.

CrypTen truncates a product x y on shares. With probability x y 2^-32 the result is off by 2^32,
which nobody notices. For N = 100 and some thousand numbers of a mean, that is one job in 10^5.

All openings inside these steps are CrypTen's: of factors and bits under masks of the dealer. So
none of them leaks anything, and each of them costs a round. Rounds below are of two parties.

Shape letters: N points, K clusters, D dimensions of a point, M of a payload, W data owners.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Final

import torch

from mpc.engine._crypten import all_pairs
from mpc.stock.tensor import FRACTION_BITS, StockTensor, fixed, integer

FAR: Final = 16
"""Added to distances to an empty cluster; all others are between -2 and 4."""

PAIRS_UP_TO: Final = 8
"""Most clusters of which CrypTen compares all pairs; its tree of comparisons is faster for more."""


def centred(points_ND: StockTensor, num_points: int) -> StockTensor:
    """Subtract the mean of all points; the error is below 2^-15.

    Notes
    -----
    Cost: no round for two parties; else one, for the truncation. Leakage: none.
    """
    return points_ND - points_ND.sum(0).div(num_points).unsqueeze(0)


def within(rows_NX: StockTensor, limit: float) -> tuple[StockTensor, StockTensor]:
    """Return squared norms, and 1 for each row whose squared norm is at most `limit`, else 0, (N,).

    Notes
    -----
    Each square is truncated, so a squared norm of X numbers is off by less than X 2^-16. The sum
    wraps around for rows that are 2^15 too long: this test is for owners that follow the protocol,
    and only guards against values that they did not expect.

    Cost: one round for the squares, 8 N X bytes from each party to each other, and 8 to compare.
    Leakage: none.
    """
    sqnorms_N = rows_NX.square().sum(1)
    return sqnorms_N, sqnorms_N.le(limit)


def rows_as_centres(points_ND: StockTensor, rows: Sequence[int]) -> StockTensor:
    """Return public rows as the first centres, (K, D)."""
    return points_ND[list(rows)]


def farthest_first(
    points_ND: StockTensor, sqnorms_N: StockTensor, valid_N: StockTensor, k: int
) -> StockTensor:
    """Return k points, (K, D): the first one, then each time the one farthest from those chosen.

    CrypTen breaks ties at random.

    Notes
    -----
    Cost: k - 1 times an argmax of N by a tree, 58 rounds for N = 20 and 79 for N = 100, and k - 2
    comparisons, with some 12 rounds each time for distances. Leakage: none.
    """
    centre_1D = points_ND[0:1]
    centres = [centre_1D.share]
    nearest_N = squared_distances(points_ND, sqnorms_N, centre_1D)
    while len(centres) < k:
        farthest_N = ((nearest_N + 1) * valid_N).argmax(0, one_hot=True)
        centre_1D = farthest_N.unsqueeze(0).matmul(points_ND)
        centres.append(centre_1D.share)
        if len(centres) < k:
            sqdist_N = squared_distances(points_ND, sqnorms_N, centre_1D)
            nearest_N = sqdist_N.where(sqdist_N.lt(nearest_N), nearest_N)
    return fixed(torch.cat(centres))


def squared_distances(
    points_ND: StockTensor, sqnorms_N: StockTensor, centre_1D: StockTensor
) -> StockTensor:
    """Return squared distances of all points to one centre, (N,)."""
    products_N = points_ND.matmul(centre_1D.t()).sum(1)
    return sqnorms_N + centre_1D.square().sum(1) - products_N * 2


def nearest(
    points_ND: StockTensor, centres_KD: StockTensor, counts_K: StockTensor | None
) -> StockTensor:
    """Return the nearest centre of each point, one-hot, (N, K) of scale 1.

    Parameters
    ----------
    points_ND, centres_KD : StockTensor
    counts_K : StockTensor, optional
        Sizes of the clusters; an empty one is far from all points. None: no centre is a mean.

    Notes
    -----
    CrypTen breaks ties at random.

    Cost: for K = 5, 22 rounds, and 8 more with sizes; 8 (N D + 2 K D) bytes for the products, and
    some 290 for each of N K (K - 1) comparisons, from each party to each other. Leakage: none.
    """
    sqdist_NK = centres_KD.square().sum(1).unsqueeze(0) - points_ND.matmul(centres_KD.t()) * 2
    if counts_K is not None:
        sqdist_NK = sqdist_NK + (counts_K.lt(1) * FAR).unsqueeze(0)
    few = sqdist_NK.share.shape[1] <= PAIRS_UP_TO
    with all_pairs() if few else nullcontext():
        return sqdist_NK.argmin(1, one_hot=True)


def means(
    assignment_NK: StockTensor, rows_NX: StockTensor, num_points: int
) -> tuple[StockTensor, StockTensor]:
    """Return the mean of each cluster's rows, (K, X), and its size, (K,) of scale 1.

    The mean of an empty cluster is 0.

    Notes
    -----
    CrypTen's reciprocal is Newton's iteration from 3 exp(1 - 2 x) + 0.003, in 16 bits. Of a size
    itself it is off by a percent for 30 points and by ten for 100, and it diverges for some
    hundreds. Sizes are therefore divided by 2^s > N first, without an error, and means afterwards;
    it is then right to 2^-11.

    Cost: 30 rounds; 8 (N K + N X + K X) bytes from each party to each other, and the reciprocals.
    Leakage: none.
    """
    counts_K = assignment_NK.sum(0)
    sums_KX = assignment_NK.t().matmul(rows_NX)
    shift = num_points.bit_length()
    fraction_K = fixed(counts_K.share << (FRACTION_BITS - shift))
    return (sums_KX * fraction_K.reciprocal().unsqueeze(1)).div(1 << shift), counts_K


def owners_in(assignment_NK: StockTensor, owner_of_N: Sequence[int]) -> StockTensor:
    """Return the number of owners with a point in each cluster, (K,); 8 rounds, no leakage."""
    owners = torch.tensor(owner_of_N, dtype=torch.int64)
    share_NK = assignment_NK.share
    held = torch.zeros(int(owners.max()) + 1, share_NK.shape[1], dtype=torch.int64)
    return integer(held.index_add(0, owners, share_NK)).gt(0).sum(0)
