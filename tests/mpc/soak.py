"""Parties, dealer and owners that are killed, stopped and started again at random while jobs go on.

    python -m tests.mpc.soak --minutes 30

What must hold: no job takes longer than the time-outs allow; whatever an owner is told is right; no
line of a ledger is lost; nobody ends by itself; open files and memory do not grow.
"""

import argparse
import json
import math
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

from mpc import ClusterJob, SecureSession
from mpc.consent.chain import read_ledger
from mpc.consent.compare import differences
from mpc.errors import MpcError
from mpc.session.session import join_session
from tests.mpc.deployment import ROLES, ledger_of, make_credentials

POINTS = np.array([[0.0, 1], [0.5, 1], [1, 4], [9, 8], [9.5, 9], [10, 7]])
OWNERS = [f"client:{row}" for row in range(len(POINTS))]
MEANS = np.repeat([POINTS[:3].mean(axis=0), POINTS[3:].mean(axis=0)], 3, axis=0)
JOB = ClusterJob(k=2, norm_bound=16.0, value_bound=16.0, payload_bound=16.0)
QUORUM = 5
TIMEOUT_S = 4
JOB_WITHIN_S = 90.0
"""A job may wait for silent owners at both parties, and for parties that form a session."""


@dataclass
class Soak:
    """Everything that runs, and what was seen.

    Parameters
    ----------
    folder : Path
    rng : random.Random
        Chooses who is hurt, how, and when.
    """

    folder: Path
    rng: random.Random
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    stopped: dict[str, float] = field(default_factory=dict)
    """When a stopped process goes on."""
    hurt: Counter[str] = field(default_factory=Counter)
    done: int = 0
    given_up: int = 0
    slowest_s: float = 0.0

    def start(self, role: str) -> None:
        if role in ROLES:
            files = ("--network", self.folder / "network.json", "--certs", self.folder)
            more = ("--timeout-s", TIMEOUT_S, "--ledger", ledger_of(self.folder, role))
            words = ["-m", "secfpp.cli", *ROLES[role], *files, *more]
        else:
            policy, ledger = self.folder / "owners.json", ledger_of(self.folder, role)
            row = POINTS[int(role.split(":")[1])]
            words = ["-m", "tests.mpc.programs.owner", self.folder, role, policy, ledger, *row]
        said = self.said_by(role).open("ab")
        self.processes[role] = subprocess.Popen(
            [sys.executable, *map(str, words)],
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=said,
            env={**os.environ, "OWNER_TIMEOUT_S": str(TIMEOUT_S)},
        )
        said.close()

    def said_by(self, role: str) -> Path:
        return self.folder / f"said-{role.replace(':', '-')}"

    def hurt_somebody(self) -> None:
        """Kill a role and start it again, or stop one for some seconds."""
        role = self.rng.choice([*ROLES, *OWNERS])
        if role in self.stopped:
            return
        process = self.processes[role]
        if self.rng.random() < 0.5:
            self.hurt[f"{role} killed"] += 1
            process.kill()
            _reap(process)
            self.start(role)
        else:
            self.hurt[f"{role} stopped"] += 1
            process.send_signal(signal.SIGSTOP)
            self.stopped[role] = time.monotonic() + self.rng.uniform(0.2, 2.0 * TIMEOUT_S)

    def let_go_on(self, *, at_once: bool = False) -> None:
        """Continue stopped processes whose time has come."""
        for role, until in list(self.stopped.items()):
            if at_once or time.monotonic() > until:
                self.processes[role].send_signal(signal.SIGCONT)
                del self.stopped[role]

    def run_jobs(self, seconds: float, *, hurting: bool, most: float = math.inf) -> None:
        """Run one job after another; hurt somebody now and then."""
        until = time.monotonic() + seconds
        next_hurt = time.monotonic() + 2.0
        session: SecureSession | None = None
        until_done = self.done + most
        while time.monotonic() < until and self.done < until_done:
            if hurting and time.monotonic() > next_hurt:
                self.hurt_somebody()
                next_hurt = time.monotonic() + self.rng.uniform(0.5, 4.0)
            self.let_go_on()
            self._check_alive()
            began = time.monotonic()
            try:
                session = session or join_session(
                    self.folder / "network.json", self.folder, timeout_s=4 * TIMEOUT_S
                )
                self._one_job(session)
            except MpcError:
                self.given_up += 1
                if session is not None and session._broken:
                    session = None
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)
        if session is not None:
            session.close()

    def _check_alive(self) -> None:
        for role, process in self.processes.items():
            assert process.poll() is None, (role, self.said_by(role).read_text()[-2000:])

    def _one_job(self, session: SecureSession) -> None:
        names = session.present()
        if len(names) < QUORUM:
            time.sleep(0.1)
            return
        rows = {name: [row] for row, name in enumerate(names)}
        session.order(JOB, rows, dim=2, payload=2)
        self.done += 1

    def results(self) -> Iterator[tuple[str, dict[str, object]]]:
        """Yield what owners were told."""
        for role in OWNERS:
            for line in self.said_by(role).read_text().splitlines():
                with suppress(ValueError):  # cut off by a kill, or a warning
                    said = json.loads(line)
                    if "mean" in said:
                        yield role, said

    def check(self) -> None:
        """Raise unless all that was told is right, and all ledgers agree."""
        assert self.slowest_s < JOB_WITHIN_S, self.slowest_s
        for role, said in self.results():
            if said["size"] == 3:
                expected = MEANS[int(role.split(":")[1])]
                np.testing.assert_allclose(np.array(said["mean"], float), expected, atol=1e-4)
            else:  # a cluster of two, one of whom was away
                assert said["size"] == -1, (role, said)
        ledgers = [read_ledger(ledger_of(self.folder, role)) for role in (*ROLES, *OWNERS)]
        assert list(differences(ledgers)) == []

    def end(self) -> None:
        self.let_go_on(at_once=True)
        for role, process in self.processes.items():
            process.terminate() if role in ROLES else process.kill()
        for process in self.processes.values():
            _reap(process)


