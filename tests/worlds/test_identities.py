"""Names, classes, and the split that is the same in all styles."""

import pytest

from secfpp.errors import DataError
from secfpp.worlds.icons import IconSet, plain_code
from secfpp.worlds.identities import Identity, in_words, list_identities, split_identities
from tests.worlds.shapes import PER_GROUP, icon_set, names

ALL = tuple(
    Identity(code=f"{group}{i}", name=f"{group} {i}", group=group)
    for group, size in (("a", 9), ("b", 7), ("c", 8), ("d", 3))
    for i in range(size)
)


def drawn(*skipped: str) -> IconSet:
    """Return the characters of the shapes but some."""
    chars = icon_set("filled")["chars.json"]
    assert isinstance(chars, dict)
    kept = {plain_code(code): icon for code, icon in chars.items() if code not in skipped}
    return IconSet(name="shapes", content={}, icon_of=kept)


def test_only_what_all_styles_draw_is_listed_without_skin_tones() -> None:
    found = list_identities(names(), [drawn(), drawn("1f300-fe0f")])
    assert len(found) == 3 * PER_GROUP - 1
    assert "1f300" not in {identity.code for identity in found}
    assert {identity.group for identity in found} == {"round", "square", "pointed"}


@pytest.mark.parametrize("emoji", [[{"codes": "1F300"}], ["x"]])
def test_a_malformed_list_is_refused(emoji: list[object]) -> None:
    with pytest.raises(DataError, match="without codes, name or subgroup"):
        list_identities(emoji, [drawn()])  # type: ignore[arg-type]


def test_nothing_in_common_is_refused() -> None:
    with pytest.raises(DataError, match="no character is drawn by all"):
        list_identities(names(), [drawn(), IconSet(name="empty", content={}, icon_of={})])


def test_words() -> None:
    assert in_words("sky & weather") == "sky and weather"
    assert in_words("keycap: #") == "keycap hash"
    assert in_words("pi\u00f1ata") == "pi ata"


def test_parts_are_disjoint_and_classes_balanced() -> None:
    split = split_identities(ALL, num_classes=3, train_per_class=4, test_per_class=2, seed=0)
    assert split.class_names == ("a", "b", "c")
    parts = (split.pretraining, split.train, split.test)
    assert sorted(i.code for part in parts for i in part) == sorted(i.code for i in ALL)
    assert [[i.group for i in part].count("b") for part in parts] == [1, 4, 2]
    assert [i.group for i in split.pretraining].count("d") == 3


def test_another_seed_is_another_split() -> None:
    splits = [
        split_identities(ALL, num_classes=3, train_per_class=4, test_per_class=2, seed=seed)
        for seed in (0, 0, 1)
    ]
    assert splits[0] == splits[1] != splits[2]


def test_groups_that_are_too_small_are_counted() -> None:
    with pytest.raises(DataError, match="3 classes of 8 names are needed, and 2 groups have"):
        split_identities(ALL, num_classes=3, train_per_class=5, test_per_class=2, seed=0)
