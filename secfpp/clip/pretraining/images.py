"""Images and captions for the training of the embedded model; none of them is in the federation.

Handwritten digits come from 800 MNIST images that no domain has, printed ones from sans-serif and
typewriter fonts, backgrounds from the photographs of scikit-image. Every image has four
attributes (`ATTRIBUTES`); a caption states some of them: "a photo of the noisy white on black
digit seven".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from secfpp.data.digits import CLASS_NAMES, contrasting_colours, pad_mnist, split_mnist
from secfpp.data.drawing import IMAGE_SIZE, blend_difference, crop_photographs, draw_digit, quantise
from secfpp.data.sources import (
    PRETRAINING_FONTS,
    PRETRAINING_PHOTOGRAPHS,
    read_mnist,
    read_photograph,
)

# Legend: N images, H height, W width, 3 colour channels, A attributes.

ATTRIBUTES: tuple[tuple[str, ...], ...] = (
    ("sharp", "noisy", "blurry"),
    ("upright", "tilted", "upside down"),
    ("white on black", "black on white", "colorful", "textured"),
    ("handwritten", "printed"),
)
"""The words for each attribute's values, in the order in which a caption names them."""

TEMPLATES = (
    "a photo of the {} digit {}",
    "a photo of a {} {}",
    "the {} digit {}",
    "a picture of the {} number {}",
)
UNSTATED = -1
_FREQUENCIES = ((0.5, 0.25, 0.25), (0.5, 0.2, 0.3), (0.4, 0.15, 0.2, 0.25), (0.6, 0.4))
_QUALITY, TURN, _GROUND, _INK = range(4)
UPSIDE_DOWN = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class PretrainingSet:
    """Images with their digit and attributes.

    Parameters
    ----------
    images_NHW3 : ndarray of uint8, shape (N, 32, 32, 3)
    digits_N : ndarray of int64, shape (N,)
    attributes_NA : ndarray of int64, shape (N, 4)
        Indices into each row of `ATTRIBUTES`.
    """

    images_NHW3: NDArray[np.uint8]
    digits_N: NDArray[np.int64]
    attributes_NA: NDArray[np.int64]


def build_pretraining_set(count: int, rng: np.random.Generator) -> PretrainingSet:
    """Draw `count` images: every digit equally often, attributes by `_FREQUENCIES`."""
    digits_N = rng.permutation(np.arange(count, dtype=np.int64) % 10)
    attributes_NA = np.stack(
        [rng.choice(len(p), size=count, p=p).astype(np.int64) for p in _FREQUENCIES], axis=1
    )
    ink_NHW = _draw_ink(digits_N, attributes_NA, rng)
    painted_NHW3 = _paint_ground(ink_NHW, attributes_NA[:, _GROUND], rng)
    images_NHW3 = _add_noise(painted_NHW3, attributes_NA[:, _QUALITY] == 1, rng)
    return PretrainingSet(images_NHW3=images_NHW3, digits_N=digits_N, attributes_NA=attributes_NA)


def write_caption(digit: int, stated_A: NDArray[np.int64], template: str) -> str:
    """Write the caption of a digit that states the attributes which are not `UNSTATED`."""
    words = [ATTRIBUTES[a][value] for a, value in enumerate(stated_A) if value != UNSTATED]
    return " ".join(template.format(" ".join(words), CLASS_NAMES[digit]).split())


def caption_words() -> tuple[str, ...]:
    """List every word of captions."""
    text = " ".join(
        [
            *(t.replace("{}", "") for t in TEMPLATES),
            *CLASS_NAMES,
            *(w for a in ATTRIBUTES for w in a),
        ]
    )
    return tuple(sorted(set(text.split())))


