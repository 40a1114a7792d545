"""Vectors are read from three kinds of files; what is no matrix of numbers is refused, with why."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file
from safetensors.torch import save_file as torch_file

from secfpp.cli.vectors import Choice, read_vectors
from secfpp.errors import DataError

MATRIX = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


def test_npy(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", MATRIX.astype(np.float32))
    read = read_vectors(tmp_path / "x.npy")
    assert read.dtype == np.float64
    np.testing.assert_array_equal(read, MATRIX)


def npy_that_promises(shape: tuple[int, ...]) -> bytes:
    """Return a header without the numbers that it speaks of."""
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".encode()
    padded = header + b" " * (117 - len(header)) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded


@pytest.mark.parametrize("shape", [(100, 3), (10**11, 1000), (10**30, 3), (-1, 3), (2**62, 2)])
def test_npy_that_promises_more_than_it_holds(tmp_path: Path, shape: tuple[int, ...]) -> None:
    (tmp_path / "x.npy").write_bytes(npy_that_promises(shape) + bytes(80))
    said = "cut short" if shape == (100, 3) else "cut short|cannot be read"
    with pytest.raises(DataError, match=rf"--input .*x\.npy: .*({said})"):
        read_vectors(tmp_path / "x.npy")


def test_sparse_npy_of_more_rows_than_memory_is_not_loaded(tmp_path: Path) -> None:
    with (tmp_path / "x.npy").open("wb") as file:
        file.write(npy_that_promises((10**9, 1000)))
        file.truncate(128 + 8 * 10**12)
    with pytest.raises(DataError, match="1000000000 points; at most 8191"):
        read_vectors(tmp_path / "x.npy")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2])
def test_safetensors_of_types_that_numpy_does_not_know(tmp_path: Path, dtype: torch.dtype) -> None:
    file = tmp_path / "x.safetensors"
    whole = torch.arange(6).reshape(2, 3)
    torch_file({"wide": whole.float(), "narrow": whole.to(dtype)}, file)
    for tensor in ("wide", "narrow"):
        np.testing.assert_array_equal(read_vectors(file, Choice(tensor=tensor)), whole.numpy())


def test_a_file_without_suffix_is_known_by_its_content(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", MATRIX)
    save_file({"only": MATRIX}, tmp_path / "x.safetensors")
    (tmp_path / "x.csv").write_text("1,2,3\n4,5,6\n")
    for suffix in (".npy", ".safetensors", ".csv"):
        (tmp_path / f"x{suffix}").rename(tmp_path / "x")
        np.testing.assert_array_equal(read_vectors(tmp_path / "x"), MATRIX)


@pytest.mark.parametrize(
    "line", ["cat x.npy | SECFPP /dev/stdin", "SECFPP /dev/stdin < x.npy", "SECFPP - < x.csv"]
)
def test_standard_input(tmp_path: Path, line: str) -> None:
    np.save(tmp_path / "x.npy", MATRIX)
    np.savetxt(tmp_path / "x.csv", MATRIX, delimiter=",")
    command = f"{sys.executable} -m secfpp.cli cluster --plain --k 1 --json --input"
    done = subprocess.run(
        ["sh", "-c", line.replace("SECFPP", command)],
        cwd=tmp_path,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_named_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=("1,2,3\n4,5,6\n",))
    writer.start()
    np.testing.assert_array_equal(read_vectors(tmp_path / "pipe"), MATRIX)
    writer.join()


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (".", "is a folder; a file or a pipe is needed"),
        ("/dev/zero", "is a device"),
        ("/dev/null", "is a device"),
        ("x.npy/y.npy", "Not a directory"),
        (f"{'x' * 300}.npy", "File name too long"),
        ("loop.npy", "symbolic links"),
        ("dangling.npy", "no such file"),
        ("closed.npy", "Permission denied"),
    ],
)
def test_what_is_no_file_to_read(tmp_path: Path, path: str, said: str) -> None:
    np.save(tmp_path / "x.npy", MATRIX)
    (tmp_path / "loop.npy").symlink_to("loop.npy")
    (tmp_path / "dangling.npy").symlink_to("absent.npy")
    np.save(tmp_path / "closed.npy", MATRIX)
    (tmp_path / "closed.npy").chmod(0)
    if path == "closed.npy" and os.geteuid() == 0:
        pytest.skip("root may read everything")
    with pytest.raises(DataError, match=rf"--input .*: .*{said}"):
        read_vectors(tmp_path / path)


def test_safetensors_of_one_and_of_several(tmp_path: Path) -> None:
    file = tmp_path / "x.safetensors"
    save_file({"only": MATRIX}, file)
    np.testing.assert_array_equal(read_vectors(file), MATRIX)
    save_file({"one": MATRIX, "two": 2 * MATRIX}, file)
    np.testing.assert_array_equal(read_vectors(file, Choice(tensor="two")), 2 * MATRIX)
    with pytest.raises(DataError, match="one, two.*--tensor"):
        read_vectors(file)
    with pytest.raises(DataError, match="no tensor 'three'"):
        read_vectors(file, Choice(tensor="three"))


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.ones(3), r"shape \(3,\)"),
        (np.ones((2, 3, 4)), r"shape \(2, 3, 4\)"),
        (np.ones((0, 4)), "holds no numbers"),
        (np.ones((2, 2)) * 1j, "dtype complex128"),
        (np.array([["a", "b"]]), "dtype <U1"),
        (np.array([[1.0, 2.0], [np.nan, 0.0]]), "first in row 1"),
        (np.array([[np.inf, 2.0]]), "NaN or infinity"),
    ],
)
def test_what_is_no_matrix_of_numbers(tmp_path: Path, array: NDArray[Any], said: str) -> None:
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(DataError, match=said):
        read_vectors(tmp_path / "x.npy")


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([[{}]], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="pickle"):
        read_vectors(tmp_path / "x.npy")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.npy", b"not numpy", "is not a .npy file"),
        ("x.npy", b"", "is not a .npy file"),
        ("x.npy", b"\x93NUMPY\x01", "cannot be read"),
        ("x.npy", b"\x93NUMPY\x09\x00abc", "cannot be read"),
        ("x.safetensors", b"junk", "cannot be read"),
        ("x.txt", b"1 2", "convert it"),
    ],
)
def test_damaged_and_foreign_files(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said):
        read_vectors(tmp_path / name)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_vectors(tmp_path / "absent.npy")
