"""Draw digits from TrueType fonts, and lay them over photographs."""

from __future__ import annotations

import io
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from secfpp.data.sources import font

# Legend: N images, H height, W width, 3 colour channels.

IMAGE_SIZE = 32
_CANVAS = 2 * IMAGE_SIZE


@cache
def _load_font(name: str, size_px: int) -> ImageFont.FreeTypeFont:
    """Load a matplotlib font with the BASIC layout, which needs no system library."""
    return ImageFont.truetype(
        io.BytesIO(font(name).read()), size_px, layout_engine=ImageFont.Layout.BASIC
    )


def draw_digit(
    digit: int, font_name: str, *, size_px: int, degrees: float, shift_px: tuple[float, float]
) -> NDArray[np.uint8]:
    """Draw one digit as coverage.

    Parameters
    ----------
    digit : int
        0..9.
    font_name : str
        A font of matplotlib, without its suffix.
    size_px : int
        Font size on the canvas, which is twice the image's size.
    degrees : float
        Counter-clockwise rotation about the centre.
    shift_px : tuple of float
        Displacement to the right and down, in pixels of the canvas.

    Returns
    -------
    ndarray of uint8, shape (32, 32)
        255 where ink covers the pixel.
    """
    canvas = Image.new("L", (_CANVAS, _CANVAS))
    ImageDraw.Draw(canvas).text(
        (_CANVAS / 2 + shift_px[0], _CANVAS / 2 + shift_px[1]),
        str(digit),
        fill=255,
        font=_load_font(font_name, size_px),
        anchor="mm",
    )
    turned = canvas.rotate(degrees, resample=Image.Resampling.BICUBIC)
    small = turned.resize((IMAGE_SIZE, IMAGE_SIZE), resample=Image.Resampling.BOX)
    return np.asarray(small, dtype=np.uint8)


def crop_photographs(
    photographs: tuple[NDArray[np.uint8], ...], count: int, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Cut `count` random squares: uint8 (N, 32, 32, 3)."""
    crops = np.empty((count, IMAGE_SIZE, IMAGE_SIZE, 3), dtype=np.uint8)
    for i, which in enumerate(rng.integers(len(photographs), size=count)):
        photo = photographs[which]
        top = rng.integers(photo.shape[0] - IMAGE_SIZE + 1)
        left = rng.integers(photo.shape[1] - IMAGE_SIZE + 1)
        crops[i] = photo[top : top + IMAGE_SIZE, left : left + IMAGE_SIZE]
    return crops


def to_rgb(grey_NHW: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Repeat grey values over the three channels: (N, H, W) to (N, H, W, 3)."""
    return np.repeat(grey_NHW[..., None], 3, axis=-1)


def blend_difference(
    digits_NHW: NDArray[np.uint8], photos_NHW3: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Invert photographs under the ink, ``|photo - digit|``: the recipe of MNIST-M."""
    difference = photos_NHW3.astype(np.int16) - digits_NHW[..., None].astype(np.int16)
    return np.abs(difference).astype(np.uint8)


def paint(
    ink_NHW: NDArray[np.uint8],
    foreground_N3: NDArray[np.float64],
    background_NHW3: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Lay ink of one colour for each image over a background; float64 (N, H, W, 3) in 0..255."""
    alpha = ink_NHW[..., None] / 255.0
    return alpha * foreground_N3[:, None, None, :] + (1 - alpha) * background_NHW3


def quantise(images: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Round to uint8, saturating at 0 and 255."""
    return np.clip(np.rint(images), 0, 255).astype(np.uint8)
