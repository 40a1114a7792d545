"""Jobs that one party or both refuse leave parties and dealer in step with one another."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mpc import ClusterJob
from mpc.errors import ConsentError
from mpc.session.session import join_session
from tests.mpc.deployment import make_credentials, running
from tests.patience import SOON_S

N = 8
POINTS = np.random.default_rng(0).normal(size=(N, 2)) / 4
JOB = ClusterJob(k=2, iterations=5, norm_bound=2.0, value_bound=2.0, payload_bound=2.0)
LONG = replace(JOB, iterations=20)
WIDE = replace(JOB, norm_bound=4.0)
BOTH = replace(LONG, norm_bound=4.0)


@pytest.mark.slow
def test_any_order_of_refused_and_allowed_jobs(tmp_path: Path) -> None:
    folder = make_credentials(tmp_path / "certs", clients=N)
    policies: dict[str, dict[str, object]] = {
        "party:0": {"max_iterations": 15},
        "party:1": {"max_norm_bound": 3.0},
    }
    with (
        running(folder, policies),
        join_session(folder / "network.json", folder, timeout_s=SOON_S) as session,
    ):
        expected = session.cluster(JOB, POINTS, POINTS).means_NM
        for job, by in ((LONG, {"party:0"}), (WIDE, {"party:1"}), (BOTH, {"party:0", "party:1"})):
            for _ in range(2):
                with pytest.raises(ConsentError) as caught:
                    session.cluster(job, POINTS, POINTS)
                assert {each["role"] for each in caught.value.refusals} == by
            again = session.cluster(JOB, POINTS, POINTS).means_NM
            assert np.allclose(again, expected, atol=1e-6)
