"""Versions behind a result: Python, packages, machine."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version

import torch

from secfpp import __version__

__all__ = ["collect_versions"]

_PACKAGES = (
    "torch",
    "torchvision",
    "crypten",
    "open_clip_torch",
    "numpy",
    "scikit-learn",
    "dp-accounting",
    "cryptography",
)


def collect_versions() -> dict[str, str]:
    """Return versions of Python and packages, and a description of the machine."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    found["secfpp"] = __version__
    found["processors"] = str(os.cpu_count())
    found["torch_threads"] = str(torch.get_num_threads())
    found["gpu"] = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found
