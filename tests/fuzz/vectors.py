"""Cases of `secfpp cluster`: vectors in files of all kinds."""

from __future__ import annotations

import io
from pathlib import Path
from random import Random

import numpy as np
from safetensors.numpy import save

from tests.fuzz.arrays import npy, safetensors
from tests.fuzz.command import Case
from tests.fuzz.csv_texts import csv_text
from tests.fuzz.damage import damaged
from tests.fuzz.odd_files import foreign, put

MATRIX = np.array([[1.0, 2.0, 3.0], [1.5, 2.0, 3.0], [9.0, 8.0, 7.0]])
CSV = b"a,b,c\n1,2,3\n1.5,2,3\n9,8,7\n"
SUFFIXES = (".npy", ".csv", ".safetensors", "", ".txt", ".NPY", ".npz")


def vectors(random: Random, folder: Path) -> Case:
    """Return a clustering in the clear of what a file holds, if it holds vectors."""
    suffix, content = _content(random)
    if random.random() < 0.1:
        suffix = random.choice(SUFFIXES)
    file = folder / f"x{suffix}"
    if random.random() < 0.1:
        put(random, file, content)
    else:
        file.write_bytes(content)
    words: list[str | Path] = ["cluster", "--plain", "--input", file, *_flags(random, folder)]
    return Case(words=tuple(words), blamed=(f"--input {file}", *BLAMED), kept=(file,))


BLAMED = ("--k", "k=", "clusters in", "--out", "norm_bound", "init_rows")


def _content(random: Random) -> tuple[str, bytes]:
    """Return a suffix and bytes that may be what it says."""
    kind = random.randrange(5)
    if kind == 0:
        return ".npy", npy(random)
    if kind == 1:
        return ".safetensors", safetensors(random)
    if kind == 2:
        return ".csv", csv_text(random)
    suffix, whole = random.choice([(".npy", _npy()), (".csv", CSV), (".safetensors", _tensors())])
    return suffix, foreign(random) if random.random() < 0.3 else damaged(random, whole)


def _flags(random: Random, folder: Path) -> list[str | Path]:
    flags: list[str | Path] = ["--k", random.choice(["1", "1", "2", "none"])]
    usual: tuple[tuple[float, list[str | Path]], ...] = (
        (0.3, ["--tensor", random.choice(["x", "y", "", "\udcff", "__metadata__"])]),
        (0.2, ["--headings", random.choice(["yes", "no"])]),
        (0.3, ["--json"]),
        (0.1, ["--reveal", "distances"]),
        (0.1, ["--out", folder / random.choice(["m.npy", "m.csv", "no/m.npy", "."])]),
        (0.05, ["--norm-bound", random.choice(["0", "-1", "nan", "inf", "1e300", "1e-300"])]),
        (0.05, ["--init-rows", random.choice(["-1", "9", "99999999999999999999"])]),
        (0.05, ["--k", random.choice(["0", "-1", "9", "99999999999999999999"])]),
    )
    for chance, words in usual:
        if random.random() < chance:
            flags += words
    return flags


def _npy() -> bytes:
    file = io.BytesIO()
    np.save(file, MATRIX)
    return file.getvalue()


def _tensors() -> bytes:
    return bytes(save({"x": MATRIX}))
