"""Hosts of a small network, each a namespace with an address of its own, joined by a bridge."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

_ESTABLISHED = "01"
_CHECKOUT = Path(__file__).parents[2]


class Hosts:
    """Named hosts at 10.77.0.1, 10.77.0.2, ...; made by `joined`."""

    def __init__(self, names: Sequence[str]) -> None:
        self._prefix = f"secfpp-{os.getpid()}-"
        self._switch = f"{self._prefix}switch"
        self.addresses = {name: f"10.77.0.{1 + index}" for index, name in enumerate(names)}
        self._started: list[subprocess.Popen[str]] = []

    def build(self) -> None:
        """Make namespaces, a bridge, and a pair of virtual interfaces for each host."""
        _ip("netns", "add", self._switch)
        _ip("-n", self._switch, "link", "add", "br0", "type", "bridge")
        _ip("-n", self._switch, "link", "set", "br0", "up")
        for index, (name, address) in enumerate(self.addresses.items()):
            here, port = self._prefix + name, f"port{index}"
            _ip("netns", "add", here)
            pair = ("link", "add", "eth0", "netns", here, "type", "veth", "peer", "name", port)
            _ip("-n", self._switch, *pair)
            _ip("-n", self._switch, "link", "set", port, "master", "br0", "up")
            _ip("-n", here, "address", "add", f"{address}/24", "dev", "eth0")
            _ip("-n", here, "link", "set", "eth0", "up")
            _ip("-n", here, "link", "set", "lo", "up")

    def start(self, host: str, *words: str | Path) -> subprocess.Popen[str]:
        """Start `secfpp` with `words` on a host."""
        program = [sys.executable, "-m", "secfpp.cli", *map(str, words)]
        process = subprocess.Popen(
            ["ip", "netns", "exec", self._prefix + host, *program],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=_CHECKOUT,
        )
        self._started.append(process)
        return process

    def cut(self, host: str) -> None:
        """Cut the wire of a host: nothing arrives, and nobody is told."""
        self._wire(host, "down")

    def mend(self, host: str) -> None:
        """Join the wire of a host again."""
        self._wire(host, "up")

    def _wire(self, host: str, state: str) -> None:
        port = f"port{list(self.addresses).index(host)}"
        _ip("-n", self._switch, "link", "set", port, state)

    def tear_down(self) -> None:
        """End what was started, and remove every namespace, whatever happened before."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.communicate()
        for name in (*self.addresses, "switch"):
            subprocess.run(
                ["ip", "netns", "delete", self._prefix + name], capture_output=True, check=False
            )

    @property
    def left_behind(self) -> list[str]:
        """Names of our namespaces that exist."""
        listed = subprocess.run(["ip", "netns"], capture_output=True, text=True, check=True)
        return [line for line in listed.stdout.splitlines() if line.startswith(self._prefix)]


@contextmanager
def joined(names: Sequence[str]) -> Iterator[Hosts]:
    """Make hosts, and remove them in the end; skip the test where that is not allowed."""
    if sys.platform != "linux" or shutil.which("ip") is None:
        pytest.skip("hosts of one's own need Linux and the command `ip` of iproute2")
    hosts = Hosts(names)
    try:
        try:
            hosts.build()
        except subprocess.CalledProcessError as error:
            pytest.skip(f"network namespaces cannot be made, which needs root: {error.stderr}")
        yield hosts
    finally:
        hosts.tear_down()
        assert hosts.left_behind == []


def wait_for_connections(process: subprocess.Popen[str], port: int, count: int) -> None:
    """Wait until so many connections to `port` stand on the host of a process."""
    wait_until(
        lambda: _connections_to(process, port) >= count,
        f"fewer than {count} connections to port {port}",
    )


def wait_until(holds: Callable[[], bool], complaint: str, timeout_s: float = 90.0) -> None:
    """Poll until something holds."""
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, complaint
        time.sleep(0.05)


def kill(process: subprocess.Popen[str]) -> None:
    """Send SIGKILL."""
    os.kill(process.pid, signal.SIGKILL)


def _connections_to(process: subprocess.Popen[str], port: int) -> int:
    if process.poll() is not None:
        raise AssertionError(f"ended early: {process.communicate()}")
    table = Path(f"/proc/{process.pid}/net/tcp").read_text().splitlines()[1:]
    fields = [line.split() for line in table]
    return sum(f[1].endswith(f":{port:04X}") and f[3] == _ESTABLISHED for f in fields)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], capture_output=True, text=True, check=True)
