"""Lloyd's iteration for MP-SPDZ's compiler, as text.

The text is in that compiler's own dialect of Python, and its words are that compiler's. Points are
kept twice, as fixed-point numbers for distances and as their integers for sums, which then need no
truncation. Counts are divided by 2^SHIFT before their reciprocal is taken, which has 16 fractional
bits only.
"""

from typing import Final

from peers.engines.engine import Task, count_shift

LARGEST_COUNT: Final = 2
"""Of which a reciprocal with 16 bits is precise enough."""

TEMPLATE: Final = '''\
program.use_trunc_pr = {probabilistic}
N, D, K, T, SHIFT = {n}, {d}, {k}, {iterations}, {shift}
sfix.set_precision(16, 31)


def nearest(dist):
    """Mark the least of K vectors, by a tree whose comparisons and products go side by side."""
    groups = [[j] for j in range(K)]
    marks = [None] * K
    while len(groups) > 1:
        pairs = len(groups) // 2
        left = sfix.concat([dist[2 * p] for p in range(pairs)])
        right = sfix.concat([dist[2 * p + 1] for p in range(pairs)])
        less = left < right
        bits = [less.get_vector(p * N, N) for p in range(pairs)]
        sides = [(j, i // 2, i % 2) for i in range(2 * pairs) for j in groups[i]]
        deep = [(j, p, side) for j, p, side in sides if marks[j] is not None]
        factors = sint.concat([left.v - right.v] + [marks[j] for j, _, _ in deep])
        products = factors * sint.concat([less] + [bits[p] for _, p, _ in deep])
        for j, p, side in sides:
            if marks[j] is None:
                marks[j] = 1 - bits[p] if side else bits[p]
        for place, (j, p, side) in enumerate(deep):
            with_bit = products.get_vector((pairs + place) * N, N)
            marks[j] = marks[j] - with_bit if side else with_bit
        least = right.v + products.get_vector(0, pairs * N)
        dist = [sfix._new(least.get_vector(p * N, N)) for p in range(pairs)] + dist[2 * pairs:]
        groups = [groups[2 * p] + groups[2 * p + 1] for p in range(pairs)] + groups[2 * pairs:]
    return marks


start_timer(1)
points = sfix.Matrix(N, D)
points.input_from(0)
integers = sint.Matrix(N, D)
integers.assign_vector(points.get_vector().v)
centres = sfix.Matrix(K, D)
centres.assign_vector(points.get_vector(0, K * D))
onehot = sint.Matrix(K, N)


@for_range(T)
def _(_):
    inner = centres.direct_mul_trans(points)
    norms = centres.direct_mul_trans(centres)
    marks = nearest([
        norms[j * K + j].expand_to_vector(N) - 2 * inner.get_vector(j * N, N) for j in range(K)
    ])
    for j in range(K):
        onehot[j].assign_vector(marks[j])
    counts = sint.concat([marks[j].sum() for j in range(K)])
    sums = onehot.direct_mul(integers)
    over = sfix(1, size=K) / sfix._new(counts << (16 - SHIFT))
    over = sint.concat([over.v[j].expand_to_vector(D) for j in range(K)])
    centres.assign_vector(sfix._new((sums * over).round(52, 16 + SHIFT)))


opened = cfix.Matrix(K, D)
opened.assign_vector(centres.get_vector().reveal())
stop_timer(1)
print_float_precision(7)
opened.print_reveal_nested(end='\\n')
'''


def program_text(task: Task, *, probabilistic: bool) -> str:
    """Return the program of a job.

    Parameters
    ----------
    task : Task
    probabilistic : bool
        Truncate by the cheaper protocol that MP-SPDZ has for some of its back ends.
    """
    return TEMPLATE.format(
        n=task.size.n,
        d=task.size.d,
        k=task.size.k,
        iterations=task.iterations,
        shift=count_shift(task.size, LARGEST_COUNT),
        probabilistic=probabilistic,
    )
