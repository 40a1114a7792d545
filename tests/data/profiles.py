"""Colour profiles made by split: a header, a white point, primaries, curves (ICC.1:2001-04)."""

import struct
from collections.abc import Mapping

D50 = (0.9642, 1.0, 0.8249)
SRGB = {
    "rXYZ": (0.4360, 0.2225, 0.0139),
    "gXYZ": (0.3851, 0.7169, 0.0971),
    "bXYZ": (0.1431, 0.0606, 0.7141),
}
LINEAR = b"curv" + bytes(8)


def xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(struct.pack(">i", round(v * 65536)) for v in values)


def icc(space: bytes, tags: Mapping[str, bytes]) -> bytes:
    table, data = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += name.encode() + struct.pack(">II", start + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    header = bytearray(128)
    header[0:4] = struct.pack(">I", start + len(data))
    header[8:24] = b"\x02\x40\0\0mntr" + space + b"XYZ "
    header[36:40] = b"acsp"
    header[68:80] = xyz(D50)[8:]
    return bytes(header) + table + data


def linear_grey() -> bytes:
    """Grey whose values are light itself: 128 of 255 is half of white's light."""
    return icc(b"GRAY", {"wtpt": xyz(D50), "kTRC": LINEAR})


def linear_rgb(order: str = "rgb") -> bytes:
    """The primaries of sRGB, in another order, with linear curves."""
    primaries = {f"{c}XYZ": xyz(SRGB[f"{o}XYZ"]) for c, o in zip("rgb", order, strict=True)}
    curves = {f"{c}TRC": LINEAR for c in "rgb"}
    return icc(b"RGB ", {"wtpt": xyz(D50), **primaries, **curves})
