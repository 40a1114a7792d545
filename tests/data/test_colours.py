"""Pixels are those that a viewer shows on a white ground, whatever the file's mode.

References are formulas: v / 257 of 16 bits, alpha * colour + (1 - alpha) * white, and the curve of
sRGB (IEC 61966-2-1) for linear light.
"""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from secfpp.data.images import decode
from secfpp.data.load import load_domains
from secfpp.data.readers.listing import ReadOptions
from tests.data.pictures import save
from tests.data.profiles import icc, linear_grey, linear_rgb, xyz

SIZE = 4


def seen(image: Image.Image, form: str = "PNG", **options: object) -> list[int]:
    """Return the one colour of an image of one colour after it was saved and read."""
    file = io.BytesIO()
    image.save(file, form, **options)
    pixels = decode(file.getvalue(), SIZE)
    assert (pixels == pixels[0, 0]).all()
    colour: list[int] = pixels[0, 0].tolist()
    return colour


def srgb_of_light(light: float) -> int:
    curved = 12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055
    return round(255 * curved)


@pytest.mark.parametrize("value", [0, 128, 129, 257, 1000, 25_700, 40_000, 65_535])
def test_16_bits_are_scaled_not_clipped(value: int) -> None:
    grey = Image.fromarray(np.full((SIZE, SIZE), value, dtype=np.uint16))
    assert grey.mode == "I;16"
    assert seen(grey) == [round(value / 257)] * 3
    assert seen(grey, "TIFF") == [round(value / 257)] * 3


def test_16_bits_with_a_transparent_value() -> None:
    grey = Image.fromarray(np.full((SIZE, SIZE), 300, dtype=np.uint16))
    assert seen(grey, transparency=300) == [255] * 3
    assert seen(grey, transparency=301) == [1] * 3


@pytest.mark.parametrize("alpha", [0, 1, 100, 254, 255])
@pytest.mark.parametrize(
    ("mode", "colour"),
    [("LA", (40,)), ("RGBA", (10, 0, 200)), ("RGBA", (0, 0, 0)), ("LA", (0,))],
)
def test_transparent_pixels_lie_on_white(mode: str, colour: tuple[int, ...], alpha: int) -> None:
    expected = [
        round(alpha / 255 * c + (1 - alpha / 255) * 255) for c in colour * (3 // len(colour))
    ]
    found = seen(Image.new(mode, (SIZE, SIZE), (*colour, alpha)))
    assert np.abs(np.subtract(found, expected)).max() <= 1


@pytest.mark.parametrize("transparency", [7, bytes([255] * 7 + [0])])
def test_palettes_with_a_transparent_colour(transparency: int | bytes) -> None:
    image = Image.new("P", (SIZE, SIZE), 7)
    image.putpalette([0, 0, 0] * 256)
    assert seen(image, transparency=transparency) == [255] * 3
    assert seen(image, "GIF", transparency=7) == [255] * 3
    assert seen(image) == [0] * 3


def test_palettes_with_half_transparent_colours() -> None:
    image = Image.new("P", (SIZE, SIZE), 1)
    image.putpalette([9, 9, 9, 200, 0, 0, *([0] * 762)])
    assert (
        np.abs(np.subtract(seen(image, transparency=bytes([255, 51])), [244, 204, 204])).max() <= 1
    )


@pytest.mark.parametrize(
    ("mode", "colour", "clear"),
    [("L", 9, 9), ("RGB", (1, 2, 3), (1, 2, 3)), ("1", 0, 0), ("L", 0, 0)],
)
def test_a_colour_that_stands_for_transparency(
    mode: str, colour: int | tuple[int, ...], clear: int | tuple[int, ...]
) -> None:
    image = Image.new(mode, (SIZE, SIZE), colour)
    assert seen(image, transparency=clear) == [255] * 3
    assert seen(image) != [255] * 3


@pytest.mark.parametrize("order", ["rgb", "grb", "bgr"])
def test_colours_of_a_profile_are_turned_into_those_of_srgb(order: str) -> None:
    image = Image.new("RGB", (SIZE, SIZE), (128, 0, 0))
    expected = [0, 0, 0]
    expected["rgb".index(order[0])] = srgb_of_light(128 / 255)
    found = seen(image, icc_profile=linear_rgb(order))
    assert np.abs(np.subtract(found, expected)).max() <= 2
    transparent = Image.new("RGBA", (SIZE, SIZE), (128, 0, 0, 0))
    assert seen(transparent, icc_profile=linear_rgb(order)) == [255] * 3


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_greys_of_a_profile(mode: str) -> None:
    image = Image.new(mode, (SIZE, SIZE), (128, 255) if mode == "LA" else 128)
    assert srgb_of_light(128 / 255) == 188
    assert np.abs(np.subtract(seen(image, icc_profile=linear_grey()), 188)).max() <= 1
    wide = Image.fromarray(np.full((SIZE, SIZE), 128 * 257, dtype=np.uint16))
    assert np.abs(np.subtract(seen(wide, icc_profile=linear_grey()), 188)).max() <= 1


@pytest.mark.parametrize(
    "profile",
    [
        b"no profile",
        b"",
        linear_grey(),
        linear_rgb()[:200],
        icc(b"RGB ", {"wtpt": xyz((1.0, 1.0, 1.0))}),
        icc(b"CMYK", {}),
    ],
    ids=["junk", "empty", "of grey", "cut short", "without primaries", "of another space"],
)
def test_a_profile_that_cannot_be_used_is_passed_over(profile: bytes) -> None:
    image = Image.new("RGB", (SIZE, SIZE), (128, 7, 1))
    assert seen(image, icc_profile=profile) == [128, 7, 1]


def test_lab_and_cmyk() -> None:
    lab = Image.new("LAB", (SIZE, SIZE), (255, 128, 128))
    assert np.abs(np.subtract(seen(lab, "TIFF"), 255)).max() <= 1
    cmyk = Image.new("CMYK", (SIZE, SIZE), (0, 0, 0, 255))
    assert seen(cmyk, "JPEG") == [0, 0, 0]


@pytest.mark.parametrize(("mode", "value"), [("F", 0.5), ("I", -1), ("I", 70_000)])
def test_pixels_without_a_range_are_unreadable_and_said_to_be(
    mode: str, value: float, tmp_path: Path
) -> None:
    for name in ("cat", "dog"):
        save(tmp_path / "d" / name / "1.png")
    image = Image.new(mode, (SIZE, SIZE), value)
    image.save(tmp_path / "d" / "cat" / "deep.png", "TIFF")
    found = load_domains(str(tmp_path), ReadOptions(image_size=8, max_unreadable=1))
    assert found.skipped == 1


def test_plain_colours_are_what_they_were() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    np.testing.assert_array_equal(decode(file.getvalue(), SIZE), pixels)
