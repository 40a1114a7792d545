"""Read the vectors to be clustered: npy, csv or safetensors, one row for each point.

Shape letters: N points, D dimensions.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mpc.jobs.job import MAX_POINTS
from mpc.ring.fixedpoint import FloatArray
from secfpp.cli.console import say
from secfpp.cli.csv_rows import LARGEST, Headings, read_csv
from secfpp.errors import DataError, reason

Array = npt.NDArray[np.generic]
NPY_MAGIC = b"\x93NUMPY"
STDIN = (Path("-"), Path("/dev/stdin"), Path("/dev/fd/0"), Path("/proc/self/fd/0"))
LARGEST_PIPE = 1 << 30  # bytes
NARROW = ("BF16", "F8_")  # types that torch can widen and NumPy lacks


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The part to take of a file that holds more than a matrix."""

    tensor: str | None = None
    """Name of the tensor in a safetensors file; not needed when it holds one."""
    headings: Headings = "auto"
    """Whether the first line of a csv file is headings."""
    most_rows: int = MAX_POINTS
    """More rows are refused."""


def read_vectors(path: Path, choice: Choice | None = None) -> FloatArray:
    """Read a matrix of finite numbers; notes on decisions go to standard error.

    Parameters
    ----------
    path : Path
        A `.npy`, `.csv` or `.safetensors` file. The first bytes decide for a file without a
        suffix, a pipe, and ``-``, which is standard input.
    choice : Choice, optional

    Returns
    -------
    ndarray of float64, (N, D)
        N points of D dimensions, both at least 1.

    Raises
    ------
    DataError
        If the file is missing, of another kind, damaged, or does not hold such a matrix.
    """
    name = f"--input {path}"
    try:
        with _as_file(path) as file:
            chosen = choice or Choice()
            array = _reader(path, file)(file, chosen)
            return checked(array, name, chosen.most_rows)
    except DataError as error:
        said = str(error)
        raise DataError(said if said.startswith(name) else f"{name}: {said}") from error
    except Exception as error:  # numpy and safetensors raise a dozen kinds on hostile headers
        raise DataError(f"{name}: cannot be read: {reason(error)}") from error


def checked(array: Array, name: str, most_rows: int = MAX_POINTS) -> FloatArray:
    """Return `array` as float64 (N, D), or raise DataError with the reason."""
    if array.dtype.kind not in "fiub":
        raise DataError(f"{name}: dtype {array.dtype}; real numbers are needed")
    if array.ndim != 2:
        remedy = "reshape to one row a point" if array.ndim == 1 else "flatten each point to a row"
        raise DataError(f"{name}: shape {array.shape}; (points, dimensions) is needed; {remedy}")
    if array.size == 0:
        raise DataError(f"{name}: shape {array.shape} holds no numbers")
    if len(array) > most_rows:
        more = "; --shard-size takes more" if most_rows == MAX_POINTS else ""
        raise DataError(f"{name}: {len(array)} points; at most {most_rows} are possible{more}")
    with np.errstate(over="ignore"):
        vectors_ND = array.astype(np.float64)
    bad_N = ~np.isfinite(vectors_ND).all(axis=1)
    if bad_N.any():
        first = int(np.flatnonzero(bad_N)[0])
        raise DataError(
            f"{name}: NaN or infinity in {int(bad_N.sum())} of {len(vectors_ND)} rows, "
            f"first in row {first}; remove or fill them"
        )
    return vectors_ND


@contextmanager
def _as_file(path: Path) -> Iterator[Path]:
    """Yield a regular file: the named one, or one in memory with the content of a pipe."""
    try:
        mode = os.fstat(0).st_mode if path in STDIN else path.stat().st_mode
    except FileNotFoundError:
        raise DataError("no such file") from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}") from error
    if stat.S_ISREG(mode):
        yield Path("/proc/self/fd/0") if path in STDIN else path
    elif stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        with _kept_in_memory(path) as file:
            yield file
    else:
        kind = "a folder" if stat.S_ISDIR(mode) else "a device"
        raise DataError(f"is {kind}; a file or a pipe is needed")


