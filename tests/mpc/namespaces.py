"""Networks of our own, where no other program speaks: namespaces of the Linux kernel."""

import fcntl
import functools
import shutil
import socket
import struct
import subprocess
import sys

import pytest

_SIOCSIFFLAGS = 0x8914
_IFF_UP = 0x1


@functools.cache
def private_loopback() -> tuple[str, ...]:
    """Return the words before a command that give it a loopback of its own, or skip the test."""
    if sys.platform != "linux" or shutil.which("unshare") is None:
        pytest.skip("a private network needs Linux and the command `unshare` of util-linux")
    reasons = []
    for words in (("unshare", "--net"), ("unshare", "--map-root-user", "--net")):
        probe = subprocess.run([*words, "true"], capture_output=True, text=True, check=False)
        if probe.returncode == 0:
            return words
        reasons.append(probe.stderr.strip())
    pytest.skip(f"a private network needs root, or user namespaces: {'; '.join(reasons)}")


def bring_loopback_up() -> None:
    """Switch on `lo`, which a new namespace has switched off."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))


def loopback_sent() -> tuple[int, int]:
    """Return bytes and packets that went over `lo`, from IP headers up: it has no Ethernet's."""
    with open("/proc/net/dev") as table:
        for line in table:
            name, _, numbers = line.partition(":")
            if name.strip() == "lo":
                fields = [int(word) for word in numbers.split()]
                return fields[8], fields[9]
    raise AssertionError("there is no loopback interface")
