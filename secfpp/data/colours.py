"""Convert images to what a viewer shows on a white ground: sRGB with 8 bits in each channel.

Pillow's own conversion to RGB clips 16 bits at 255, drops transparency and ignores colour profiles.
Each step here uses Pillow, too.
"""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

GREY_MODES = frozenset({"1", "L", "LA", "La"})
MATCHING = {"GRAY": "L", "RGB ": "RGB", "CMYK": "CMYK"}
"""Pillow's modes of the colour spaces of profiles."""
_WHITE = (255, 255, 255)
_SIXTEEN_BITS = 65535
_NO_PROFILE = (
    ImageCms.PyCMSError,
    OSError,
    ValueError,
    TypeError,
)  # of a damaged profile


def as_seen(image: Image.Image) -> Image.Image:
    """Return an image in mode RGB, as a viewer shows it on a white ground.

    16 bits are scaled to 8, transparent pixels become white, and colours of an embedded profile are
    converted to sRGB. A profile that is damaged or of another colour space is ignored, as viewers
    do.

    Raises
    ------
    ValueError
        Pixels have 32 bits and no stated range.
    """
    profile = image.info.get("icc_profile")
    alpha = _alpha(image)
    colour = _to_srgb(_opaque(image), profile if isinstance(profile, bytes) else None)
    if alpha is None:
        return colour
    return Image.composite(colour, Image.new("RGB", image.size, _WHITE), alpha)


def _alpha(image: Image.Image) -> Image.Image | None:
    """Return the opacity of each pixel, in mode L; None if all are opaque."""
    if not image.has_transparency_data:
        return None
    clear = image.info.get("transparency")
    if _has_16_bits(image):
        return Image.fromarray((np.asarray(image) != clear).astype(np.uint8) * 255)
    if image.mode == "RGB" and isinstance(clear, tuple) and max(clear) > 255:
        image = image.copy()  # 16 bits in each channel, of which Pillow has kept the upper 8
        image.info["transparency"] = tuple(value >> 8 for value in clear)
    return image.convert("RGBA").getchannel("A")


def _opaque(image: Image.Image) -> Image.Image:
    """Return the colours alone, 8 bits each, in mode L, RGB, CMYK or LAB."""
    if _has_16_bits(image):
        return _to_8_bits(image)
    if image.mode == "F":
        raise ValueError("pixels of 32 bits say no range that is shown; save it in 8 or 16 bits")
    if image.mode in GREY_MODES:
        return image.convert("L")
    if image.mode in ("CMYK", "LAB"):
        return image
    if image.has_transparency_data:
        return image.convert("RGBA").convert("RGB")  # in one step, Pillow may change a colour
    return image.convert("RGB")


def _has_16_bits(image: Image.Image) -> bool:
    return image.mode.startswith("I")


def _to_8_bits(image: Image.Image) -> Image.Image:
    """Scale 0 to 65535 to 0 to 255, as in the PNG standard."""
    wide = image.convert("I")
    low, high = wide.getextrema()
    if not (isinstance(low, int | float) and isinstance(high, int | float)):
        raise TypeError(f"an image of mode {image.mode} has bands")
    if low < 0 or high > _SIXTEEN_BITS:
        raise ValueError(
            f"pixels from {low} to {high} say no range that is shown; save it in 8 or 16 bits"
        )
    return wide.point(lambda value: value * (255 / _SIXTEEN_BITS) + 0.5).convert("L")


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert colours of a profile to sRGB."""
    try:
        transform = _transform(profile, image.mode)
        if transform is not None:
            turned: Image.Image | None = ImageCms.applyTransform(image, transform)
            if turned is not None:
                return turned
    except _NO_PROFILE:
        if image.mode == "LAB":
            raise
    return image.convert("RGB")


@lru_cache(maxsize=64)
def _transform(profile: bytes | None, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return the conversion from a profile to sRGB; None if none is needed."""
    if mode == "LAB":
        source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    elif profile is None:
        return None
    else:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if MATCHING.get(source.profile.xcolor_space) != mode:
            return None
    return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
