"""What a job costs, as formulas, written by hand from what the protocols say they cost.

The dry run counts the same.

Bytes are of payloads: frame headers, TLS and TCP come on top. For N points of D dimensions, K
clusters, a payload of M and P parties, a later iteration under the default policy costs

    rounds    3 + R_lt + 1
    online    8 (4 N K - N + 6 K) + 16             from a Gram matrix, N <= 2 D
              8 (4 N K - N + 6 K + D K) + 16       from rows

bytes from each party to each other (with P = 2 and `fss`, where R_lt = 1; 16 are for the bit that
ends the job), and from the dealer 615 bytes a comparison, of which there are N K (K - 1) / 2, to
both parties. By `lut` R_lt is 2, a comparison takes 120 bytes to party 0 alone, and 11 bits more
are opened of it. `closed_form_of` adds all steps up.

Shape letters: N points, D dimensions, K clusters, C columns of all groups, M of a payload, B batch,
L candidates, W words.
"""

from collections.abc import Sequence

from mpc.clustering.choose_k import MARGIN_BITS
from mpc.costs.job_cost import Cost, total
from mpc.gates.comparison_choice import Comparing
from mpc.gates.pairs import num_pairs
from mpc.jobs.encoding import points_shift
from mpc.jobs.job import ClusterJob
from mpc.reference.separation import largest_candidate
from mpc.ring.deviation_tables import INDEX_BITS, INDEX_SHIFT, SUM_BITS, TOP, least_power
from mpc.ring.fixedpoint import EXACT_BITS, INERTIA_BITS
from tests.mpc.costs.operation_costs import (
    NOTHING,
    Sizes,
    beside,
    corrections,
    less_than_zero,
    look_up,
    nearest,
    one_hot_min,
    opening,
    product,
    times,
)


def norms(job: ClusterJob, sizes: Sizes) -> Cost:
    """See `mpc.clustering.inner_products.points_within_bounds`; the job's bounds must be known."""
    n, d, rows = sizes.num_points, sizes.dim, sizes.num_points * sizes.dim
    payload = n * sizes.payload
    cost = opening(rows, payload) + corrections(2 * rows, 2 * payload)
    if job.centre:
        cost += opening(d) + corrections(2 * d)
    shift, tests = points_shift(job, d), 2
    if job.standardize:
        cost += standardizing(sizes, shift)
        shift, tests = 0, 3
    cost += beside(measured(sizes, shift), opening(payload)) + corrections(n)
    cost += all_within(sizes, done=tests - 2, tests=tests + (shift > 0))
    return cost + opening(n, n) + corrections(rows, n) + opening(rows)


def measured(sizes: Sizes, shift: int) -> Cost:
    """Of squared norms, of coarse ones too where bits are dropped; see `mpc.clustering.norms`."""
    rows = sizes.num_points * sizes.dim
    cost = opening(rows) + corrections(sizes.num_points)
    if shift:
        cost += Cost(online=8 * rows) + corrections(2 * rows)
        cost += opening(rows) + corrections(sizes.num_points)
    return cost


def all_within(sizes: Sizes, *, tests: int, done: int = 0) -> Cost:
    """See `mpc.clustering.norms.all_within`; `done` of the tests have been done before."""
    n = sizes.num_points
    compared = less_than_zero((tests - done) * n, 64, sizes.parties)
    return compared + look_up(n, tests.bit_length(), sizes.parties)


def standardizing(sizes: Sizes, shift: int) -> Cost:
    """See `mpc.clustering.standardizing.standardized`."""
    n, d, rows, parties = sizes.num_points, sizes.dim, sizes.num_points * sizes.dim, sizes.parties
    cost = measured(sizes, shift) + all_within(sizes, tests=1 + (shift > 0))
    cost += opening(n) + corrections(rows) + opening(rows) + corrections(d)
    levels = TOP + 1 - least_power(n)
    cost += less_than_zero(levels * d, SUM_BITS, parties) + opening(3 * d) + corrections(d)
    cost += opening(d) + corrections(2 * d) + less_than_zero(d, INDEX_SHIFT + 1, parties)
    cost += look_up(d, INDEX_BITS, parties) + opening(d) + corrections(d)
    return cost + opening(d) + corrections(rows) + opening(rows) + corrections(2 * rows)


def with_sums(sizes: Sizes, columns: int, *, by_gram: bool) -> Cost:
    """See `mpc.clustering.inner_products.Inner.with_sums`."""
    n, d = sizes.num_points, sizes.dim
    if by_gram:
        return corrections(n * columns)
    return corrections(d * columns) + opening(d * columns) + corrections(n * columns)


def picked(sizes: Sizes, batch: int, *, by_gram: bool) -> Cost:
    """Of distances of all points to picked ones, whose one-hot rows are opened under masks."""
    return with_sums(sizes, batch, by_gram=by_gram) + corrections(batch)


