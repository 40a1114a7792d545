"""How vectors write numbers and bytes, and how a document becomes text."""

import json
from typing import Any, Final

RING: Final = 1 << 64
NOTATION: Final = (
    "Numbers of 64 bits are texts of 0x and 16 hexadecimal digits, the most significant one first; "
    "a negative number stands as 2^64 more. Numbers mod 2^4 and 2^8 are written alike, with 1 and "
    "2 digits. Bytes are texts of hexadecimal digits without 0x, the first byte first. Long bytes "
    "are a list of such texts, to be put one behind the other. Small public numbers are JSON "
    "integers."
)
_LINE_BYTES: Final = 40


def number(value: int, ring_bits: int = 64) -> str:
    """Return a number mod 2^ring_bits as text."""
    return f"0x{int(value) % (1 << ring_bits):0{ring_bits // 4}x}"


def numbers(values: Any, ring_bits: int = 64) -> Any:
    """Return numbers in nested sequences as texts in nested lists."""
    if hasattr(values, "tolist"):
        values = values.tolist()
    if isinstance(values, list | tuple):
        return [numbers(value, ring_bits) for value in values]
    return number(values, ring_bits)


def integers(texts: Any) -> Any:
    """Return what `numbers` wrote, without signs."""
    if isinstance(texts, list):
        return [integers(text) for text in texts]
    return int(texts, 16)


def signed(value: int, bits: int = 64) -> int:
    """Return a number mod 2^bits in two's complement."""
    value %= 1 << bits
    return value - (value >> (bits - 1) << bits)


def lines(data: bytes) -> list[str]:
    """Return long bytes as a list of texts."""
    return [data[at : at + _LINE_BYTES].hex() for at in range(0, len(data), _LINE_BYTES)]


def joined(texts: list[str]) -> bytes:
    """Return what `lines` wrote."""
    return bytes.fromhex("".join(texts))


def as_text(value: Any, indent: str = "") -> str:
    """Return JSON of ASCII; what fits a line of 100 characters is on one line."""
    short = json.dumps(value)
    if len(indent) + len(short) < 96 or not isinstance(value, dict | list):
        return short
    deeper = indent + " "
    if isinstance(value, dict):
        parts = [f"{json.dumps(key)}: {as_text(of, deeper)}" for key, of in value.items()]
        start, end = "{", "}"
    else:
        parts = [as_text(of, deeper) for of in value]
        start, end = "[", "]"
    return f"{start}\n{deeper}" + f",\n{deeper}".join(parts) + f"\n{indent}{end}"
