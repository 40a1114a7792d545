"""What owners in processes of their own cost, and how many connect at once.

    python -m tests.mpc.separate_owners --clients 5000

One job of 20 owners, each a process, beside the same job with all owners in the server's process;
then the same with owners that connect anew for every job. Then a crowd of owners, whose connections
are all of one process, and the memory of each role.
"""

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from subprocess import DEVNULL, PIPE, Popen

import numpy as np
import psutil

from mpc import ClusterJob, SecureSession
from mpc.jobs.rows import encode_payload, encode_point
from mpc.net.addresses import read_addresses
from mpc.net.credential_folder import read_credentials
from mpc.net.handshake import Identity
from mpc.net.link import Link, allow_open_files
from mpc.session.owner_links import OwnerLinks
from mpc.session.session import join_session
from tests.mpc.deployment import ledger_of, make_credentials, running
from tests.mpc.soak import say

OWNERS = 20
DIM = 640
"""Of points and of payloads: descriptors of ten classes have as many."""
JOBS = 15
PATIENCE_S = 120.0
JOB = ClusterJob(
    k=5,
    centre=False,
    norm_bound=1.0,
    value_bound=1.0,
    payload_bound=1.0,
    init="random",
    restarts=64,
    iterations=3,
)


def directions(count: int, dim: int) -> np.ndarray:
    rows = np.random.default_rng(0).normal(size=(count, dim))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def seconds_of(job: Callable[[], object]) -> float:
    """Return the median time, without the first jobs."""
    took = []
    for _ in range(JOBS + 3):
        began = time.perf_counter()
        job()
        took.append(time.perf_counter() - began)
    return median(took[3:])


def compare_processes(folder: Path, *, reconnect: bool) -> None:
    """Print how many times as long a job takes with owners in processes of their own."""
    points = directions(OWNERS, DIM)
    (folder / "policy.json").write_text("{}")
    with ExitStack() as stack:
        stack.enter_context(running(folder))
        for row, point in enumerate(points):
            name = f"client:{row}"
            files = (folder, name, folder / "policy.json", ledger_of(folder, name))
            words = [sys.executable, "-m", "tests.mpc.programs.owner", *files]
            words += ["--reconnect"] if reconnect else []
            owner = Popen([*map(str, words), *map(str, point)], stdin=PIPE, stdout=DEVNULL)
            stack.callback(owner.wait)
            stack.callback(owner.kill)
        session = stack.enter_context(join_session(folder / "network.json", folder))
        rows = {f"client:{row}": [row] for row in range(OWNERS)}

        def with_processes() -> None:
            await_owners(session, OWNERS)
            session.order(JOB, rows, dim=DIM, payload=DIM)

        def in_one_process() -> None:
            session.cluster(JOB, points, points, owners=list(range(OWNERS, 2 * OWNERS)))

        separate = seconds_of(with_processes)
        time.sleep(1.0)  # until the last ones have connected anew
        how = "connecting anew for each job" if reconnect else "staying connected"
        say(f"{OWNERS} processes, {how}: {separate / seconds_of(in_one_process):.2f} times")


def await_owners(session: SecureSession, count: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while len(session.present()) < count:
        assert time.monotonic() < deadline, "owners do not connect"
        time.sleep(0.002)


def measure_crowd(folder: Path, count: int) -> None:
    """Print how long a crowd takes to connect and to finish a job, and the memory of each role."""
    addresses, dim = read_addresses(folder / "network.json"), 16
    points = directions(count, dim)
    job = ClusterJob(k=5, centre=False, norm_bound=1.0, value_bound=1.0, payload_bound=1.0)
    rows = {f"client:{row}": [row] for row in range(count)}
    allow_open_files(2 * count)
    with ExitStack() as stack:
        roles = stack.enter_context(running(folder))
        session = stack.enter_context(join_session(folder / "network.json", folder))
        crowd = [
            OwnerLinks(
                Identity(
                    role=name,
                    session=addresses.session,
                    credentials=read_credentials(folder, name),
                ),
                addresses,
                timeout_s=PATIENCE_S,
            )
            for name in rows
        ]
        before = {role: megabytes(process.pid) for role, process in roles.items()}
        began = time.perf_counter()
        with ThreadPoolExecutor(256) as pool:
            owners = list(pool.map(lambda links: links.connected(None), crowd))
        connected = time.perf_counter() - began
        began = time.perf_counter()
        server = threading.Thread(
            target=session.order, args=(job, rows), kwargs={"dim": dim, "payload": dim}
        )
        server.start()
        for owner, point in zip(owners, points, strict=True):
            terms = owner.hear(job=1, wait=patiently)
            ring = np.concatenate(
                [encode_point(point[None], job), encode_payload(point[None], job)], 1
            )
            owner.send(ring, job=1, digest=terms.digest)
        sizes = [owner.receive((1, dim + 1), job=1, wait=patiently)[0, -1] for owner in owners]
        server.join()
        assert min(sizes) > 0
        took = time.perf_counter() - began
        say(f"{count} owners: connected in {connected:.0f} s, job {took:.1f} s")
        for role, process in roles.items():
            now = megabytes(process.pid)
            say(f"{role}: {now:.0f} MB, {(now - before[role]) / count:.2f} MB an owner")


def patiently(link: Link) -> None:
    assert link.readable_within(PATIENCE_S), link.peer


def megabytes(pid: int) -> float:
    return float(psutil.Process(pid).memory_info().rss / 2**20)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=5000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        few = make_credentials(Path(place) / "few", clients=2 * OWNERS)
        for reconnect in (False, True):
            compare_processes(few, reconnect=reconnect)
        measure_crowd(make_credentials(Path(place) / "many", clients=asked.clients), asked.clients)


if __name__ == "__main__":
    main()
