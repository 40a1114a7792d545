"""What jobs cost that use inner products alone: warm starts, leaders and random rows.

Shape letters: N points, D dimensions, K clusters, C columns of all blocks, B starts.
"""

from collections import Counter
from collections.abc import Sequence

from mpc.costs.job_cost import Cost, total
from mpc.jobs.encoding import points_shift
from mpc.jobs.job import ClusterJob
from mpc.reference.separation import largest_candidate
from tests.mpc.costs.closed_forms import (
    choice,
    distances,
    given_rows,
    kept,
    means,
    measured,
    norms,
    number_chosen,
    secret_iteration,
    standardizing,
    sums_of,
    to_means,
)
from tests.mpc.costs.operation_costs import (
    NOTHING,
    Sizes,
    beside,
    corrections,
    less_than_zero,
    look_up,
    nearest,
    nearest_and_least,
    opening,
    pair_signs,
)

LEADERS_BITS = 41


def norms_by_gram(job: ClusterJob, sizes: Sizes) -> Cost:
    """See `mpc.clustering.gram_points.checked`; the job's bounds must be known."""
    n, d, rows = sizes.num_points, sizes.dim, sizes.num_points * sizes.dim
    payload = n * sizes.payload
    cost = opening(rows, payload) + corrections(2 * rows, 2 * payload)
    if job.centre:
        cost += opening(d) + corrections(2 * d)
    shift, tests = points_shift(job, d), 2
    if job.standardize:
        cost += standardizing(sizes, shift)
        shift, tests = 0, 3
    cost += beside(measured(sizes, shift), opening(payload)) + corrections(n, n * n)
    compared = 2 + (shift > 0)
    cost += less_than_zero(compared * n, 64, sizes.parties)
    fresh, alone = job.by_leaders and job.start != "warm", tests == 2 and shift == 0
    opened = [n * n]
    opened += [n] if fresh and alone else []
    opened += [n * (job.k or 1)] if job.start != "fresh" else []
    together = look_up(n, (tests + (shift > 0)).bit_length(), sizes.parties)
    cost += beside(together, opening(*opened))
    return cost + (opening(n) if fresh and not alone else NOTHING)


def warm_start(sizes: Sizes, k: int) -> Cost:
    """See `mpc.clustering.gram_points.warm_start`."""
    n = sizes.num_points
    counts = look_up(k, n.bit_length(), sizes.parties)
    products = corrections(n * n, n * k)
    return opening(n) + products + beside(opening(n * n, n * k), counts)


def leaders(sizes: Sizes, k: int, starts: int) -> Cost:
    """See `mpc.clustering.leaders.leaders`."""
    n, parties = sizes.num_points, sizes.parties
    before, bits = starts * n * (n - 1) // 2, (n - 1).bit_length()
    cost = pair_signs(n, (n,), LEADERS_BITS, parties, sum_bits=bits)
    cost += look_up(before, bits, parties)
    cost += opening(starts * n * n, n * n, n, n) + corrections(starts * n)
    bits = (n - 1 + k).bit_length()
    cost += pair_signs(starts, (n,), LEADERS_BITS, parties, sum_bits=bits)
    return cost + look_up(starts * n, bits, parties)


def start_by_gram(job: ClusterJob, sizes: Sizes) -> Cost:
    """See `mpc.clustering.begin.begun_by_gram`."""
    n, k, columns = sizes.num_points, job.k or 1, (job.k or 1) * job.restarts
    if job.start == "warm":
        return warm_start(sizes, k)
    if job.by_random_rows:
        cost, opened = opening(n) + corrections(n * n), opening(n * n)
        distances_to = corrections(n * n)
    else:
        cost = corrections(n * n) + leaders(sizes, k, job.restarts) + corrections(n * n)
        opened = opening(n * columns, n * n)
        distances_to = corrections(n * columns, columns)
    if job.start == "both":
        again = opening(n * k) + corrections(n * k)
        opened = beside(opened, again, look_up(k, n.bit_length(), sizes.parties))
    cost += opened + distances_to
    return cost + (to_means(sizes, k, by_gram=True) if job.start == "both" else NOTHING)


