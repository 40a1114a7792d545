"""Icon sets of Iconify as pixels."""

import numpy as np
import pytest

from secfpp.errors import DataError
from secfpp.worlds.icons import IconSet, plain_code, rasterise

pytest.importorskip("resvg_py")

LEFT_HALF = {"body": '<rect width="4" height="8" fill="#f00"/>'}
ICONS = IconSet(
    name="halves",
    content={
        "icons": {"left": {**LEFT_HALF}, "wide": {**LEFT_HALF, "width": 16}},
        "aliases": {
            "right": {"parent": "left", "hFlip": True},
            "left-again": {"parent": "right", "hFlip": True},
            "circle": {"parent": "circle"},
        },
        "width": 8,
        "height": 8,
    },
    icon_of={"1": "left", "2": "right", "3": "left-again", "4": "wide", "5": "gone", "6": "circle"},
)
RED, WHITE = [255, 0, 0], [255, 255, 255]


def test_codes_have_one_spelling() -> None:
    assert plain_code("1F937 1F3FC 200D 2640 FE0F") == plain_code("1f937-1f3fc-200d-2640")


@pytest.mark.parametrize(("code", "left", "right"), [("1", RED, WHITE), ("2", WHITE, RED)])
def test_aliases_are_mirrored(code: str, left: list[int], right: list[int]) -> None:
    image = rasterise(ICONS.svg(code), 16)
    assert image.shape == (16, 16, 3)
    assert image[8, 3].tolist() == left
    assert image[8, 12].tolist() == right


def test_mirrored_twice_is_as_before() -> None:
    np.testing.assert_array_equal(rasterise(ICONS.svg("3"), 16), rasterise(ICONS.svg("1"), 16))


def test_a_wide_drawing_is_fitted_and_centred() -> None:
    image = rasterise(ICONS.svg("4"), 16)
    assert image[8, 1].tolist() == RED
    assert image[1, 1].tolist() == image[14, 1].tolist() == WHITE


@pytest.mark.parametrize("code", ["5", "6", "7"])
def test_a_drawing_that_is_not_there_is_named(code: str) -> None:
    with pytest.raises(DataError, match=f"'halves' has no drawing of '{code}'"):
        ICONS.svg(code)


def test_what_is_no_svg_is_refused() -> None:
    with pytest.raises(DataError, match="not valid SVG"):
        rasterise("<svg", 16)
