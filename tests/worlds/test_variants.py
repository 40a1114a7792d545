"""Changes to domains."""

import numpy as np
import pytest

from secfpp.errors import ConfigError
from secfpp.worlds.variants import AS_IT_IS, Variant

CLASSES = tuple("abcdefgh")
IMAGE = np.zeros((1, 2, 2, 3), dtype=np.uint8)
IMAGE[0, 0, 0] = 255  # white in the upper left corner


@pytest.mark.parametrize(
    ("variant", "white"),
    [
        (AS_IT_IS, (0, 0)),
        (Variant(mirrored=True), (0, 1)),
        (Variant(quarter_turns=1), (1, 0)),
        (Variant(quarter_turns=2), (1, 1)),
    ],
)
def test_drawings_are_turned_and_mirrored(variant: Variant, white: tuple[int, int]) -> None:
    changed = variant.redraw(IMAGE)[0]
    assert changed[white].tolist() == [255, 255, 255]
    assert changed.sum() == IMAGE.sum()


def test_inverted_twice_is_as_before() -> None:
    inverted = Variant(inverted=True)
    assert inverted.redraw(IMAGE)[0, 0, 0].tolist() == [0, 0, 0]
    np.testing.assert_array_equal(inverted.redraw(inverted.redraw(IMAGE)), IMAGE)


def test_pairs_trade_names() -> None:
    names = Variant(naming="b", traded_pairs=3).rename(CLASSES, seed=0)
    assert sorted(names.values()) == list(CLASSES)
    assert sum(names[c] != c for c in CLASSES) == 6
    assert all(names[names[c]] == c for c in CLASSES)


def test_domains_with_one_naming_name_alike_and_others_do_not() -> None:
    one, same, other = (Variant(naming=n, traded_pairs=3).rename(CLASSES, 0) for n in "bbc")
    assert one == same != other
    assert AS_IT_IS.rename(CLASSES, 0) == dict(zip(CLASSES, CLASSES, strict=True))


def test_more_pairs_than_classes_are_refused() -> None:
    with pytest.raises(ConfigError, match="5 pairs of classes cannot trade names: there are 8"):
        Variant(naming="b", traded_pairs=5).rename(CLASSES, 0)