def lesser(count: int, parties: Comparing) -> Cost:
    """Of the lesser of two distances each."""
    return less_than_zero(count, EXACT_BITS, parties) + product(count, count, count)


def farthest_first(sizes: Sizes, k: int, *, by_gram: bool) -> Cost:
    """See `mpc.clustering.seeding.farthest_first`."""
    n, parties = sizes.num_points, sizes.parties
    to_picked = picked(sizes, 1, by_gram=by_gram)
    cost = less_than_zero(n, (n + 1).bit_length() + 1, parties) + opening(n, n) + to_picked
    cost += opening(n) + corrections(n)
    another = one_hot_min(1, n, EXACT_BITS, parties) + opening(n) + to_picked
    return cost + times(another, k - 1) + times(lesser(n, parties), max(k - 2, 0))


def plus_plus(sizes: Sizes, k: int, restarts: int, *, by_gram: bool) -> Cost:
    """See `mpc.clustering.seeding.plus_plus`."""
    n, parties = sizes.num_points, sizes.parties
    weights = n * restarts
    another = less_than_zero(weights, 64, parties) + opening(weights)
    another += picked(sizes, restarts, by_gram=by_gram)
    cost = opening(n) + times(another, k) + opening(weights) + corrections(weights)
    return cost + times(lesser(weights, parties), max(k - 2, 0))


def given_rows(sizes: Sizes, k: int, *, by_rows: bool) -> Cost:
    """See `mpc.clustering.seeding.given_rows`."""
    if not by_rows:
        return NOTHING
    return opening(sizes.dim * k) + corrections(sizes.num_points * k)


def distances(sizes: Sizes, columns: int, *, inner_opened: bool) -> Cost:
    """See `mpc.clustering.distances`; `inner_opened`: what it divides was opened before."""
    inner = sizes.num_points * columns
    quotients = corrections(5 * columns, 3 * inner)
    if inner_opened:
        return opening(5 * columns) + quotients
    return opening(5 * columns, inner) + corrections(2 * inner) + quotients


def secret_iteration(
    sizes: Sizes,
    blocks: Sequence[int],
    number: int,
    *,
    ends: bool,
    by_gram: bool | None = None,
) -> Cost:
    """See `mpc.clustering.lloyd`; `ends`: it finds that the one before changed nothing."""
    by_gram = sizes.by_gram if by_gram is None else by_gram
    if number == 1:
        return nearest(sizes.num_points, blocks, sizes.parties)
    n, columns, compared = sizes.num_points, sum(blocks), number > 2
    cost = beside(opening(n * columns), look_up(columns, n.bit_length(), sizes.parties))
    sums, to = (
        sums_of(sizes, columns, by_gram=by_gram),
        distances(sizes, columns, inner_opened=by_gram),
    )
    if compared:
        cost += corrections(1)
        sums = beside(sums, look_up(1, (n * len(blocks)).bit_length(), sizes.parties))
        to = beside(to, opening(1))
    cost += sums + to
    return cost if ends else cost + nearest(n, blocks, sizes.parties)


def sums_of(sizes: Sizes, columns: int, *, by_gram: bool) -> Cost:
    """Of inner products with sums, and of squared norms of sums."""
    inner = sizes.num_points * columns
    sums = with_sums(sizes, columns, by_gram=by_gram) + corrections(columns)
    return sums + opening(inner) + corrections(2 * inner) if by_gram else sums


def to_means(sizes: Sizes, columns: int, *, by_gram: bool) -> Cost:
    """Of distances to means of an assignment that is open under a mask."""
    to = distances(sizes, columns, inner_opened=by_gram)
    return sums_of(sizes, columns, by_gram=by_gram) + to


def kept(sizes: Sizes, k: int) -> Cost:
    """Of the kept assignment of valid points, opened under a mask."""
    held = sizes.num_points * k
    counts = look_up(k, sizes.num_points.bit_length(), sizes.parties)
    return opening(held) + corrections(held) + beside(opening(held), counts)


def open_iteration(sizes: Sizes, k: int, number: int) -> Cost:
    """See `mpc.clustering.lloyd.lloyd_public_labels`."""
    n = sizes.num_points
    to_means = distances(sizes, k, inner_opened=False) if number > 1 else NOTHING
    assigned = nearest(n, (k,), sizes.parties, minimize_rounds=True)
    return to_means + assigned + beside(opening(n), look_up(k, n.bit_length(), sizes.parties))


def choice(sizes: Sizes, blocks: Sequence[int], *, by_gram: bool | None = None) -> Cost:
    """Of the best of several restarts; see `mpc.clustering.restarts`."""
    by_gram = sizes.by_gram if by_gram is None else by_gram
    n, columns = sizes.num_points, sum(blocks)
    cost = beside(opening(n * columns), look_up(columns, n.bit_length(), sizes.parties))
    cost += sums_of(sizes, columns, by_gram=by_gram)
    cost += opening(3 * columns) + corrections(5 * columns)
    best = one_hot_min(1, len(blocks), INERTIA_BITS, sizes.parties)
    return cost + best + opening(len(blocks)) + corrections(n * blocks[0])


