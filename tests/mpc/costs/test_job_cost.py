"""Rounds and payload bytes of real jobs are exactly those of a dry run, and of closed forms."""

from dataclasses import replace

import numpy as np
import pytest

from mpc import ClusterJob, ClusterResult, SecureSession
from mpc.clustering.pipeline import by_gram_alone
from mpc.costs.job_cost import Cost, job_cost, total
from mpc.gates.comparison_choice import Comparing
from mpc.gates.lut_comparison import plan_of
from mpc.jobs.bounds import with_bounds
from mpc.net.frames import HEADER_BYTES
from mpc.ring.fixedpoint import COMPARED_BITS
from mpc.roles.dry_run import JobShape
from tests.mpc.costs.closed_forms import closed_form_of
from tests.mpc.costs.operation_costs import Sizes
from tests.mpc.costs.warm_forms import closed_form_at_rows, closed_form_by_gram

JOBS = {
    "gram": (ClusterJob(k=3), 20, 12),
    "rows": (ClusterJob(k=3), 30, 4),
    "no minimum size": (ClusterJob(k=2, min_cluster_size=1), 12, 6),
    "one cluster": (ClusterJob(k=1), 9, 5),
    "limit": (ClusterJob(k=4, iterations=3), 60, 5),
    "one iteration": (ClusterJob(k=4, iterations=1), 40, 30),
    "given rows, gram": (ClusterJob(k=3, init_rows=(4, 2, 9)), 14, 8),
    "given rows, rows": (ClusterJob(k=3, init_rows=(4, 2, 9)), 33, 8),
    "restarts, gram": (ClusterJob(k=3, init="k-means++", restarts=4), 20, 12),
    "restarts, rows": (ClusterJob(k=4, init="k-means++", restarts=3), 40, 6),
    "more than 16": (ClusterJob(k=18, iterations=3), 40, 6),
    "tournament of points": (ClusterJob(k=3, iterations=2), 120, 3),
    "k chosen, gram": (ClusterJob(k=None, k_max=5), 24, 12),
    "k chosen, rows": (ClusterJob(k=None, k_max=5), 24, 2),
    "k chosen of one": (ClusterJob(k=None, k_max=1), 8, 3),
    "k chosen, assignments": (ClusterJob(k=None, k_max=3, reveal="assignments"), 20, 5),
    "restarts, assignments": (
        ClusterJob(k=2, init="k-means++", restarts=2, reveal="assignments"),
        20,
        5,
    ),
    "many, gram": (ClusterJob(k=9, iterations=3), 64, 40),
    "many, rows": (ClusterJob(k=8, iterations=3), 70, 6),
    "many, restarts": (ClusterJob(k=5, init="k-means++", restarts=3, iterations=2), 80, 8),
    "many, k chosen": (ClusterJob(k=None, k_max=8, iterations=3), 60, 3),
    "many, keys": (ClusterJob(k=8, iterations=3, comparisons="fss"), 70, 6),
    "few, digits": (ClusterJob(k=3, iterations=3, comparisons="lut"), 20, 12),
    "few, digits, k chosen": (ClusterJob(k=None, k_max=4, comparisons="lut"), 24, 2),
    "assignments of many": (ClusterJob(k=8, iterations=2, reveal="assignments"), 70, 6),
    "assignments": (ClusterJob(k=3, reveal="assignments"), 25, 7),
    "assignments, given": (ClusterJob(k=3, reveal="assignments", init_rows=(0, 1, 2)), 25, 7),
    "boolean": (ClusterJob(k=4, iterations=3, comparisons="boolean"), 40, 6),
    "circuits, restarts": (
        ClusterJob(k=3, init="k-means++", restarts=2, comparisons="boolean"),
        20,
        12,
    ),
    "circuits, k chosen": (ClusterJob(k=None, k_max=4, comparisons="boolean"), 24, 2),
    "distances": (ClusterJob(k=3, reveal="distances"), 15, 9),
    "not centred": (ClusterJob(k=2, centre=False, iterations=1), 12, 6),
    "far from the origin": (ClusterJob(k=2, value_bound=2.0**24, iterations=1), 12, 6),
    "standardized": (ClusterJob(k=2, standardize=True, iterations=1), 12, 6),
    "standardized, far": (
        ClusterJob(k=2, standardize=True, value_bound=2.0**22, iterations=1),
        12,
        6,
    ),
    "leaders": (ClusterJob(k=3, init="leaders"), 20, 12),
    "leaders, four starts": (ClusterJob(k=5, init="leaders", restarts=4), 20, 12),
    "leaders, few dimensions": (ClusterJob(k=4, init="leaders", restarts=2), 24, 3),
    "leaders, once": (ClusterJob(k=3, init="leaders", restarts=3, iterations=1), 18, 12),
    "leaders, far": (ClusterJob(k=3, init="leaders", value_bound=2.0**24, iterations=2), 16, 8),
    "leaders, standardized": (ClusterJob(k=2, init="leaders", standardize=True), 12, 6),
    "leaders, not centred": (ClusterJob(k=4, init="leaders", restarts=4, centre=False), 20, 30),
    "leaders, assignments": (
        ClusterJob(k=3, init="leaders", restarts=2, reveal="assignments"),
        20,
        12,
    ),
    "leaders, circuits": (
        ClusterJob(k=3, init="leaders", restarts=2, comparisons="boolean", iterations=3),
        12,
        8,
    ),
    "leaders, keys": (ClusterJob(k=3, init="leaders", restarts=2, comparisons="fss"), 12, 8),
    "random rows": (ClusterJob(k=3, init="random"), 20, 12),
    "random rows, many starts": (ClusterJob(k=5, init="random", restarts=64), 20, 12),
    "random rows, once": (ClusterJob(k=3, init="random", restarts=20, iterations=1), 18, 12),
    "random rows, twice": (ClusterJob(k=3, init="random", restarts=20, iterations=2), 18, 12),
    "random rows, one cluster": (ClusterJob(k=1, init="random", restarts=3), 9, 12),
    "random rows, more than 16": (ClusterJob(k=17, init="random", restarts=2), 20, 12),
    "random rows, far": (ClusterJob(k=3, init="random", value_bound=2.0**24), 16, 8),
    "random rows, not centred": (ClusterJob(k=4, init="random", restarts=4, centre=False), 20, 30),
    "random rows, assignments": (
        ClusterJob(k=3, init="random", restarts=9, reveal="assignments"),
        20,
        12,
    ),
    "random rows, circuits": (
        ClusterJob(k=3, init="random", restarts=5, comparisons="boolean", iterations=3),
        12,
        8,
    ),
    "random rows, keys": (ClusterJob(k=3, init="random", restarts=5, comparisons="fss"), 12, 8),
    "random rows, by rows": (ClusterJob(k=4, init="random", restarts=7), 40, 6),
    "random rows, one start by rows": (ClusterJob(k=4, init="random"), 40, 6),
    "random rows, k chosen": (ClusterJob(k=None, k_max=5, init="random", restarts=20), 24, 12),
    "random rows, k chosen by rows": (
        ClusterJob(k=None, k_max=4, init="random", restarts=9, iterations=4),
        24,
        2,
    ),
    "random rows, k chosen of one": (ClusterJob(k=None, k_max=1, init="random"), 8, 3),
    "random rows, k chosen, one start": (ClusterJob(k=None, k_max=4, init="random"), 20, 12),
    "random rows, k chosen, assignments": (
        ClusterJob(k=None, k_max=3, init="random", restarts=8, reveal="assignments", iterations=2),
        20,
        12,
    ),
    "warm": (ClusterJob(k=3, start="warm"), 20, 12),
    "warm, rows": (ClusterJob(k=3, start="warm"), 30, 4),
    "warm, once": (ClusterJob(k=3, start="warm", warm_iterations=1), 20, 12),
    "warm, far": (ClusterJob(k=3, start="warm", value_bound=2.0**24), 20, 12),
    "warm, assignments": (ClusterJob(k=3, start="warm", reveal="assignments"), 20, 12),
    "warm, k left open": (ClusterJob(k=None, k_max=4, start="warm"), 24, 12),
    "beside leaders": (ClusterJob(k=5, init="leaders", restarts=4, start="both"), 20, 12),
    "beside leaders, once": (
        ClusterJob(k=5, init="leaders", restarts=2, start="both", iterations=1),
        20,
        12,
    ),
    "beside random rows": (ClusterJob(k=5, init="random", restarts=30, start="both"), 20, 12),
    "beside random rows, by rows": (
        ClusterJob(k=4, init="random", restarts=3, start="both"),
        40,
        6,
    ),
    "beside k-means++": (ClusterJob(k=3, init="k-means++", restarts=2, start="both"), 20, 12),
    "beside farthest-first, rows": (ClusterJob(k=3, start="both"), 30, 4),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", JOBS)
def test_a_job_costs_what_a_dry_run_and_closed_forms_say(
    secure_session: SecureSession, name: str
) -> None:
    job, n, d = JOBS[name]
    m = 5
    rng = np.random.default_rng(1)
    points, payload = rng.normal(size=(n, d)), rng.normal(size=(n, m))
    points /= np.linalg.norm(points, axis=1).max()
    job = with_bounds(job, points, payload)
    owners = [row % 5 for row in range(n)]
    if job.start != "fresh":
        secure_session.cluster(replace(job, start="fresh"), points, payload, owners=owners)
    result = secure_session.cluster(job, points, payload, owners=owners)
    assert result.start == job.start
    job = as_settled(job, result)
    parties = secure_session.num_parties
    sizes = Sizes(
        num_points=n,
        dim=d,
        payload=m,
        parties=Comparing(parties, job.comparisons),
        owners=5,
        most_rows=-(-n // 5),
    )
    shape = JobShape(
        job=job, num_points=n, dim=d, payload=m, num_parties=parties, owner_of_N=tuple(owners)
    )
    converged = f"iteration {result.iterations + 1}" in {s.name for s in result.traffic.steps}
    ends = {"iterations": result.iterations, "converged": converged}
    steps = job_cost(shape, **ends)  # type: ignore[arg-type]
    assert online(steps) == online(form_of(job, sizes, **ends))  # type: ignore[arg-type]
    found = {step.name: (step.rounds, step.payload_sent) for step in result.traffic.steps}
    assert found == {
        step: (cost.rounds, (parties - 1) * cost.online) for step, cost in steps.items()
    }
    assert result.traffic.rounds_online == total(list(steps.values())).rounds
    assert dealt(result) == asked_for(shape, steps)
    assert dealt(result) == in_closed_form(job, steps, sizes)


def as_settled(job: ClusterJob, result: ClusterResult) -> ClusterJob:
    """Return the job as the parties did it, from its result."""
    if result.start != "warm":
        return job
    return replace(job, k=result.k, iterations=job.warm_iterations or job.iterations)


def form_of(job: ClusterJob, sizes: Sizes, *, iterations: int, converged: bool) -> dict[str, Cost]:
    """Return the closed form of a job, by whichever way it checks its points."""
    by_gram = by_gram_alone(job, sizes.num_points, sizes.dim)
    if job.by_random_rows and not by_gram:
        return closed_form_at_rows(job, sizes, iterations=iterations, converged=converged)
    form = closed_form_by_gram if by_gram else closed_form_of
    return form(job, sizes, iterations=iterations, converged=converged)


def bounded(**given: int) -> ClusterJob:
    """Describe a job whose bounds are known."""
    return ClusterJob(norm_bound=1.0, value_bound=1.0, payload_bound=1.0, **given)  # type: ignore[arg-type]


def online(steps: dict[str, Cost]) -> dict[str, tuple[int, int]]:
    return {name: (cost.rounds, cost.online) for name, cost in steps.items()}


@pytest.mark.parametrize(("n", "d", "k"), [(20, 1280, 5), (100, 128, 4), (40, 10, 8)])
def test_the_closed_form_of_a_later_iteration(n: int, d: int, k: int) -> None:
    sizes = Sizes(num_points=n, dim=d, payload=1, parties=Comparing(2, "fss"))
    cost = closed_form_of(bounded(k=k, iterations=3), sizes, iterations=3, converged=False)
    elements = 4 * n * k - n + 6 * k + (0 if sizes.by_gram else d * k)
    assert (cost["iteration 3"].rounds, cost["iteration 3"].online) == (5, 8 * elements + 16)


@pytest.mark.parametrize("parties", [2, 3])
@pytest.mark.parametrize(("n", "d", "k"), [(100, 512, 8), (1000, 128, 8), (5000, 512, 16)])
def test_the_closed_form_by_digits(n: int, d: int, k: int, parties: int) -> None:
    sizes = Sizes(num_points=n, dim=d, payload=1, parties=Comparing(parties))
    cost = closed_form_of(bounded(k=k, iterations=3), sizes, iterations=3, converged=False)
    pair_signs = n * k * (k - 1) // 2
    elements = 4 * n * k - n + 6 * k + (0 if sizes.by_gram else d * k)
    online = 8 * (elements + -(-11 * pair_signs // 64)) + 16
    assert (cost["iteration 3"].rounds, cost["iteration 3"].online) == (6, online)
    each = plan_of(COMPARED_BITS, 4).bytes_per_number
    assert each == 120
    assert cost["iteration 3"].dealer_to_first > each * pair_signs
    keys_of_look_ups = cost["iteration 3"].dealer_to_others
    assert keys_of_look_ups < each * pair_signs // 5


def dealt(result: ClusterResult) -> int:
    """Payload bytes of tuples that the dealer sent to all parties, as it counted."""
    sent = [
        (entry.bytes_sent, entry.frames_sent)
        for entry in result.traffic.operations
        if entry.role == "dealer" and entry.operation.endswith("correction")
    ]
    return sum(n for n, _ in sent) - HEADER_BYTES * sum(frames for _, frames in sent)


def iterations_dealt(job: ClusterJob, steps: dict[str, Cost]) -> int:
    """Whole iterations that the dealer was asked for, also one that is cut short or in vain."""
    count = sum(name.startswith("iteration ") for name in steps)
    if job.reveal == "assignments" and not job.opens_labels_last:
        count = min(count + 1, job.iterations)
    return count


def asked_for(shape: JobShape, steps: dict[str, Cost]) -> int:
    count = iterations_dealt(shape.job, steps)
    return to_all(job_cost(shape, iterations=count), shape.num_parties)


def in_closed_form(job: ClusterJob, steps: dict[str, Cost], sizes: Sizes) -> int:
    count = iterations_dealt(job, steps)
    costs = form_of(job, sizes, iterations=count, converged=False)
    return to_all(costs, sizes.parties.num_parties)


def to_all(steps: dict[str, Cost], num_parties: int) -> int:
    cost = total(steps.values())
    return cost.dealer_to_first + (num_parties - 1) * cost.dealer_to_others
