"""Writes the vectors from fixed inputs: `python -m tests.vectors.make`.

Inputs that are written here are chosen; all others are SHA-256 of a label, cut to their length, so
that nobody has picked them. What comes out is from this project's functions (`project`). The tests
read the files alone, and hold them to a second implementation (`plain`).
"""

import hashlib
from pathlib import Path
from typing import Any, Final

from tests.vectors import project
from tests.vectors.descriptions import DESCRIPTIONS, ORIGINS
from tests.vectors.notation import NOTATION, as_text, number, numbers, signed
from tests.vectors.published import PUBLISHED

Case = dict[str, Any]

FOLDER: Final = Path(__file__).parent
VERSION: Final = "0.2.0"
"""Of the project whose functions made the vectors."""
_KEY: Final = "2b7e151628aed2a6abf7158809cf4f3c"
_COUNTED: Final = bytes(range(16)).hex()


def drawn_bytes(label: str, size: int = 16) -> bytes:
    """Return bytes that only depend on a label."""
    return hashlib.sha256(f"secfpp vectors: {label}".encode()).digest()[:size]


def drawn(label: str, count: int, bits: int = 64) -> list[int]:
    """Return numbers of so many bits that only depend on a label."""
    return [
        int.from_bytes(drawn_bytes(f"{label} {at}", 8), "big") % (1 << bits) for at in range(count)
    ]


def _seeds(label: str, count: int) -> list[list[str]]:
    """Return root seeds of both parties, one a tree."""
    return [
        [drawn_bytes(f"{label} party {party} tree {tree}").hex() for tree in range(count)]
        for party in (0, 1)
    ]


def _aes_stream() -> list[Case]:
    ring, odd = {"as": "ring", "count": 4}, {"as": "ring", "count": 3}
    bits = [{"as": "bits", "count": 3, "bit_length": length} for length in (1, 20, 63)]
    many = {"as": "sha256", "count": 40000}
    return [
        {"key": _KEY, "nonce": number(0), "draws": [ring, odd, *bits, {"as": "ring", "count": 1}]},
        {"key": _COUNTED, "nonce": number(1 << 32), "draws": [odd, many, ring]},
        {"key": "00" * 16, "nonce": number(-1), "draws": [ring, bits[1]]},
    ]


def _segment_key() -> list[Case]:
    several = [
        ["mask", [[3, 2]], 0, [], ""],
        ["product", [[3, 2], [3, 2]], 0, [[0, 0], [0, 0]], "id,id->i"],
        ["truncation", [[3]], 20, [], ""],
    ]
    this, last = [6, 1], [7, 0]
    compared = [
        ["digits8", [[0, 5], [3, 2]], 32, [this], ""],
        ["product", [[5, 5], [5, 5]], 0, [this, last], "ik,ik->"],
        ["lookup", [[7]], 4, [], ""],
    ]
    odd = [["mask", [[1]], 0, [], 'quote " and \\ and \u00e9 and \U0001f511']]
    asked = [
        (1, "norms", several),
        (5, "iteration 7", compared),
        (2, "means", []),
        (1, "start", odd),
    ]
    return [
        {
            "dealer_key": drawn_bytes(f"dealer key {at}").hex(),
            "job": job,
            "step": step,
            "requests": requests,
        }
        for at, (job, step, requests) in enumerate(asked)
    ]


def _key_agreement() -> list[Case]:
    alice, bob = PUBLISHED["key_agreement"][0]["sides"]
    return [
        {"private": one["private"], "peer_public": other["public"], "context": context}
        for one, other, context in (
            (alice, bob, "secfpp zero sharing s from party:0"),
            (bob, alice, "secfpp zero sharing s from party:0"),
            (alice, bob, ""),
        )
    ]


def _comparison(
    bits: int, ring_bits: int, alpha: list[int], points: list[list[int]], key: str
) -> Case:
    label = f"comparison {bits} {ring_bits}"
    return {
        "num_bits": bits,
        "ring_bits": ring_bits,
        "key": key,
        "seeds": _seeds(label, len(alpha)),
        "alpha": numbers(alpha),
        "beta": numbers(drawn(f"{label} beta", len(alpha), ring_bits), ring_bits),
        "offset": numbers(drawn(f"{label} offset", len(alpha), ring_bits), ring_bits),
        "points": numbers(points),
    }


def _sign(bits: int, ring_bits: int, x: list[int], r: list[int], key: str) -> Case:
    return {
        "kind": "sign",
        "num_bits": bits,
        "ring_bits": ring_bits,
        "key": key,
        "seeds": _seeds(f"sign {bits} {ring_bits}", len(x)),
        "x": numbers(x),
        "r": numbers(r),
    }


def _dcf() -> list[Case]:
    top, third = (1 << 64) - 1, ((1 << 64) - 1) // 3
    edges = [[0], [third - 1], [third], [third + 1], [top]]
    small = [[0, 0], [99, 255], [100, 1], [101, 254], [255, 128]]
    return [
        _comparison(8, 8, [100, 255], small, _COUNTED),
        _comparison(1, 64, [1, 0], [[0, 0], [1, 1]], _COUNTED),
        _comparison(9, 64, [300, 511], [[299, 511], [300, 510], [301, 0], [0, 256]], _KEY),
        _comparison(64, 8, [third], edges, _KEY),
        _comparison(64, 64, [third], edges, _KEY),
    ]


def _signs() -> list[Case]:
    pairs = _sign(20, 8, [], [], _KEY) | {
        "kind": "pairs",
        "blocks": [3, 2],
        "seeds": _seeds("pairs", 4),
        "x": numbers([[500, -3, 500, 70000, -70000]]),
        "r": numbers([drawn("pairs r", 5)]),
    }
    return [
        _sign(64, 8, [-1, (1 << 63) - 1], drawn("sign r", 2), _COUNTED),
        _sign(10, 64, [0, -1, 511, -512], [1023, 0, 700, *drawn("sign r", 1)], _KEY),
        pairs,
    ]


