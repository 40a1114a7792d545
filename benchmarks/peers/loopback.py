"""A network of its own for each engine: nothing else talks on its loopback device.

With `unshare` a process tree gets a network namespace, in which there is a loopback device and
nothing else, and a process namespace, all of which ends with its first process. Where the system
does not allow that, engines share the machine's loopback device and only the turns keep them apart.

Counted is what the device sent: IP and TCP headers, acknowledgements and repetitions included, the
same for everyone. It has no wire, and its packets may be 64 KiB long, so there are fewer headers
than on Ethernet.
"""

import fcntl
import shutil
import socket
import struct
import subprocess
from functools import cache
from pathlib import Path
from typing import Final

_NAMESPACES: Final = ("--net", "--pid", "--fork", "--kill-child", "--mount-proc")
_WAYS: Final = {
    "namespace": _NAMESPACES,
    "namespace, unprivileged": ("--map-root-user", *_NAMESPACES),
}
SHARED: Final = "shared with the machine"
_TRIAL_TIMEOUT_S: Final = 10

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
_SENT_COLUMN: Final = 8


@cache
def isolation() -> tuple[str, tuple[str, ...]]:
    """Return how engines are kept apart, and the command line that starts one so."""
    program = shutil.which("unshare")
    for kind, options in _WAYS.items() if program else ():
        command = (str(program), *options)
        try:
            tried = subprocess.run(
                [*command, "true"], capture_output=True, timeout=_TRIAL_TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired:
            continue
        if tried.returncode == 0:
            return kind, command
    return SHARED, ()


def switch_on() -> None:
    """Switch the loopback device on; in a new network namespace it is off."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        asked = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, asked))[1]
        if not flags & _IFF_UP:
            fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))


def bytes_sent() -> int:
    """Return what the loopback device of this process's network has sent."""
    for line in Path("/proc/self/net/dev").read_text().splitlines():
        name, _, counters = line.partition(":")
        if name.strip() == "lo":
            return int(counters.split()[_SENT_COLUMN])
    raise RuntimeError("there is no loopback device")
