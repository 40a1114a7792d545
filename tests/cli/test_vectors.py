"""Vectors are read from three kinds of files; what is no matrix of numbers is refused, with why."""

import numpy as np
import pytest
from safetensors.numpy import save_file

from secfpp.cli.vectors import read_vectors
from secfpp.errors import DataError

MATRIX = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


def test_npy(tmp_path):
    np.save(tmp_path / "x.npy", MATRIX.astype(np.float32))
    read = read_vectors(tmp_path / "x.npy")
    assert read.dtype == np.float64
    np.testing.assert_array_equal(read, MATRIX)


@pytest.mark.parametrize("heading", ["", "a,b,c\n", "\ufeffa,b,c\n", "\ufeff"])
def test_csv_with_and_without_headings(tmp_path, heading):
    (tmp_path / "x.csv").write_text(heading + "1,2,3\n4,5,6\n", encoding="utf-8")
    np.testing.assert_array_equal(read_vectors(tmp_path / "x.csv"), MATRIX)


def test_csv_of_one_column_is_a_matrix(tmp_path):
    (tmp_path / "x.csv").write_text("1\n2\n")
    assert read_vectors(tmp_path / "x.csv").shape == (2, 1)


def test_safetensors_of_one_and_of_several(tmp_path):
    file = tmp_path / "x.safetensors"
    save_file({"only": MATRIX}, file)
    np.testing.assert_array_equal(read_vectors(file), MATRIX)
    save_file({"one": MATRIX, "two": 2 * MATRIX}, file)
    np.testing.assert_array_equal(read_vectors(file, tensor="two"), 2 * MATRIX)
    with pytest.raises(DataError, match="one, two.*--tensor"):
        read_vectors(file)
    with pytest.raises(DataError, match="no tensor 'three'"):
        read_vectors(file, tensor="three")


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
def test_what_is_no_matrix_of_numbers(tmp_path, array, said):
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(DataError, match=said):
        read_vectors(tmp_path / "x.npy")


def test_pickled_objects_are_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.array([[{}]], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="pickle"):
        read_vectors(tmp_path / "x.npy")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.npy", b"not numpy", "cannot be read"),
        ("x.npy", b"", "cannot be read"),
        ("x.csv", b"", "holds no numbers|cannot be read"),
        ("x.csv", b"1,2\n3\n", "cannot be read"),
        ("x.csv", b"1,2\n3,abc\n", "cannot be read"),
        ("x.csv", b"\xff\xfe\x00", "cannot be read"),
        ("x.safetensors", b"junk", "cannot be read"),
        ("x.txt", b"1 2", "convert it"),
    ],
)
def test_damaged_and_foreign_files(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said):
        read_vectors(tmp_path / name)


def test_missing_file(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_vectors(tmp_path / "absent.npy")
