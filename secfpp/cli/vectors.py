"""Read the vectors that a person wants clustered: npy, csv or safetensors, one row a point."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from secfpp.errors import DataError

FloatArray = npt.NDArray[np.float64]
Array = npt.NDArray[np.generic]


def read_vectors(path: Path, *, tensor: str | None = None) -> FloatArray:
    """Read a matrix of finite numbers.

    Parameters
    ----------
    path
        A `.npy`, `.csv` or `.safetensors` file.
    tensor
        Name of the tensor to take from a safetensors file; not needed when it holds one.

    Returns
    -------
    ndarray of float64, (N, D)
        N points of D dimensions, both at least 1.

    Raises
    ------
    DataError
        If the file is missing, of another kind, damaged, or does not hold such a matrix.
    """
    if not path.is_file():
        raise DataError(f"--input {path}: no such file")
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise DataError(f"--input {path}: not one of {', '.join(READERS)}; convert it")
    try:
        array = reader(path, tensor)
    except (OSError, ValueError, EOFError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"--input {path}: cannot be read: {reason}") from error
    return checked(array, f"--input {path}")


def checked(array: Array, name: str) -> FloatArray:
    """Return `array` as float64 (N, D), or raise DataError saying why it is no such thing."""
    if array.dtype.kind not in "fiub":
        raise DataError(f"{name}: dtype {array.dtype}; real numbers are needed")
    if array.ndim != 2:
        remedy = "reshape to one row a point" if array.ndim == 1 else "flatten each point to a row"
        raise DataError(f"{name}: shape {array.shape}; (points, dimensions) is needed; {remedy}")
    if array.size == 0:
        raise DataError(f"{name}: shape {array.shape} holds no numbers")
    vectors_ND = array.astype(np.float64)
    bad_N = ~np.isfinite(vectors_ND).all(axis=1)
    if bad_N.any():
        first = int(np.flatnonzero(bad_N)[0])
        raise DataError(
            f"{name}: NaN or infinity in {int(bad_N.sum())} of {len(vectors_ND)} rows, "
            f"first in row {first}; remove or fill them"
        )
    return vectors_ND


def _read_npy(path: Path, tensor: str | None) -> Array:
    """Read a NumPy file; pickled objects are refused."""
    loaded = np.load(path, allow_pickle=False)
    if not isinstance(loaded, np.ndarray):
        raise ValueError("an archive of several arrays; save one with numpy.save")
    return loaded


def _read_csv(path: Path, tensor: str | None) -> Array:
    """Read comma-separated numbers, with or without one line of headings."""
    with path.open(encoding="utf-8-sig") as lines:
        first = lines.readline()
    skipped = 0 if _is_numbers(first) else 1
    with warnings.catch_warnings(action="ignore"):  # of an empty file; it is refused later
        matrix: FloatArray = np.loadtxt(
            path, delimiter=",", skiprows=skipped, ndmin=2, encoding="utf-8-sig"
        )
    return matrix


def _is_numbers(line: str) -> bool:
    """Return whether every comma-separated cell of a line reads as a number."""
    try:
        return bool([float(cell) for cell in line.split(",")])
    except ValueError:
        return False


def _read_safetensors(path: Path, tensor: str | None) -> Array:
    """Read one tensor of a safetensors file."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        tensors: dict[str, Array] = load_file(path)
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    names = ", ".join(sorted(tensors)) or "none"
    if tensor is None and len(tensors) == 1:
        return next(iter(tensors.values()))
    if tensor is None:
        raise ValueError(f"holds tensors {names}; choose with --tensor")
    if tensor not in tensors:
        raise ValueError(f"no tensor {tensor!r}; it holds {names}")
    return tensors[tensor]


READERS: dict[str, Callable[[Path, str | None], Array]] = {
    ".npy": _read_npy,
    ".csv": _read_csv,
    ".safetensors": _read_safetensors,
}
