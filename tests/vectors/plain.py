"""A second implementation of every primitive, in plain integers, from the descriptions alone.

Nothing of `mpc` is used, nor NumPy. One tree, one number or one element is computed at a time. AES
comes from `cryptography`, HMAC and SHA-256 from the standard library.
"""

from typing import Any

from tests.vectors.notation import RING, integers, numbers
from tests.vectors.plain_digits import lut_comparison
from tests.vectors.plain_streams import aes_stream, key_agreement, segment_key
from tests.vectors.plain_trees import dcf, dpf, sign

__all__ = [
    "aes_stream",
    "dcf",
    "division",
    "dpf",
    "key_agreement",
    "lookup",
    "lut_comparison",
    "segment_key",
    "sign",
    "truncation",
]

Case = dict[str, Any]


def truncation(given: Case) -> Case:
    """Divide what masks hide by 2^shift, rounding down, or up."""
    shift, offset = given["shift"], 1 << 62 if given["signed"] else 0
    r = integers(given["r"])
    parts = [of >> shift for of in r], [of >> 63 for of in r]
    opened = [(a + b) % RING for a, b in zip(integers(given["x"]), r, strict=True)]
    public = [((z + offset) % RING >> shift) - (offset >> shift) for z in opened]
    may_wrap = [1 - ((z + offset) % RING >> 63) for z in opened]
    factors = [of << (64 - shift) for of in may_wrap]
    return _quotient(given, parts, opened, public, factors)


def division(given: Case) -> Case:
    """Divide what masks hide by a public number, up to less than 2."""
    divisor, offset = given["divisor"], 1 << 62
    r = integers(given["r"])
    parts = [of // divisor for of in r], [of >> 63 for of in r]
    opened = [(a + b) % RING for a, b in zip(integers(given["x"]), r, strict=True)]
    public = [(z + offset) % RING // divisor - offset // divisor for z in opened]
    factors = [(1 - ((z + offset) % RING >> 63)) * (RING // divisor) for z in opened]
    return _quotient(given, parts, opened, public, factors)


def _quotient(
    given: Case,
    parts: tuple[list[int], list[int]],
    opened: list[int],
    public: list[int],
    factors: list[int],
) -> Case:
    """Return shares of public - part + factor * top."""
    theirs = [integers(given["drawn_shares"][name]) for name in ("quotient", "top")]
    first = [
        [(whole - share) % RING for whole, share in zip(*both, strict=True)]
        for both in zip(parts, theirs, strict=True)
    ]
    shares = []
    for party, (quotients, tops) in enumerate((first, theirs)):
        rows = zip(public, quotients, factors, tops, strict=True)
        shares.append([(a * (party == 0) - b + c * d) % RING for a, b, c, d in rows])
    return {
        "quotient_of_r": numbers(parts[0]),
        "top_of_r": numbers(parts[1]),
        "first_share": {"quotient": numbers(first[0]), "top": numbers(first[1])},
        "opened": numbers(opened),
        "shares": numbers(shares),
        "value": numbers([sum(each) % RING for each in zip(*shares, strict=True)]),
    }


def lookup(given: Case) -> Case:
    """Look up a table at a number that a mask hides, with a one-hot row."""
    bits = given["bit_length"]
    size = 1 << bits
    x, r, table = (integers(given[name]) for name in ("x", "r", "table"))
    rows = [[int(place == of % size) for place in range(size)] for of in r]
    theirs = integers(given["drawn_rows"])
    first = [
        [(a - b) % RING for a, b in zip(*both, strict=True)]
        for both in zip(rows, theirs, strict=True)
    ]
    opened = [(a + b) % RING for a, b in zip(x, r, strict=True)]
    shares = [
        [
            sum(row[j] * table[(z - j) % size] for j in range(size)) % RING
            for row, z in zip(of, opened, strict=True)
        ]
        for of in (first, theirs)
    ]
    return {
        "one_hot": rows,
        "first_rows": numbers(first),
        "opened": numbers(opened),
        "shares": numbers(shares),
        "entry": numbers([sum(each) % RING for each in zip(*shares, strict=True)]),
    }