def _draw_ink(
    digits_N: NDArray[np.int64], attributes_NA: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Draw the digits, turned and blurred by their attributes: uint8 (N, 32, 32)."""
    images, labels = read_mnist()
    pool = split_mnist(labels).pretraining
    of_digit = [pad_mnist(images[pool[labels[pool] == d]]) for d in range(10)]
    ink_NHW = np.empty((len(digits_N), IMAGE_SIZE, IMAGE_SIZE), dtype=np.uint8)
    for i, (digit, attributes_A) in enumerate(zip(digits_N, attributes_NA, strict=True)):
        degrees = _draw_degrees(attributes_A[TURN], rng)
        if attributes_A[_INK] == 0:
            drawing = _vary(of_digit[digit][rng.integers(len(of_digit[digit]))], degrees, rng)
        else:
            drawing = Image.fromarray(_print_digit(digit, degrees, rng))
        if attributes_A[_QUALITY] == 2:
            drawing = _coarsen(drawing, rng)
        ink_NHW[i] = np.asarray(drawing)
    return ink_NHW


def _draw_degrees(turn: int, rng: np.random.Generator) -> float:
    """Draw a rotation: at most 10 degrees if upright or upside down, 15 to 35 degrees if tilted."""
    if turn == 1:
        return float(rng.choice([-1, 1]) * rng.uniform(15, 35))
    return float(rng.uniform(-10, 10)) + (180.0 if turn == UPSIDE_DOWN else 0.0)


def _print_digit(digit: int, degrees: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    return draw_digit(
        int(digit),
        PRETRAINING_FONTS[rng.integers(len(PRETRAINING_FONTS))],
        size_px=int(rng.integers(40, 65)),
        degrees=degrees,
        shift_px=(float(rng.uniform(-6, 6)), float(rng.uniform(-6, 6))),
    )


def _vary(image_HW: NDArray[np.uint8], degrees: float, rng: np.random.Generator) -> Image.Image:
    """Thicken or thin the stroke, then scale, shear, shift and turn about the centre."""
    image = Image.fromarray(image_HW)
    stroke = rng.random()
    if stroke < 0.08:
        image = image.filter(ImageFilter.MinFilter(3))
    elif stroke > 0.8:
        image = image.filter(ImageFilter.MaxFilter(3))
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shear = np.array([[1.0, rng.uniform(-0.2, 0.2)], [0.0, 1.0]])
    scale = np.diag(rng.uniform(0.75, 1.2, 2))
    inverse = scale @ shear @ turn
    centre = np.full(2, (IMAGE_SIZE - 1) / 2)
    offset = centre - inverse @ (centre + rng.uniform(-2, 2, 2))
    coefficients = (*inverse[0], offset[0], *inverse[1], offset[1])
    size = (IMAGE_SIZE, IMAGE_SIZE)
    return image.transform(
        size, Image.Transform.AFFINE, coefficients, resample=Image.Resampling.BILINEAR
    )


def _coarsen(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Shrink to 8 to 12 pixels a side and enlarge again."""
    side = int(rng.integers(8, 13))
    small = image.resize((side, side), Image.Resampling.BOX)
    return small.resize(image.size, Image.Resampling.BICUBIC)


def _paint_ground(
    ink_NHW: NDArray[np.uint8], ground_N: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Lay the ink on black, white, a colour, or a photograph: uint8 (N, 32, 32, 3)."""
    painted = np.repeat(ink_NHW[..., None], 3, axis=-1)
    painted[ground_N == 1] = 255 - painted[ground_N == 1]
    coloured = np.flatnonzero(ground_N == 2)
    foreground, background = contrasting_colours(len(coloured), rng)
    alpha = ink_NHW[coloured, :, :, None] / 255.0
    painted[coloured] = quantise(
        alpha * foreground[:, None, None, :] + (1 - alpha) * background[:, None, None, :]
    )
    textured = np.flatnonzero(ground_N == 3)
    photographs = tuple(read_photograph(name) for name in PRETRAINING_PHOTOGRAPHS)
    crops = crop_photographs(photographs, len(textured), rng)
    painted[textured] = blend_difference(ink_NHW[textured], crops)
    return painted


def _add_noise(
    images_NHW3: NDArray[np.uint8], noisy_N: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Add Gaussian noise of 10 to 35 grey levels to the noisy images, in place."""
    noisy = images_NHW3[noisy_N].astype(np.float64)
    scale = rng.uniform(10, 35, (len(noisy), 1, 1, 1))
    images_NHW3[noisy_N] = quantise(noisy + scale * rng.normal(size=noisy.shape))
    return images_NHW3
