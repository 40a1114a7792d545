"""A program that runs jobs on a loopback of its own and prints what each cost, as JSON.

`python -m tests.mpc.programs.counted_jobs LINKS`, under `tests.mpc.namespaces.private_loopback`.
"""

import json
import sys
import time

import numpy as np

from mpc import ClusterJob, SecureSession, open_session
from mpc.session.stamps import Links
from mpc.traffic import Traffic
from tests.mpc.namespaces import bring_loopback_up, loopback_sent

JOBS = {
    "large": (100, 2048, 4096, 4, 4),
    "small": (6, 4, 4, 6, 2),
}
"""N points, D dimensions, M of the payload, data owners, K clusters: so few that keys are small."""
TIMES = 3


def main() -> None:
    bring_loopback_up()
    links: Links = "plain" if sys.argv[1] == "plain" else "tls"
    with open_session(2, links=links, insecure_dev=True) as session:
        costs = {name: cost_of(session, *shape) for name, shape in JOBS.items()}
    sys.stdout.write(json.dumps(costs))


def cost_of(session: SecureSession, n: int, d: int, m: int, owners: int, k: int) -> dict[str, int]:
    """Run a job, so that all links are open, then count it anew until little is sent twice.

    What finds no room at a busy receiver is sent again, up to 64 kB at a time on this interface.
    """
    rng = np.random.default_rng(0)
    points_ND = rng.normal(size=(n, d)) / d
    payload_NM = rng.normal(size=(n, m))
    held = [row % owners for row in range(n)]
    session.cluster(ClusterJob(k=k), points_ND, payload_NM, held)
    costs = []
    for _ in range(1 if m > 1000 else TIMES):
        bytes_before, packets_before = when_quiet()
        traffic = session.cluster(ClusterJob(k=k), points_ND, payload_NM, held).traffic
        bytes_after, packets_after = when_quiet()
        costs.append(
            {
                "interface_bytes": bytes_after - bytes_before,
                "interface_packets": packets_after - packets_before,
                **carried(traffic),
            }
        )
    return min(costs, key=lambda cost: cost["interface_bytes"])


def carried(traffic: Traffic) -> dict[str, int]:
    """Add up what was sent, each byte once: the parties' ends of control links are not counted."""
    control = [role for role in traffic.roles if role.phase == "control"]
    others = [role for role in traffic.roles if role.phase != "control"]
    return {
        "bytes": sum(r.bytes_sent for r in others) + sum(r.bytes_total for r in control),
        "frames": sum(r.frames_sent for r in others)
        + sum(r.frames_sent + r.frames_received for r in control),
        "bytes_wire": sum(r.bytes_wire_sent or 0 for r in others)
        + sum((r.bytes_wire_sent or 0) + (r.bytes_wire_received or 0) for r in control),
        "bytes_sent": sum(r.bytes_sent for r in others),
        "bytes_received": sum(r.bytes_received for r in others),
        "frames_sent": sum(r.frames_sent for r in others),
        "frames_received": sum(r.frames_received for r in others),
    }


def when_quiet() -> tuple[int, int]:
    """Wait until nothing moves for some tenths of a second; return what the interface sent."""
    deadline = time.monotonic() + 20
    last, since = loopback_sent(), time.monotonic()
    while time.monotonic() < deadline:
        time.sleep(0.05)
        now = loopback_sent()
        if now != last:
            last, since = now, time.monotonic()
        elif time.monotonic() - since > 0.4:
            return now
    raise AssertionError("the loopback interface never became quiet")


if __name__ == "__main__":
    main()
