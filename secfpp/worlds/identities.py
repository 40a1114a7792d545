"""Names that every style draws, their classes, and how they are split.

A name has one drawing a style. The split is by name and the same in all styles, so that no name of
the tests was seen in another style.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from secfpp.errors import DataError
from secfpp.json_file import JsonValue
from secfpp.seeds import Seeds
from secfpp.worlds.icons import IconSet, plain_code

Part = Literal["pre-training", "train", "test"]
_SKIN_TONES = frozenset({"1f3fb", "1f3fc", "1f3fd", "1f3fe", "1f3ff"})


@dataclass(frozen=True, kw_only=True)
class Identity:
    """One character.

    Parameters
    ----------
    code : str
        Code points, see `plain_code`.
    name : str
        In plain words, e.g. ``"dog face"``.
    group : str
        Its subgroup, e.g. ``"animal mammal"``.
    """

    code: str
    name: str
    group: str


@dataclass(frozen=True, kw_only=True)
class Split:
    """Names by what they are for.

    Parameters
    ----------
    class_names : tuple of str
        Groups that are classes, in alphabetical order.
    pretraining : tuple of Identity
        Names of other groups among them.
    train, test : tuple of Identity
        Names of classes only.
    """

    class_names: tuple[str, ...]
    pretraining: tuple[Identity, ...]
    train: tuple[Identity, ...]
    test: tuple[Identity, ...]


def list_identities(emoji: JsonValue, icon_sets: Sequence[IconSet]) -> tuple[Identity, ...]:
    """List the characters that all sets draw, without variants of skin tone.

    Parameters
    ----------
    emoji : list of objects with ``codes``, ``name`` and ``subgroup``
    icon_sets : sequence of IconSet

    Raises
    ------
    DataError
        The list of characters is not as described, or no character is in all sets.
    """
    found: dict[str, Identity] = {}
    for entry in emoji if isinstance(emoji, list) else []:
        if not isinstance(entry, dict) or not {"codes", "name", "subgroup"} <= set(entry):
            raise DataError("the list of characters has an entry without codes, name or subgroup")
        code = plain_code(str(entry["codes"]))
        if code in found or _SKIN_TONES & set(code.split("-")):
            continue
        if all(code in icons.icon_of for icons in icon_sets):
            name, group = in_words(str(entry["name"])), in_words(str(entry["subgroup"]))
            found[code] = Identity(code=code, name=name, group=group)
    if not found:
        raise DataError("no character is drawn by all icon sets")
    return tuple(found.values())


def in_words(text: str) -> str:
    """Return lower-case words of ASCII letters and digits, with single spaces between."""
    spelled = text.lower().replace("&", " and ").replace("#", " hash ").replace("*", " asterisk ")
    kept = "".join(c if c.isascii() and c.isalnum() else " " for c in spelled)
    return " ".join(kept.split()) or "symbol"


def split_identities(
    identities: Sequence[Identity],
    *,
    num_classes: int,
    train_per_class: int,
    test_per_class: int,
    seed: int,
) -> Split:
    """Make classes of the largest groups, and draw names of each for training and tests.

    Raises
    ------
    DataError
        Groups are too few or too small; at least one name of a class is kept for pre-training.
    """
    sizes = Counter(identity.group for identity in identities)
    largest = sorted(sizes, key=lambda group: (-sizes[group], group))[:num_classes]
    needed = train_per_class + test_per_class + 1
    if len(largest) < num_classes or sizes[largest[-1]] < needed:
        raise DataError(
            f"{num_classes} classes of {needed} names are needed, and "
            f"{sum(size >= needed for size in sizes.values())} groups have as many"
        )
    parts: dict[Part, list[Identity]] = {"pre-training": [], "train": [], "test": []}
    parts["pre-training"] += [i for i in identities if i.group not in largest]
    for group in sorted(largest):
        members = [identity for identity in identities if identity.group == group]
        order = Seeds(seed).numpy(f"split of {group}").permutation(len(members)).tolist()
        cuts = (train_per_class, train_per_class + test_per_class)
        parts["train"] += [members[i] for i in order[: cuts[0]]]
        parts["test"] += [members[i] for i in order[cuts[0] : cuts[1]]]
        parts["pre-training"] += [members[i] for i in order[cuts[1] :]]
    return Split(
        class_names=tuple(sorted(largest)),
        pretraining=tuple(parts["pre-training"]),
        train=tuple(parts["train"]),
        test=tuple(parts["test"]),
    )
