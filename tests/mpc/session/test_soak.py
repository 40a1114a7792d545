"""A short soak: roles are killed, stopped and started again while jobs go on."""

from pathlib import Path

import pytest

from mpc.consent.chain import read_ledger
from tests.mpc.deployment import ledger_of
from tests.mpc.soak import sizes, soaking

pytestmark = pytest.mark.slow

SEED = 7


@pytest.mark.timeout(400)
def test_nothing_is_wrong_lost_or_left_hanging(tmp_path: Path) -> None:
    with soaking(tmp_path / "certs", SEED) as soak:
        soak.run_jobs(120.0, hurting=False, most=10)
        before = sizes(soak)
        soak.run_jobs(120.0, hurting=False, most=100)
        after = sizes(soak)
        soak.run_jobs(25.0, hurting=True)
        soak.let_go_on(at_once=True)
        done = soak.done
        soak.run_jobs(120.0, hurting=False, most=3)
        assert soak.done >= done + 3, "jobs do not go on"
        soak.check()
        assert sum(soak.hurt.values()) >= 5
        assert soak.done >= 100
        assert sum(1 for _ in soak.results()) > 100
        for role, size in before.items():
            assert after[role].files <= size.files + 2, role
            assert after[role].megabytes < size.megabytes + 30, role
        ended = read_ledger(ledger_of(soak.folder, "party:0")).lines
        assert {line.event for line in ended} >= {"session began", "agreed", "done"}
