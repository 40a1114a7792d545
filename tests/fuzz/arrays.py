"""Arrays as numpy and safetensors keep them, with headers that neither would write."""

from __future__ import annotations

import io
from random import Random

import numpy as np
from safetensors.numpy import save

from secfpp.json_file import JsonValue
from tests.fuzz.json_values import mutated

DESCRIPTIONS = (
    *("'<f8'", "'<f8'", "'<f8'", "'<f8'", "'>f4'", "'<f2'", "'<f16'", "'<i8'", "'|u1'", "'|b1'"),
    *("'<c16'", "'|O'", "'|O8'", "'|S5'", "'<U3'", "'|V8'", "'<M8[s]'", "'<m8'", "''", "'<f3'"),
    *("[('a','<f8')]", "[('a','<f8',(2,2))]", "[('a','|O')]", "[]", "('<f8',(3,))", "5", "None"),
    *("__import__('os').abort()", "'<f8' if 1 else 2", "b'<f8'", "'f8,f8'", "'<f8' '<f8'", "...'"),
)
SHAPES = (
    *("(2, 3)", "(2, 3)", "(2, 3)", "(3, 2)", "(6,)", "()", "(0, 3)", "(2, 0)", "(1, 2, 3)", "6"),
    *("(-1, 3)", "(2, -3)", f"({10**30}, 3)", f"({2**62}, 2)", f"({2**63}, 2)", "(10**9, 9)"),
    *(f"({10**11}, 1000)", "[2, 3]", "(2.0, 3)", "(True, 6)", "(None, 3)", "('2', 3)", "None"),
    *("(2, 3, ", "(" * 200 + "2" + ")" * 200, f"({', '.join(['1'] * 70)},)", "(2L, 3L)"),
)
ORDERS = ("False", "False", "True", "1", "'yes'", "None", "not False")
VERSIONS = (b"\1\0", b"\1\0", b"\2\0", b"\3\0", b"\0\0", b"\x09\0", b"\xff\xff")


def npy(random: Random) -> bytes:
    """Return a file of numpy's: a usual one, or one with a header made up."""
    if random.random() < 0.3:
        return _saved(random)
    fields = [
        f"'descr': {random.choice(DESCRIPTIONS)}",
        f"'fortran_order': {random.choice(ORDERS)}",
        f"'shape': {random.choice(SHAPES)}",
    ]
    if random.random() < 0.15:
        fields.append(random.choice(["'more': 1", "'shape': (1, 1)", "5: 5", "**{}"]))
    if random.random() < 0.1:
        fields.pop(random.randrange(len(fields)))
    random.shuffle(fields)
    header = "{" + ", ".join(fields) + ", }"
    header += " " * random.choice([0, 10, 64, 20000]) + random.choice(["\n", "", "\0"])
    version = random.choice(VERSIONS)
    size = len(header) + random.choice([0, 0, 0, 0, -1, 1, 1000])
    length = max(size, 0).to_bytes(2 if version == b"\1\0" else 4, "little")
    numbers = np.arange(random.choice([0, 1, 6, 6, 6, 30]), dtype=np.float64).tobytes()
    return b"\x93NUMPY" + version + length + header.encode("latin-1") + numbers


def safetensors(random: Random) -> bytes:
    """Return a file of safetensors, usual or with another header."""
    whole: bytes = save({"x": np.arange(6.0).reshape(2, 3), "y": np.eye(2, dtype=np.float32)})
    if random.random() < 0.2:
        return whole
    described: JsonValue = {
        "x": {
            "dtype": random.choice(["F64", "F64", "F16", "BF16", "F8_E4M3", "I64", "BOOL", "C64"]),
            "shape": [*random.choice([[2, 3], [6], [0, 3], [2**40, 2**40], [1, 6]])],
            "data_offsets": [*random.choice([[0, 48], [0, 8], [8, 0], [0, 2**62], [-1, 48]])],
        },
        "__metadata__": {"format": "np"},
    }
    header = mutated(random, described)
    length = len(header) + random.choice([0, 0, 0, -1, 7, 2**40])
    return (max(length, 0) % 2**63).to_bytes(8, "little") + header + bytes(48)


def _saved(random: Random) -> bytes:
    """Return what numpy writes of arrays of many kinds."""
    arrays = (
        np.eye(3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.array([[np.nan, 1.0], [np.inf, 2.0]]),
        np.array([[1e308, -1e308], [5e-324, 0.0]]),
        np.array([[{}]], dtype=object),
        np.zeros(2, dtype=[("a", "<f8"), ("b", "<i4")]),
        np.array([["a", "b"]]),
        np.array([["2020-01-01"]], dtype="M8[D]"),
        np.ones((2, 2), dtype=np.longdouble),
        np.ones((2, 2), dtype=">f2"),
        np.ones((2, 3)) * 1j,
        np.ones((2, 2), dtype=bool),
        np.array(5.0),
        np.zeros((0, 0)),
    )
    file = io.BytesIO()
    np.save(file, random.choice(arrays), allow_pickle=True)
    return file.getvalue()
