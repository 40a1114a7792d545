"""A whole secure assignment step, two parties: ours, CrypTen as it comes, ours of an older version.

`SECFPP_BENCH_BEFORE` names a checkout of an older version, e.g. after
`git worktree add ../before 5096088`; without it that comparison is left out.

CrypTen's time is of the step alone, its inputs being shared already. Of ours, the whole job is
`session.cluster`: sharing by 100 data owners, the step, a mean to each and its reconstruction; the
step is party 0's time in the protocol, and online is that less what it spends on correlated
randomness. Versions differ in what they count as online, so their steps are compared as well.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import median

import pytest
from companions import HERE, Companions
from pytest_benchmark.fixture import BenchmarkFixture
from targets import Samples, Target, by_turns, note

N, D, K = 100, 128, 4
THAN_CRYPTEN = 3.0
THAN_BEFORE = 1 / 1.05
SESSIONS, JOBS_A_SESSION = 12, 6
BEFORE = os.environ.get("SECFPP_BENCH_BEFORE", "")
Answer = dict[str, object]


class Driver:
    """Sessions of one checkout, in processes of their own; all answers are kept.

    Where the scheduler puts the processes of a session lasts for the session, and may change a
    step's time by a quarter. Versions are compared over several sessions of each.

    Parameters
    ----------
    checkout : Path
    jobs_a_session : int, optional
        None: one session for all.
    """

    def __init__(self, checkout: Path, jobs_a_session: int | None = None) -> None:
        self.answers: list[Answer] = []
        self._checkout, self._jobs_a_session, self._jobs = checkout, jobs_a_session, 0
        self._open()

    def _open(self) -> None:
        self._peers = Companions("session_driver.py", (), [{}], checkout=self._checkout)
        started = self._peers.ask((0,), N=N, D=D, K=K)[0]
        if Path(str(started["checkout"])) != self._checkout:
            raise RuntimeError(f"{self._checkout} was to be measured, not {started['checkout']}")

    def close(self) -> None:
        self._peers.close()

    def __call__(self) -> float:
        if self._jobs_a_session and self._jobs == self._jobs_a_session:
            self.close()
            self._open()
            self._jobs = 0
            self._peers.ask((0,), job="assignment")  # warms up
        self._jobs += 1
        self.answers.append(self._peers.ask((0,), job="assignment")[0])
        return self.answers[-1]["seconds"]

    @property
    def online(self) -> float:
        """Median of party 0's time in the protocol, without correlated randomness."""
        return median(answer["seconds_online"] for answer in self.answers[1:])

    @property
    def step(self) -> float:
        """Median of party 0's time in the protocol, with correlated randomness."""
        return median(
            answer["seconds_online"] + answer["seconds_dealer"] for answer in self.answers[1:]
        )


@pytest.fixture
def ours() -> Iterator[Driver]:
    driver = Driver(HERE.parent)
    yield driver
    driver.close()


@pytest.mark.parametrize("provider", ["TTP", "TFP"])
def test_against_crypten_as_it_comes(
    benchmark: BenchmarkFixture,
    ours: Driver,
    naive: Callable[..., Callable[[str], Answer]],
    provenance: dict[str, object],
    provider: str,
) -> None:
    run = naive(provider, (N, D, K))
    mine, theirs = Samples(ours), Samples(lambda: run("assignment")["seconds"])
    by_turns(benchmark, mine, theirs, rounds=7)
    benchmark.extra_info.update(provenance, **described(ours), provider_of_crypten=provider)
    what = f"assignment, CrypTen with gloo and {provider} / ours"
    note(benchmark, faster(f"{what}, whole job", theirs.median, mine.median, THAN_CRYPTEN))
    note(benchmark, faster(f"{what}, step", theirs.median, ours.step, THAN_CRYPTEN))


@pytest.mark.skipif(not BEFORE, reason="SECFPP_BENCH_BEFORE names no checkout")
def test_against_an_older_version(
    benchmark: BenchmarkFixture, provenance: dict[str, object]
) -> None:
    with ExitStack() as stack:
        ours, older = (
            stack.enter_context(closing(Driver(checkout, JOBS_A_SESSION)))
            for checkout in (HERE.parent, Path(BEFORE).resolve())
        )
        mine, theirs = Samples(ours), Samples(older)
        by_turns(benchmark, mine, theirs, rounds=SESSIONS * JOBS_A_SESSION - 1)
    benchmark.extra_info.update(provenance, **described(ours), before=older.answers[-1])
    what = "assignment, older version / this one"
    note(benchmark, faster(f"{what}, whole job", theirs.median, mine.median, THAN_BEFORE))
    note(benchmark, faster(f"{what}, step", older.step, ours.step, THAN_BEFORE))
    note(benchmark, faster(f"{what}, online", older.online, ours.online, THAN_BEFORE))


def faster(what: str, theirs: float, ours: float, target: float) -> Target:
    return Target(
        what=what,
        ratio=theirs / ours,
        bound="at least",
        target=target,
        figures=f"{1e3 * theirs:.1f} ms / {1e3 * ours:.1f} ms",
    )


def described(driver: Driver) -> dict[str, object]:
    """Return what was measured, and the cost of the last job."""
    sizes = {"N": N, "D": D, "M": 1, "K": K}
    return {"parties": 2, "provider": "dealer", "links": "tls", **sizes, **driver.answers[-1]}
