"""Terms of a job, and ledgers of roles, for tests."""

from typing import Any

from mpc import ClusterJob
from mpc.consent.terms import Terms
from mpc.jobs.order import Order

JOB = ClusterJob(k=2, norm_bound=1.0, value_bound=1.0, payload_bound=1.0)
ROWS = {f"client:{i}": [i] for i in range(6)}


def terms(
    *, rows: dict[str, list[int]] = ROWS, dim: int = 3, payload: int = 2, **job: Any
) -> Terms:
    given = ClusterJob.from_json({**JOB.as_json(), **job})
    order = Order(number=4, job=given, rows=rows, dim=dim, payload=payload)
    return Terms.of(order, session="hospitals", run="ab12", parties=2)
