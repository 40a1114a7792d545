"""Folders of drawings; each is written under another name, and renamed when it is complete."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from secfpp.data.readers.folder import TEST_LIST
from secfpp.worlds.icons import IconSet, rasterise
from secfpp.worlds.identities import Identity, Split
from secfpp.worlds.variants import AS_IT_IS, Variant

Step = Callable[[str], None]
"""Called with the name of what is done next."""
DRAFT = ".draft-"
"""Prefix of folders that are not complete; readers pass over names that begin with a dot."""


@dataclass(frozen=True, kw_only=True)
class DrawingFolder:
    """Where drawings of one style go, and how they are changed.

    Parameters
    ----------
    path : Path
        Holds ``class/code.png``.
    identities : tuple of Identity
    variant : Variant
    names : mapping of str to str
        Name of each group's folder; a group that is not in it keeps its own.
    """

    path: Path
    identities: tuple[Identity, ...]
    variant: Variant
    names: Mapping[str, str]

    def place_of(self, identity: Identity) -> Path:
        """Return the path of a drawing in the folder."""
        group = self.names.get(identity.group, identity.group)
        return Path(group.replace(" ", "_")) / f"{identity.code}.png"


@contextmanager
def draft_of(folder: Path) -> Iterator[Path]:
    """Give an empty folder that becomes `folder` when nothing fails."""
    draft = folder.with_name(f"{DRAFT}{folder.name}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    yield draft
    draft.replace(folder)


def write_whole(path: Path, text: str) -> None:
    """Write a text file under another name and rename it."""
    draft = path.with_name(f"{DRAFT}{path.name}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def folders_of_style(
    out: Path, name: str, split: Split, variants: Mapping[str, Mapping[str, Variant]], seed: int
) -> list[DrawingFolder]:
    """List the folders of one style: pre-training, and one a world.

    Parameters
    ----------
    out : Path
    name : str
        Name of the style.
    split : Split
    variants : mapping
        By world and style; a style that is not in it stays as it is.
    seed : int
        Of the ways of naming classes.
    """
    federated = (*split.train, *split.test)
    folders = [
        DrawingFolder(
            path=out / "pretraining" / name,
            identities=split.pretraining,
            variant=AS_IT_IS,
            names={},
        )
    ]
    for world, changed in variants.items():
        variant = changed.get(name, AS_IT_IS)
        folders.append(
            DrawingFolder(
                path=out / world / name,
                identities=federated,
                variant=variant,
                names=variant.rename(split.class_names, seed),
            )
        )
    return folders


def draw_style(folders: Sequence[DrawingFolder], icons: IconSet, side: int, step: Step) -> None:
    """Draw one style into each folder that is not there yet; a drawing is rasterised once."""
    missing = [folder for folder in folders if not folder.path.is_dir()]
    if not missing:
        return
    step(f"drawing {icons.name}")
    drawn: dict[str, NDArray[np.uint8]] = {}
    for folder in missing:
        for identity in folder.identities:
            if identity.code not in drawn:
                drawn[identity.code] = rasterise(icons.svg(identity.code), side)
        _write(folder, drawn)


def _write(folder: DrawingFolder, drawn: Mapping[str, NDArray[np.uint8]]) -> None:
    """Write the drawings of one folder."""
    with draft_of(folder.path) as draft:
        for identity in folder.identities:
            path = draft / folder.place_of(identity)
            path.parent.mkdir(exist_ok=True)
            changed = folder.variant.redraw(drawn[identity.code][None])[0]
            Image.fromarray(changed).save(path)


def write_test_list(root: Path, folders: Sequence[DrawingFolder], test: Sequence[Identity]) -> None:
    """Name the test images of a world in its `TEST_LIST`."""
    lines = [
        (folder.path.relative_to(root) / folder.place_of(identity)).as_posix()
        for folder in folders
        for identity in test
    ]
    write_whole(root / TEST_LIST, "\n".join(sorted(lines)) + "\n")
