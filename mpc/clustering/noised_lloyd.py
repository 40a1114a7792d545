"""Lloyd's iteration with noise on every centre, for guarantee `pipeline`.

Each iteration adds noise to the sums and the sizes of all clusters, and never opens them. Centres
are then differentially private, and each point's assignment is a function of them and of that point
alone. All else that could depend on others' points is fixed: the first centres are public
directions, the number of iterations is public, and points are not centred.

Shape letters: N points, K clusters, D dimensions of a point.
"""

import torch

from mpc.clustering.distances import centre_distances, comparable
from mpc.clustering.inner_products import Points
from mpc.clustering.lloyd import Found
from mpc.engine.context import SharedTensor
from mpc.engine.openings import masked, multiply, open_batch, open_now
from mpc.engine.steps import Steps
from mpc.jobs.job import ClusterJob
from mpc.jobs.noise import Noise, drawn, noise_of_centres
from mpc.protocols.argmin import nearest
from mpc.protocols.comparison import local
from mpc.protocols.lookup import look_up
from mpc.ring.fixedpoint import GRAM_BITS, Int64Array
from mpc.ring.public_draws import public_directions
from mpc.ring.quotient_tables import noised_tables


def noised_lloyd(job: ClusterJob, points: Points, meter: Steps) -> Found:
    """Iterate as often as the job says, with noised centres from the second iteration on.

    Notes
    -----
    Cost: the first iteration is one of `nearest`, a later one three rounds more, as without noise;
    8 (N K + D K + N K + K) bytes from each party to each other besides. Leakage: none; no bit is
    opened.
    """
    num_points, dim = points.rows.share.shape
    k, valid_enc_N = job.k or 1, points.valid.secret
    noise = noise_of_centres(job, num_points, dim, points.rows.party.num_parties)
    directions_KD = public_directions(job.seed, k, dim)
    with meter.step("iteration 1"):
        meter.go_on()
        assignment_enc_NK = nearest(_to_directions(points, directions_KD), (k,), valid_enc_N)
    for number in range(2, job.iterations + 1):
        with meter.step(f"iteration {number}"):
            meter.go_on()
            sqdist_enc_NK = _to_noised_means(points, assignment_enc_NK, noise)
            assignment_enc_NK = nearest(sqdist_enc_NK, (k,), valid_enc_N)
    return Found(assignment_enc_NK=assignment_enc_NK, k=k, iterations=job.iterations)


def _to_directions(points: Points, directions_KD: Int64Array) -> SharedTensor:
    """Return shares of squared distances to public centres, less points' own norms; no message."""
    sqnorms_K = torch.from_numpy((directions_KD**2).sum(axis=1))
    centres_DK = torch.from_numpy(directions_KD.T.copy())
    matmul = points.rows.party.matmul
    inner_enc_NK = local(points.rows.secret, lambda rows: 2 * matmul(rows, centres_DK))
    return comparable(-inner_enc_NK + sqnorms_K, GRAM_BITS, (len(directions_KD),))


def _to_noised_means(points: Points, assignment_enc_NK: SharedTensor, noise: Noise) -> SharedTensor:
    """Return shares of squared distances to noised means, less points' own norms; three rounds."""
    num_points, dim = points.rows.share.shape
    num_clusters, party = assignment_enc_NK.size(1), points.rows.party
    of_sizes_K, of_sums_KD = drawn(party.noise, noise, num_clusters, dim)
    sizes_enc_K = local(assignment_enc_NK, lambda p: p.sum(0) + torch.from_numpy(of_sizes_K))
    tables = noised_tables(noise.index_bits(num_points), noise.spread, noise.floor)
    assignment, of_sizes = open_batch(
        masked(assignment_enc_NK),
        look_up(
            sizes_enc_K + noise.spread,
            [tables.squared.low, tables.squared.rest, tables.once.low, tables.once.rest],
        ),
    )
    sums_enc_DK = multiply("id,ik->dk", points.rows, assignment)
    noised_DK = sums_enc_DK.share + torch.from_numpy(of_sums_KD.T.copy())
    sums = open_now(masked(sums_enc_DK.like(noised_DK)))
    inner_enc_NK = multiply("ij,jk->ik", points.rows, sums)
    sqnorms_enc_K = multiply("ik,ik->k", sums, sums)
    none_far = party.holds(torch.zeros(num_clusters, dtype=torch.int64))
    return open_now(
        centre_distances(inner_enc_NK, sqnorms_enc_K, [*of_sizes, none_far], (num_clusters,))
    )