def _dpf() -> list[Case]:
    cases = []
    for bits, ring_bits, alpha in ((1, 64, [1]), (3, 64, [5, 0]), (5, 8, [17]), (7, 8, [100])):
        label = f"point {bits} {ring_bits}"
        cases.append(
            {
                "num_bits": bits,
                "ring_bits": ring_bits,
                "key": _COUNTED,
                "seeds": _seeds(label, len(alpha)),
                "alpha": numbers(alpha),
            }
        )
    return cases


def _signs_by_digits(
    digits: list[int], ring_bits: int, num_parties: int, x: list[int], r: list[int]
) -> Case:
    label, count = f"digits {digits} {ring_bits}", len(x)
    products = 3 << (len(digits) - 1)
    rows = -(-products // 2) if ring_bits == 4 else products
    tables = sum(1 << max(bits - 6, 0) for bits in digits) * count
    size = tables + -(-rows * count * max(ring_bits, 8) // 64)
    flips = -(-(2 * len(digits) - 1) * count // 64)
    return {
        "kind": "signs",
        "digits": digits,
        "ring_bits": ring_bits,
        "x": numbers(x),
        "r": numbers(r),
        "drawn_flips": numbers([drawn(f"{label} flips {p}", flips) for p in range(num_parties)]),
        "drawn_shares": numbers([drawn(f"{label} {p}", size) for p in range(1, num_parties)]),
    }


def _lut_comparison() -> list[Case]:
    plans = [
        {"kind": "plan", "num_bits": bits, "ring_bits": ring_bits}
        for bits, ring_bits in ((2, 8), (8, 4), (16, 64), (32, 4), (32, 8), (40, 64), (48, 8))
    ]
    return [
        *plans,
        _signs_by_digits([3, 2, 2], 8, 2, [-128, 127, -1, 0], [0x55, 0xFF, 0, 0x80]),
        _signs_by_digits([7], 4, 2, [-5, 5], drawn("digits r", 2)),
        _signs_by_digits([4, 3], 64, 3, [-1, 0], drawn("digits r", 2)),
        _signs_by_digits([7, 6, 6, 6, 6], 4, 2, [-(1 << 31), 12345], drawn("digits r", 2)),
    ]


_SPLIT: Final = {
    "signed": ((1 << 40) + 12345, -((1 << 40) + 12345), -1, 0, (1 << 62) - 1, -(1 << 62)),
    "unsigned": ((1 << 40) + 12345, (1 << 63) - 1, 0, 1, (1 << 20) - 1, (1 << 20)),
}


def _masked(label: str, x: tuple[int, ...], r: list[int]) -> Case:
    names = ("x", "r", "quotient", "top")
    return {
        "x": numbers(x),
        "r": numbers(r),
        "drawn_shares": {name: numbers(drawn(f"{label} {name}", len(x))) for name in names},
    }


def _truncation() -> list[Case]:
    cases = []
    for shift in (20, 1, 40):
        for sign, x in _SPLIT.items():
            label = f"truncation {shift} {sign}"
            r = [0, (1 << 64) - 1, (1 << 63) + 1, 7, *drawn(label, len(x))][: len(x)]
            is_signed = sign == "signed"
            cases.append({"shift": shift, "signed": is_signed, **_masked(label, x, r)})
    return cases


def _division() -> list[Case]:
    cases = []
    for divisor in (1, 3, 20, 64, 5000):
        label, x = f"division {divisor}", (1000, -1000, -1, 0, (1 << 62) - 1, 1 - (1 << 62))
        r = [0, (1 << 64) - 1, (1 << 63) + 1, *drawn(label, 3)]
        cases.append({"divisor": divisor, **_masked(label, x, r)})
    return cases


def _lookup() -> list[Case]:
    cases = []
    for bits, x in ((1, [0, 1]), (3, [5, 0, 7]), (4, [9])):
        label, size = f"lookup {bits}", 1 << bits
        cases.append(
            {
                "bit_length": bits,
                "x": numbers(x),
                "r": numbers(drawn(f"{label} r", len(x))),
                "table": numbers([signed(of) for of in drawn(f"{label} table", size)]),
                "drawn_rows": numbers([drawn(f"{label} row {at}", size) for at in range(len(x))]),
            }
        )
    return cases


CASES: Final = {
    "aes_stream": _aes_stream,
    "segment_key": _segment_key,
    "key_agreement": _key_agreement,
    "dcf": _dcf,
    "sign": _signs,
    "dpf": _dpf,
    "lut_comparison": _lut_comparison,
    "truncation": _truncation,
    "division": _division,
    "lookup": _lookup,
}


def document(name: str) -> Case:
    """Return what a file of vectors says."""
    answer = getattr(project, name)
    origin = (
        f"SecFPP {VERSION}, written by `python -m tests.vectors.make`: {ORIGINS[name]} Inputs are "
        "chosen, or are bytes of SHA-256 of a label, as tests/vectors/make.py says."
    )
    whole: Case = {
        "name": name,
        "origin": origin,
        "notation": NOTATION,
        "description": DESCRIPTIONS[name],
        "cases": [{"in": given, "out": answer(given)} for given in CASES[name]()],
    }
    if name in PUBLISHED:
        whole["published"] = PUBLISHED[name]
    return whole


def main() -> None:
    """Write every file."""
    for name in CASES:
        (FOLDER / f"{name}.json").write_text(as_text(document(name)) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
