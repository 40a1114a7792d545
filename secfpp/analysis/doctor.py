"""Checks whether this machine is ready for a run; each has a finding and a remedy."""

from __future__ import annotations

import importlib
import os
import platform
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from mpc.errors import InputError
from secfpp import __version__

Status = Literal["ok", "warn", "fail"]

MIN_PYTHON = (3, 11)
TESTED_TORCH = "2.14"
TESTED_TORCHVISION = "0.29"
COMFORTABLE_MEMORY_GB = 4.0
LEAST_MEMORY_GB = 1.5
LEAST_DISK_GB = 1.0
PORTS_TRIED = 8  # parties, dealer and clients of a run with three parties
GIGABYTE = 1e9
SOCKET_TIMEOUT_S = 5.0
ROWS_OF_CREDENTIALS = 4
NEW_KEY = "secfpp certs request makes a new key and asks for a certificate"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One finding: its subject, status, detail and remedy."""

    name: str
    status: Status
    detail: str
    remedy: str = ""


def examine(certs: Path | None = None) -> tuple[Check, ...]:
    """Run every check, in the order in which a run would meet the problems.

    Parameters
    ----------
    certs : Path, optional
        Folder with credentials, each of which is checked.
    """
    found = [_guarded(name, check) for name, check in CHECKS.items()]
    if certs is not None:
        found += check_credentials(certs)
    return tuple(found)


def healthy(checks: tuple[Check, ...]) -> bool:
    """Return whether no check failed; warnings are not failures."""
    return all(check.status != "fail" for check in checks)


def check_credentials(folder: Path) -> list[Check]:
    """Check the credentials of every role that has a certificate or a key in a folder."""
    from mpc.net.credential_folder import roles_in

    try:
        roles = roles_in(folder)
    except InputError as error:
        return [Check(name="credentials", status="fail", detail=str(error), remedy=NEW_KEY)]
    if not roles:
        detail = f"no role has credentials in {folder}"
        return [Check(name="credentials", status="fail", detail=detail, remedy=NEW_KEY)]
    found = [_credentials(folder, role) for role in roles]
    fine = [check for check in found if check.status == "ok"]
    if len(fine) <= ROWS_OF_CREDENTIALS:
        return found
    detail = f"{len(fine)} roles in {folder}, all valid for long enough"
    summary = Check(name="credentials", status="ok", detail=detail)
    return [summary, *(check for check in found if check.status != "ok")]


def _credentials(folder: Path, role: str) -> Check:
    """Read a role's credentials, and look when they expire."""
    from mpc.net.renewal import expiry_in

    try:
        expiry = expiry_in(folder, role)
    except InputError as error:
        return Check(name=role, status="fail", detail=str(error), remedy=NEW_KEY)
    if expiry.is_near:
        remedy = f"little of its life is left; {NEW_KEY}"
        return Check(name=role, status="warn", detail=str(expiry), remedy=remedy)
    return Check(name=role, status="ok", detail=str(expiry))


def _guarded(name: str, check: Callable[[str], Check]) -> Check:
    """Run one check; an error is its finding and does not stop the others."""
    try:
        return check(name)
    except Exception as error:
        detail = f"{type(error).__name__}: {error}".splitlines()[0]
        return Check(name=name, status="fail", detail=detail, remedy="reinstall: make install")


def _python(name: str) -> Check:
    """Python is recent enough."""
    found = platform.python_version()
    if sys.version_info[:2] >= MIN_PYTHON:
        return Check(name=name, status="ok", detail=f"{found} at {sys.executable}")
    needed = ".".join(map(str, MIN_PYTHON))
    remedy = f"install Python {needed} or later; make PYTHON=python{needed} install"
    return Check(name=name, status="fail", detail=f"{found}, needs {needed}", remedy=remedy)


def _itself(name: str) -> Check:
    """Compare the version that is imported with the one that is installed."""
    installed = metadata.version("secfpp")
    if installed == __version__:
        return Check(name=name, status="ok", detail=__version__)
    detail = f"{__version__}, installed as {installed}"
    return Check(name=name, status="warn", detail=detail, remedy="install it again: make install")


def _torch_pair(name: str) -> Check:
    """Import torch and torchvision, which come as a pair."""
    importlib.import_module("torch")
    importlib.import_module("torchvision")
    torch, vision = metadata.version("torch"), metadata.version("torchvision")
    detail = f"torch {torch} with torchvision {vision}"
    if torch.startswith(TESTED_TORCH + ".") and vision.startswith(TESTED_TORCHVISION + "."):
        return Check(name=name, status="ok", detail=detail)
    wanted = f"torch=={TESTED_TORCH}.* torchvision=={TESTED_TORCHVISION}.*"
    return Check(name=name, status="warn", detail=detail, remedy=f"tested: pip install {wanted}")


