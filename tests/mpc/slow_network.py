"""A network between roles on this machine: messages are held back as a slow link would do it.

Every host sends and receives at a bandwidth, and each byte arrives half a round trip later. Data
owners and the server have hosts without a bandwidth. It runs as a process of its own, so that the
roles' own work does not hold it up.
"""

import json
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.patience import SOON_S

_CHUNK = 1 << 14
_CHECKOUT = Path(__file__).parents[2]


@dataclass
class Host:
    """When a host's link is free again, in each direction."""

    bits_per_s: float
    out_free: float = 0.0
    in_free: float = 0.0


@dataclass
class Wire:
    """Reckons when bytes from one host arrive at another."""

    way_s: float
    lock: threading.Lock = field(default_factory=threading.Lock)

    def arrival(self, source: Host, target: Host, num_bytes: int) -> float:
        """Return when the last of these bytes arrives, monotonic seconds."""
        with self.lock:
            leaves = max(time.monotonic(), source.out_free)
            enters = max(leaves, target.in_free)
            source.out_free = leaves + 8 * num_bytes / source.bits_per_s
            target.in_free = enters + 8 * num_bytes / target.bits_per_s
            return max(source.out_free, target.in_free) + self.way_s


def _carry(
    wire: Wire, source: Host, target: Host, ends: tuple[socket.socket, socket.socket]
) -> None:
    """Carry bytes one way until either end closes."""
    here, there = ends
    waiting: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()

    def deliver() -> None:
        with suppress(OSError):
            while True:
                due, data = waiting.get()
                time.sleep(max(0.0, due - time.monotonic()))
                if not data:
                    there.shutdown(socket.SHUT_WR)
                    return
                there.sendall(data)

    threading.Thread(target=deliver, daemon=True).start()
    data = b"."
    while data:
        try:
            data = here.recv(_CHUNK)
        except OSError:
            data = b""
        waiting.put((wire.arrival(source, target, len(data)), data))


def _reach(port: int) -> socket.socket:
    """Connect to a role, which may not listen yet."""
    until = time.monotonic() + SOON_S
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=SOON_S)
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def _relay(wire: Wire, hosts: dict[str, Host], route: Sequence[object]) -> None:
    """Accept connections of one role to another for ever."""
    source, target, port, behind = route
    listener = socket.create_server(("127.0.0.1", int(str(port))), backlog=4096)
    while True:
        near, _ = listener.accept()
        far = _reach(int(str(behind)))
        for end in (near, far):
            end.settimeout(None)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ends = ((source, target, (near, far)), (target, source, (far, near)))
        for one, other, pair in ends:
            threading.Thread(
                target=_carry,
                args=(wire, hosts[str(one)], hosts[str(other)], pair),
                daemon=True,
            ).start()


def main() -> None:
    """Read the network from standard input, and carry bytes until it closes."""
    told = json.loads(sys.stdin.readline())
    wire = Wire(way_s=told["round_trip_s"] / 2)
    names = {name for route in told["routes"] for name in route[:2]}
    hosts = {
        name: Host(float("inf") if name == "outside" else told["bits_per_s"]) for name in names
    }
    for route in told["routes"]:
        threading.Thread(target=_relay, args=(wire, hosts, route), daemon=True).start()
    sys.stdin.read()
    os._exit(0)


@contextmanager
def slow_network(
    folder: Path, ports: Sequence[int], *, round_trip_s: float, bits_per_s: float
) -> Iterator[dict[str, Path]]:
    """Join the roles of a deployment by a slow network.

    Parameters
    ----------
    folder : Path
        With `network.json`; a network file for each role is written to it.
    ports : sequence of int
        Free ports, twelve for two parties.
    round_trip_s, bits_per_s : float

    Yields
    ------
    dict of str to Path
        The network file of each role, and of `outside` for the server and the owners.
    """
    network = json.loads((folder / "network.json").read_text())
    places = {f"party:{rank}": place for rank, place in enumerate(network["parties"])}
    places["dealer"] = network["dealer"]
    free = iter(ports)
    routes, files = [], {}
    for source in (*places, "outside"):
        seen = dict(places)
        for target in places:
            if target != source:
                port = next(free)
                routes.append((source, target, port, int(places[target].rsplit(":", 1)[1])))
                seen[target] = f"127.0.0.1:{port}"
        files[source] = folder / f"network-{source.replace(':', '-')}.json"
        own = {**network, "dealer": seen.pop("dealer"), "parties": list(seen.values())}
        files[source].write_text(json.dumps(own))
    told = {"round_trip_s": round_trip_s, "bits_per_s": bits_per_s, "routes": routes}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.mpc.slow_network"],
        stdin=subprocess.PIPE,
        text=True,
        cwd=_CHECKOUT,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps(told) + "\n")
        process.stdin.flush()
        yield files
        process.stdin.close()


if __name__ == "__main__":
    main()
