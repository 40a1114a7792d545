"""Small folders in the layouts of published data sets, for presets."""

from collections.abc import Sequence
from itertools import count
from pathlib import Path

from secfpp.data.readers import coop, fedbn
from tests.data.pictures import coop_split, save_noise

CLASSES = tuple(f"class {c}" for c in range(12))
TRAIN, TEST = 4, 2
"""Images of a class in each part; of a domain without a split, together."""


def published(preset: str, folder: Path, *, classes: int = len(CLASSES)) -> str:
    """Write the data of a preset below `folder`; return what `--data` is given.

    A layout with classes of its own has all of them.
    """
    names = CLASSES[:classes]
    if preset in coop.LAYOUTS:
        layout = coop.LAYOUTS[preset]
        base = folder / layout.folder
        coop_split(
            base, preset, {"train": _lines(names, "a", TRAIN), "test": _lines(names, "b", TEST)}
        )
        return f"{preset}:{folder}"
    if preset in fedbn.LAYOUTS:
        known = fedbn.LAYOUTS[preset]
        _tree(folder / known.folder, known.domains, known.class_names)
        return f"{preset}:{folder}"
    _tree(folder / "DomainNet", fedbn.LAYOUTS["domainnet"].domains, names)
    return str(folder / "DomainNet")


def _lines(names: Sequence[str], part: str, images: int) -> list[list[object]]:
    """Return the lines of one part of CoOp's split file."""
    return [
        [f"{name}/{part}{i}.jpg", label, name]
        for label, name in enumerate(names)
        for i in range(images)
    ]


def _tree(root: Path, domains: Sequence[str], class_names: Sequence[str]) -> None:
    """Write DOMAIN/CLASS/*.png, every image like no other."""
    seed = count()
    for domain in domains:
        for class_name in class_names:
            for i in range(TRAIN + TEST):
                save_noise(root / domain / class_name / f"{i}.png", seed=next(seed))