def _crypten(name: str) -> Check:
    """CrypTen imports through the one module that may import it."""
    importlib.import_module("mpc.engine._crypten")
    return Check(name=name, status="ok", detail=f"crypten {metadata.version('crypten')}")


def _loopback(name: str) -> Check:
    """Bytes sent on 127.0.0.1 arrive, on as many ports as a run may ask for."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(PORTS_TRIED)]
    try:
        for listener in listeners:
            listener.settimeout(SOCKET_TIMEOUT_S)
            _echo_once(listener)
    finally:
        for listener in listeners:
            listener.close()
    return Check(name=name, status="ok", detail=f"{PORTS_TRIED} ports opened and answered")


def _echo_once(listener: socket.socket) -> None:
    """Send one byte to `listener` and read it there; raise OSError if it does not arrive."""
    address = listener.getsockname()
    with socket.create_connection(address, timeout=SOCKET_TIMEOUT_S) as near:
        far, _ = listener.accept()
        with far:
            far.settimeout(SOCKET_TIMEOUT_S)
            near.sendall(b"?")
            if far.recv(1) != b"?":
                raise OSError(f"a byte sent to {address[0]}:{address[1]} did not arrive")


def _gpu(name: str) -> Check:
    """Name the GPU that torch can use, if there is one."""
    torch = importlib.import_module("torch")
    if torch.cuda.is_available():
        return Check(name=name, status="ok", detail=f"{torch.cuda.get_device_name(0)}")
    if Path("/dev/nvidia0").exists():
        remedy = "install a torch wheel built for your driver, or use --device cpu"
        detail = "a GPU is present but torch cannot use it"
        return Check(name=name, status="warn", detail=detail, remedy=remedy)
    return Check(name=name, status="ok", detail="none; training runs on the CPU")


def _processors(name: str) -> Check:
    """Two parties and a dealer share the processors."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if count and count >= 2:
        return Check(name=name, status="ok", detail=f"{count} usable")
    remedy = "works, slower: parties and dealer take turns"
    return Check(name=name, status="warn", detail=f"{count} usable", remedy=remedy)


def _memory(name: str) -> Check:
    """Enough memory is free for the main job."""
    psutil = importlib.import_module("psutil")
    free_gb = psutil.virtual_memory().available / GIGABYTE
    detail = f"{free_gb:.1f} GB free"
    if free_gb >= COMFORTABLE_MEMORY_GB:
        return Check(name=name, status="ok", detail=detail)
    remedy = f"the main job wants {COMFORTABLE_MEMORY_GB:.0f} GB: close other programs"
    status: Status = "warn" if free_gb >= LEAST_MEMORY_GB else "fail"
    return Check(name=name, status=status, detail=detail, remedy=remedy)


def _writable(name: str, folder: Path, remedy: str) -> Check:
    """Write a byte in `folder`, or in its nearest existing parent, and check the free space."""
    anchor = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    try:
        with tempfile.NamedTemporaryFile(dir=anchor) as probe:
            probe.write(b"?")
    except OSError as error:
        return Check(name=name, status="fail", detail=f"{folder}: {error.strerror}", remedy=remedy)
    free_gb = shutil.disk_usage(anchor).free / GIGABYTE
    detail = f"{folder}, {free_gb:.0f} GB free"
    if free_gb < LEAST_DISK_GB:
        return Check(name=name, status="warn", detail=detail, remedy=remedy)
    return Check(name=name, status="ok", detail=detail)


def _cache(name: str) -> Check:
    """Built data and image features can be cached."""
    from secfpp.data.cache import default_cache_dir

    remedy = "make room, or point XDG_CACHE_HOME to a folder you may write"
    return _writable(name, default_cache_dir(), remedy)


def _run_folders(name: str) -> Check:
    """Run folders can be written in the working directory."""
    return _writable(name, Path("runs"), "run elsewhere, or name a folder with --out")


def _embedded_model(name: str) -> Check:
    """Load the model that ships with the package."""
    from secfpp.clip.model import load_clip

    clip = load_clip("embedded", device="cpu")
    return Check(name=name, status="ok", detail=f"digits-clip, {clip.embed_dim} dimensions")


CHECKS: dict[str, Callable[[str], Check]] = {
    "python": _python,
    "secfpp": _itself,
    "torch": _torch_pair,
    "crypten": _crypten,
    "loopback": _loopback,
    "processors": _processors,
    "gpu": _gpu,
    "memory": _memory,
    "cache": _cache,
    "run folders": _run_folders,
    "embedded model": _embedded_model,
}
