"""Cases of folders of images: every mode and format that Pillow writes, whole and damaged."""

from __future__ import annotations

import functools
import io
import struct
import zlib
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

from tests.fuzz.command import Case
from tests.fuzz.damage import damaged
from tests.fuzz.odd_files import foreign, put

MODES = (
    *(
        "1",
        "L",
        "LA",
        "La",
        "P",
        "PA",
        "RGB",
        "RGBA",
        "RGBa",
        "RGBX",
        "CMYK",
        "YCbCr",
        "LAB",
        "HSV",
    ),
    *("I", "F", "I;16", "I;16B", "I;16L"),
)
SIZES = ((8, 8), (1, 40))
NEVER_ENOUGH = ("--images-per-client", "1000", "--max-unreadable", "1000")


def images(random: Random, folder: Path) -> Case:
    """Return a run on images of all kinds, which are too few for it."""
    data = folder / "data"
    for domain in "ab":
        for name in ("one", "two"):
            (data / domain / name).mkdir(parents=True)
            Image.new("RGB", (8, 8), (9, 9, 9)).save(data / domain / name / "good.png")
            for number in range(random.choice([1, 4, 8])):
                suffix = random.choice([".png", ".jpg", ".JPEG"])
                _put_image(random, data / domain / name / f"{number}{suffix}")
    words = ("run", "--data", data, "--cache-dir", folder / "cache", *NEVER_ENOUGH)
    return Case(words=words, blamed=(str(data), "domain 'a'", "images of 'a'"), kept=(data,))


def _put_image(random: Random, path: Path) -> None:
    content, way = random.choice(_saved()), random.random()
    if way < 0.05:
        put(random, path, content)
        return
    if way < 0.3:
        content = damaged(random, content)
    elif way < 0.35:
        content = foreign(random)
    elif way < 0.4:
        side = random.choice([0, 20_000, 2**31 - 1])
        content = _png_that_promises(side, random.choice([1, side]))
    path.write_bytes(content)


@functools.cache
def _saved() -> tuple[bytes, ...]:
    """Return a file of every mode, format and size that Pillow can write."""
    Image.init()
    found = []
    for mode in MODES:
        for kind in sorted(set(Image.SAVE) - {"PDF"}):
            for size in SIZES:
                file = io.BytesIO()
                try:
                    _image(mode, size).save(file, kind)
                except Exception:  # noqa: S112  the format has no such mode or size
                    continue
                found.append(file.getvalue())
    return tuple(found)


def _image(mode: str, size: tuple[int, int]) -> Image.Image:
    """Return noise in a mode, with a palette that has transparent colours where there is one."""
    image = Image.new(mode, size)
    noise = np.random.default_rng(0).bytes(len(image.tobytes()))
    image.frombytes(noise)
    if mode in ("P", "PA"):
        image.putpalette(bytes(range(256)) * 3)
    if mode == "P":
        image.info["transparency"] = bytes(range(256))
    return image


def _png_that_promises(width: int, height: int) -> bytes:
    """Return a PNG of a size that it does not have."""
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(bytes(1000))),
        (b"IEND", b""),
    )
    packed = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)