def raced_iteration(sizes: Sizes, blocks: Sequence[int], *, by_gram: bool = True) -> Cost:
    """See `mpc.clustering.race.raced`."""
    n, columns, parties, groups = sizes.num_points, sum(blocks), sizes.parties, Counter(blocks)
    cost = beside(opening(n * columns), look_up(columns, n.bit_length(), parties))
    cost += sums_of(sizes, columns, by_gram=by_gram)
    between = opening(3 * columns) + corrections(5 * columns)
    cost += beside(distances(sizes, columns, inner_opened=by_gram), between)
    cost += nearest_and_least(n, blocks, tuple(groups.values()), parties)
    if len(groups) > 1:
        return cost + opening(n * columns, columns) + corrections(2 * n * columns)
    return cost + opening(n * columns, len(blocks)) + corrections(2 * n * blocks[0])


def iteration_chosen_early(
    job: ClusterJob, sizes: Sizes, number: int, *, ends: bool, by_gram: bool = True
) -> Cost:
    """Of one iteration; see `mpc.clustering.lloyd`."""
    n, blocks = sizes.num_points, blocks_of(job, sizes)
    last = tuple(sorted(set(blocks)))
    if number == 1:
        first = to_means(sizes, blocks[0], by_gram=by_gram) if job.start == "warm" else NOTHING
        return first + nearest(n, blocks, sizes.parties)
    if blocks != last and number == 2:
        return raced_iteration(sizes, blocks, by_gram=by_gram)
    # A warm start is an assignment before the first; after a race, the one before is opened, too.
    compared = 3 if job.start == "warm" else number
    cost = secret_iteration(sizes, last, compared, ends=ends, by_gram=by_gram)
    return cost + (Cost(online=8 * n * sum(last)) if blocks != last and number == 3 else NOTHING)


def blocks_of(job: ClusterJob, sizes: Sizes) -> tuple[int, ...]:
    """Return the clusters of every start, in order."""
    if job.k is None:
        return job.blocks(largest_candidate(sizes.num_points, job.k_max))
    return (job.k,) * job.num_blocks


def closed_form_by_gram(
    job: ClusterJob, sizes: Sizes, *, iterations: int, converged: bool
) -> dict[str, Cost]:
    """Return the cost of every step of a job; as `tests.mpc.costs.closed_forms.closed_form_of`."""
    cost = {"norms": norms_by_gram(job, sizes), "start": start_by_gram(job, sizes)}
    return cost | _after_start(job, sizes, iterations, converged=converged, by_gram=True)


def closed_form_at_rows(
    job: ClusterJob, sizes: Sizes, *, iterations: int, converged: bool
) -> dict[str, Cost]:
    """Of a job with random rows as first centres that needs the points.

    There are more of them than the Gram matrix pays, or it chooses k. See
    `mpc.clustering.seeding.given_rows`.
    """
    by_gram = job.k is None and sizes.by_gram
    start = given_rows(sizes, sum(job.blocks(blocks_of(job, sizes)[-1])), by_rows=not by_gram)
    if job.start == "both":
        k = job.k or 1
        start += kept(sizes, k) + to_means(sizes, k, by_gram=False)
    n = sizes.num_points
    distances = opening(n * n) + corrections(n * n) if by_gram else NOTHING
    cost = {"norms": norms(job, sizes), "distances": distances, "start": start}
    return cost | _after_start(job, sizes, iterations, converged=converged, by_gram=by_gram)


def _after_start(
    job: ClusterJob, sizes: Sizes, iterations: int, *, converged: bool, by_gram: bool
) -> dict[str, Cost]:
    """Of iterations, choice and means."""
    k, cost = blocks_of(job, sizes)[-1], {}
    ends = converged and iterations < job.iterations
    for number in range(1, iterations + 1 + ends):
        cost[f"iteration {number}"] = iteration_chosen_early(
            job, sizes, number, ends=number > iterations, by_gram=by_gram
        )
    late = job.num_blocks > 1 and job.iterations == 1
    chosen = [choice(sizes, (k,) * job.num_blocks, by_gram=by_gram)] if late and job.k else []
    chosen += [number_chosen(sizes, k)] if job.k is None else []
    if job.reveal == "assignments":
        chosen.append(opening(sizes.num_points))
    if chosen:
        cost["choice"] = total(chosen)
    return cost | {"means": means(sizes, k, job.min_cluster_size)}
