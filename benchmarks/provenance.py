"""Where and with what a figure was measured."""

import os
import platform
import ssl
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("torch", "crypten", "numpy", "cryptography")


def provenance() -> dict[str, object]:
    """Return processor, kernel and versions; whoever measures adds parties, provider and links."""
    return {
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "load_before": os.getloadavg()[0],
        "kernel": platform.release(),
        "python": platform.python_version(),
        "openssl": ssl.OPENSSL_VERSION,
        "network": "loopback, all processes on one machine",
        **{name: version(name) for name in PACKAGES},
    }


def cpu_model() -> str:
    """Return the processor's name as the kernel gives it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()