def number_chosen(sizes: Sizes, k_max: int) -> Cost:
    """Of choosing the number of clusters; see `mpc.clustering.choose_k`."""
    n, parties, blocks = sizes.num_points, sizes.parties, range(1, k_max + 1)
    columns, duelling = sum(blocks), num_pairs(blocks)
    cost = opening(n * columns)
    if k_max == 1:
        return cost
    sums = (n if sizes.by_gram else sizes.dim) * columns
    between = corrections(sums) + opening(sums) + corrections(columns**2)
    cost += beside(between, look_up(columns, n.bit_length(), parties))
    for count in (duelling + columns, duelling + 2 * columns):
        cost += opening(3 * count) + corrections(5 * count)
    cost += less_than_zero(duelling, MARGIN_BITS, parties)
    fails = k_max * (k_max - 1) // 2 + k_max
    cost += look_up(k_max, fails.bit_length(), parties) + look_up(1, k_max - 1, parties)
    return cost + opening(1)


def means(sizes: Sizes, k: int, min_cluster_size: int) -> Cost:
    """See `mpc.clustering.cluster_sums.cluster_sums`."""
    n, m = sizes.num_points, sizes.payload
    cost = opening(n * k)
    if min_cluster_size > 1:
        owners = n if sizes.owners is None else sizes.owners
        counting = [look_up(k, owners.bit_length(), sizes.parties)]
        if sizes.most_rows > 1:
            counting.insert(0, look_up(owners * k, sizes.most_rows.bit_length(), sizes.parties))
        cost = total([beside(cost, counting[0]), *counting[1:]])
        cost += opening(k, k * (m + 1)) + corrections(k * (m + 1))
    return cost + corrections(k * m) + opening(k * (m + 1)) + corrections(n * (m + 1))


def closed_form_of(
    job: ClusterJob, sizes: Sizes, *, iterations: int, converged: bool
) -> dict[str, Cost]:
    """Return the cost of every step of a job.

    Parameters
    ----------
    job : ClusterJob
    sizes : Sizes
    iterations : int
        Reassignments done, as in the result.
    converged : bool
        Whether the job ended because the last of them changed nothing.

    Returns
    -------
    dict of str to Cost
        By name of the step; an iteration that finds that the one before changed nothing is there,
        too, and is cut short.
    """
    n = sizes.num_points
    cost = {"norms": norms(job, sizes)}
    if job.reveal == "distances":
        cost["distances"] = opening(n) + corrections(n * n, n * n)
        cost["assignments"] = NOTHING
        return cost | {"means": means(sizes, job.k or job.k_max, job.min_cluster_size)}
    labels_public = job.reveal == "assignments" and not job.opens_labels_last
    k = job.k or largest_candidate(n, job.k_max)
    blocks = (k,) * job.num_blocks if job.k else tuple(range(1, k + 1))
    gram = corrections(n * n) + (NOTHING if labels_public else opening(n * n))
    cost["distances"] = gram if labels_public or sizes.by_gram else NOTHING
    cost["start"] = _start(job, sizes, k, labels_public=labels_public)
    warm = job.start == "warm"
    for number in range(1, iterations + 1):
        cost[f"iteration {number}"] = (
            open_iteration(sizes, k, number)
            if labels_public
            else secret_iteration(sizes, blocks, number + (warm and number > 1), ends=False)
        )
    if warm:
        cost["iteration 1"] += to_means(sizes, k, by_gram=sizes.by_gram)
    if converged and not labels_public and iterations < job.iterations:
        last = secret_iteration(sizes, blocks, iterations + 1 + warm, ends=True)
        cost[f"iteration {iterations + 1}"] = last
    if job.k is None:
        cost["choice"] = number_chosen(sizes, k)
    elif len(blocks) > 1:
        cost["choice"] = choice(sizes, blocks)
    if job.reveal == "assignments" and not labels_public:
        cost["choice"] = cost.get("choice", NOTHING) + opening(n)
    return cost | {"means": means(sizes, k, job.min_cluster_size)}


def _start(job: ClusterJob, sizes: Sizes, k: int, *, labels_public: bool) -> Cost:
    """Return the cost of finding the first assignment."""
    by_gram = sizes.by_gram and not labels_public
    if job.start == "warm":
        start = NOTHING
    elif job.init_rows is not None:
        start = given_rows(sizes, k, by_rows=not (sizes.by_gram or labels_public))
    elif job.init == "k-means++":
        start = plus_plus(sizes, k, job.restarts, by_gram=by_gram)
    else:
        start = farthest_first(sizes, k, by_gram=by_gram)
    if job.start != "fresh":
        start += kept(sizes, k)
    if job.start == "both":
        start += to_means(sizes, k, by_gram=sizes.by_gram)
    return start