def _reap(process: subprocess.Popen[bytes]) -> None:
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=20)
    if process.poll() is None:
        process.kill()
        process.wait()
    if process.stdin is not None:
        process.stdin.close()


@contextmanager
def soaking(folder: Path, seed: int) -> Iterator[Soak]:
    """Start everything, and end it."""
    make_credentials(folder, clients=len(OWNERS))
    (folder / "owners.json").write_text("{}")
    soak = Soak(folder, random.Random(seed))
    with ExitStack() as stack:
        stack.callback(soak.end)
        for role in (*ROLES, *OWNERS):
            soak.start(role)
        yield soak


@dataclass(frozen=True)
class Size:
    """Open files and memory of a process."""

    files: int
    megabytes: float


def sizes(soak: Soak, roles: Sequence[str] = tuple(ROLES)) -> dict[str, Size]:
    found = {}
    for role in roles:
        process = psutil.Process(soak.processes[role].pid)
        found[role] = Size(process.num_fds(), process.memory_info().rss / 2**20)
    return found


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    parser.add_argument("--jobs", type=int, default=500, help="jobs in peace, for growth")
    asked = parser.parse_args()
    say(f"seed {asked.seed}")
    with tempfile.TemporaryDirectory() as place, soaking(Path(place) / "certs", asked.seed) as soak:
        soak.run_jobs(120.0, hurting=False, most=20)
        before = sizes(soak)
        soak.run_jobs(1e9, hurting=False, most=asked.jobs)
        after = sizes(soak)
        for role in ROLES:
            say(f"{role}: {before[role]} -> {after[role]} in {asked.jobs} jobs")
        soak.run_jobs(60.0 * asked.minutes, hurting=True)
        soak.let_go_on(at_once=True)
        soak.run_jobs(60.0, hurting=False, most=5)
        soak.check()
        told = sum(1 for _ in soak.results())
        say(f"{soak.done} jobs done, {soak.given_up} given up; {told} results, all right")
        say(f"slowest {soak.slowest_s:.1f} s; {sum(soak.hurt.values())} hurt: {dict(soak.hurt)}")


if __name__ == "__main__":
    main()