@contextmanager
def _kept_in_memory(path: Path) -> Iterator[Path]:
    """Read a pipe to its end and yield a file in memory with its bytes."""
    kept = os.memfd_create("input")
    try:
        with open(0 if path in STDIN else path, "rb", closefd=path not in STDIN) as pipe:
            total = 0
            while chunk := pipe.read(1 << 20):
                total += len(chunk)
                if total > LARGEST_PIPE:
                    raise DataError(f"more than {LARGEST_PIPE >> 30} GiB; give a file")
                with memoryview(chunk) as left:
                    _write(kept, left)
        yield Path(f"/proc/self/fd/{kept}")
    finally:
        os.close(kept)


def _write(descriptor: int, left: memoryview) -> None:
    while left:
        left = left[os.write(descriptor, left) :]


def _reader(path: Path, file: Path) -> Reader:
    """Return the reader of a file, by its suffix, or by its first bytes if it has none."""
    suffix = "" if path in STDIN else path.suffix.lower()
    if suffix == "":
        with file.open("rb") as opened:
            suffix = _kind(opened.read(16))
    if suffix not in READERS:
        raise DataError(f"not one of {', '.join(READERS)}; convert it")
    return READERS[suffix]


def _kind(head: bytes) -> str:
    """Tell a file's kind from its first bytes: a length and a JSON object is safetensors."""
    if head.startswith(NPY_MAGIC):
        return ".npy"
    return ".safetensors" if head[8:9] == b"{" and head[7:8] == b"\0" else ".csv"


def _read_npy(file: Path, choice: Choice) -> Array:
    """Read a NumPy file, mapped, so that a truncated file is noticed at once."""
    with file.open("rb") as opened:
        if opened.read(len(NPY_MAGIC)) != NPY_MAGIC:
            raise DataError("is not a .npy file: save an array with numpy.save")
    try:
        with np.errstate(over="ignore"):
            return np.asarray(np.load(file, mmap_mode="r", allow_pickle=False))
    except ValueError as error:
        if "Python objects" in str(error):
            raise DataError("holds Python objects, which pickle would run; save numbers") from error
        if "mmap length" in str(error):
            raise DataError("is cut short: its header promises more numbers than it has") from error
        raise


def _read_csv(file: Path, choice: Choice) -> Array:
    """Read text, and print notes on decisions."""
    with file.open("rb") as opened:
        content = opened.read(LARGEST + 1)  # one more is refused, without the rest in memory
    found = read_csv(content, choice.headings, choice.most_rows)
    for note in found.notes:
        say(f"secfpp: note: {note}")
    return found.rows_ND


def _read_safetensors(file: Path, choice: Choice) -> Array:
    """Read one tensor of a safetensors file."""
    from safetensors import safe_open

    with safe_open(file, framework="np") as opened:
        name = _tensor_name(sorted(opened.keys()), choice.tensor)
        kind = str(opened.get_slice(name).get_dtype())
        if not kind.startswith(NARROW):
            tensor: Array = opened.get_tensor(name)
            return tensor
    import torch  # takes a second

    with safe_open(file, framework="pt") as opened:
        widened: Array = opened.get_tensor(name).to(torch.float64).numpy()
    return widened


def _tensor_name(names: list[str], asked: str | None) -> str:
    """Return which tensor to take."""
    listed = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "") or "none"
    if asked is None and len(names) == 1:
        return names[0]
    if asked is None:
        raise DataError(f"holds tensors {listed}; choose with --tensor")
    if asked not in names:
        raise DataError(f"no tensor {asked!r}; it holds {listed}")
    return asked


Reader = Callable[[Path, Choice], Array]
READERS: dict[str, Reader] = {
    ".npy": _read_npy,
    ".csv": _read_csv,
    ".safetensors": _read_safetensors,
}
