"""What a viewer shows of an image on a white ground: 8 bits a channel of sRGB.

Pillow's own conversion to RGB clips 16 bits at 255, drops transparency and takes no notice of
colour profiles. Each step here is one of Pillow's, too.
"""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

GREY_MODES = frozenset({"1", "L", "LA", "La"})
MATCHING = {"GRAY": "L", "RGB ": "RGB", "CMYK": "CMYK"}
"""Pillow's mode of the colour spaces that a profile can be for."""
_WHITE = (255, 255, 255)
_SIXTEEN_BITS = 65535
_NO_PROFILE = (ImageCms.PyCMSError, OSError, ValueError, TypeError)  # of bytes that are none


def as_seen(image: Image.Image) -> Image.Image:
    """Return an image in mode RGB, as a viewer shows it on a white ground.

    16 bits are scaled to 8, transparent pixels lie on white, colours of an embedded profile are
    turned into those of sRGB. A profile that is damaged or of another colour space is passed over,
    as viewers do.

    Raises
    ------
    ValueError
        Pixels have 32 bits and nothing says which range is shown.
    """
    profile = image.info.get("icc_profile")
    alpha = _alpha(image)
    colour = _to_srgb(_opaque(image), profile if isinstance(profile, bytes) else None)
    if alpha is None:
        return colour
    return Image.composite(colour, Image.new("RGB", image.size, _WHITE), alpha)


def _alpha(image: Image.Image) -> Image.Image | None:
    """Return how opaque each pixel is, in mode L; None where all are."""
    if not image.has_transparency_data:
        return None
    clear = image.info.get("transparency")
    if _has_16_bits(image):
        return Image.fromarray((np.asarray(image) != clear).astype(np.uint8) * 255)
    if image.mode == "RGB" and isinstance(clear, tuple) and max(clear) > 255:
        image = image.copy()  # of 16 bits a channel, of which Pillow has kept the upper 8
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
        return image.convert("RGBA").convert("RGB")  # at once, Pillow may swap a colour for another
    return image.convert("RGB")


def _has_16_bits(image: Image.Image) -> bool:
    return image.mode.startswith("I")


def _to_8_bits(image: Image.Image) -> Image.Image:
    """Scale 0 to 65535 to 0 to 255, as the PNG standard says."""
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
    """Turn colours of a profile into sRGB's."""
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
    """Return the way from a profile's colours to sRGB; None where there is nothing to do."""
    if mode == "LAB":
        source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    elif profile is None:
        return None
    else:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if MATCHING.get(source.profile.xcolor_space) != mode:
            return None
    return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
