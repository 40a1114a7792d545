"""How long a session takes from call to ready, and a further job in an open one."""

import subprocess
import sys
import time
from contextlib import ExitStack

import numpy as np
from companions import HERE
from pytest_benchmark.fixture import BenchmarkFixture
from targets import Samples, Target, by_turns, note

from mpc import ClusterJob, SecureSession, open_session

BARE = """
import sys, torch
import torch.onnx._internal.torchscript_exporter.registration as moved
sys.modules["torch.onnx._internal.registration"] = moved  # where CrypTen looks for it
import crypten
"""
OURS = "import mpc.engine._crypten"


def test_start_of_a_session(benchmark: BenchmarkFixture, provenance: dict[str, object]) -> None:
    bare, wrapped = Samples(lambda: fresh_process(BARE)), Samples(lambda: fresh_process(OURS))
    with ExitStack() as stack:

        def start() -> float:
            stack.close()
            started = time.perf_counter()
            stack.enter_context(open_session(2))
            return time.perf_counter() - started

        opened = Samples(start)
        by_turns(benchmark, opened, bare, wrapped, rounds=3)
    benchmark.extra_info.update(provenance, parties=2, provider="dealer", links="tls")
    for name, of in {"import torch, crypten": bare, "import mpc.engine._crypten": wrapped}.items():
        target = Target(
            what=f"start of a session / {name}",
            ratio=opened.median / of.median,
            bound="at most",
            target=1.5,
            figures=f"{opened.median:.2f} s / {of.median:.2f} s",
        )
        note(benchmark, target)


def test_a_further_job(benchmark: BenchmarkFixture, provenance: dict[str, object]) -> None:
    points_ND = np.eye(4, 2)
    job = ClusterJob(k=1, iterations=1)
    with open_session(2) as session:
        seconds = Samples(lambda: one_job(session, job, points_ND))
        by_turns(benchmark, seconds, rounds=21)
    benchmark.extra_info.update(provenance, parties=2, provider="dealer", links="tls")
    target = Target(
        what="a further job in an open session (N=4, D=2, k=1), ms",
        ratio=1e3 * seconds.median,
        bound="no target",
        target=0.0,
        figures="milliseconds, not a ratio",
    )
    note(benchmark, target)


def fresh_process(code: str) -> float:
    """Return the seconds that some imports take, with start and end of the interpreter."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, cwd=HERE.parent, timeout=120)
    return time.perf_counter() - started


def one_job(session: SecureSession, job: ClusterJob, points_ND: np.ndarray) -> float:
    """Return the seconds of one job."""
    started = time.perf_counter()
    session.cluster(job, points_ND, points_ND)
    return time.perf_counter() - started
