"""What may stand where a file is expected: files of other kinds, and what is no file at all."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import pickle
import stat
import threading
import zipfile
from contextlib import suppress
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

_LASTING: list[TemporaryDirectory[str]] = []


def lasting_folder() -> Path:
    """Return a folder for what several cases start from; it goes when the tests end."""
    _LASTING.append(TemporaryDirectory(prefix="secfpp-fuzz-"))
    return Path(_LASTING[-1].name)


def foreign(random: Random) -> bytes:
    """Return a whole file of another kind."""
    return random.choice(FOREIGN)()


def put(random: Random, path: Path, content: bytes) -> None:
    """Put something that is no regular file of `content` at a path, as `ln`, `mkfifo` and so on."""
    if os.path.lexists(path):
        path.unlink()
    random.choice(PLACED)(path, content)


def release(folder: Path) -> None:
    """Let go of whoever waits to write into a pipe that nobody has read."""
    for path in (folder, *folder.rglob("*")):
        with suppress(OSError):
            if stat.S_ISFIFO(path.lstat().st_mode):
                os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))


def _png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (3, 2), (9, 8, 7)).save(file, "PNG")
    return file.getvalue()


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x.csv", "1,2\n")
    return file.getvalue()


def _npz() -> bytes:
    file = io.BytesIO()
    np.savez(file, x=np.eye(2))
    return file.getvalue()


FOREIGN = (
    _png,
    _zip,
    _npz,
    lambda: pickle.dumps({"a": [1.0, 2.0]}),
    lambda: pickle.dumps(np.eye(2), protocol=0),
    lambda: gzip.compress(b"1,2\n3,4\n"),
    lambda: bz2.compress(b"1,2\n3,4\n"),
    lambda: b"",
    lambda: b"\n",
    lambda: b"\0" * 512,
    lambda: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    lambda: b"<html><body>404 not found</body></html>",
    lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n",
    lambda: b"\x7fELF" + bytes(60),
    lambda: b"null",
    lambda: b"{}",
    lambda: b"[]",
    lambda: b"a,b\n1,2\n",
)


def _folder(path: Path, content: bytes) -> None:
    path.mkdir()
    (path / "inside").write_bytes(content)


def _pipe(path: Path, content: bytes) -> None:
    """Make a pipe, and write into it as soon as somebody reads."""
    os.mkfifo(path)

    def write() -> None:
        with suppress(OSError), path.open("wb") as pipe:
            pipe.write(content)

    threading.Thread(target=write, daemon=True).start()


def _link(path: Path, content: bytes) -> None:
    target = path.with_name(f"target of {path.name}")
    target.write_bytes(content)
    path.symlink_to(target.name)


def _closed(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0)


PLACED = (
    _folder,
    _pipe,
    _link,
    _closed,
    lambda path, content: path.symlink_to("absent"),
    lambda path, content: path.symlink_to(path.name),
    lambda path, content: path.symlink_to("/dev/null"),
    lambda path, content: path.symlink_to("/dev/full"),
    lambda path, content: path.symlink_to("/dev/zero"),
    lambda path, content: path.symlink_to("."),
    lambda path, content: None,
)
