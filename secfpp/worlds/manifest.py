"""The record of what was built, with checksums; and the licences of the art."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from secfpp.errors import DataError, reason
from secfpp.json_file import JsonValue, read_json
from secfpp.worlds.recipe import Recipe

MANIFEST = "manifest.json"
LICENCES = "LICENCES.md"
_PACKAGES = ("secfpp", "resvg_py", "torch", "timm", "open_clip_torch", "numpy", "pillow")

_LICENCES = """\
# Licences of the art

The drawings in this folder were made from these packages of npm's registry. Whoever passes them on
names the authors and keeps the licences; OpenMoji's is CC BY-SA 4.0, so changed drawings keep that
licence. Drawings in the worlds with changes were turned, mirrored, inverted or filed under other
names.

| domain | author | licence | source | package | sha256 of the package |
|---|---|---|---|---|---|
{styles}

Names and groups: {names}, {names_licence}.
Image tower: timm's {tower}, weights {weights}, {tower_licence}.
"""


def recipe_digest(recipe: Recipe) -> str:
    """Return the sha256 (hex) of everything that the built files depend on but libraries."""
    text = json.dumps(asdict(recipe), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def render_licences(recipe: Recipe) -> str:
    """Return the text of the file of licences."""
    rows = [
        f"| {style.name} | {style.author} | {style.licence} | {style.source} | "
        f"{style.package.label} | {style.package.sha256} |"
        for style in recipe.styles
    ]
    weights = recipe.tower.weights
    return _LICENCES.format(
        styles="\n".join(rows),
        names=recipe.names.label,
        names_licence=recipe.names_licence,
        tower=recipe.tower.name,
        weights="random" if weights is None else f"of {weights.label} (sha256 {weights.sha256})",
        tower_licence=recipe.tower.licence,
    )


def tree_digest(root: Path) -> tuple[str, int]:
    """Return the sha256 (hex) of the names and contents of all files below, and their number."""
    digest, count = hashlib.sha256(), 0
    for path in sorted(_files(root), key=lambda path: path.relative_to(root).as_posix()):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(root).as_posix()} {content}\n".encode())
        count += 1
    return digest.hexdigest(), count


def _files(root: Path) -> Iterator[Path]:
    return (path for path in root.rglob("*") if path.is_file())


def describe_build(recipe: Recipe, out: Path, parts: tuple[str, ...]) -> dict[str, JsonValue]:
    """Return the record of what was built: recipe, versions, and the checksum of each part."""
    described: dict[str, JsonValue] = {}
    for part in parts:
        digest, count = tree_digest(out / part)
        described[part] = {"sha256": digest, "files": count}
    return {
        "recipe_sha256": recipe_digest(recipe),
        "recipe": json.loads(json.dumps(asdict(recipe), default=str)),
        "versions": {"python": platform.python_version(), **_versions()},
        "parts": described,
    }


def _versions() -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def changed_parts(out: Path) -> tuple[str, ...]:
    """Name the parts of a built folder that are not as its manifest says.

    Raises
    ------
    DataError
        The manifest cannot be read.
    """
    path = out / MANIFEST
    try:
        record = read_json(path)
        parts = record["parts"] if isinstance(record, dict) else None
        if not isinstance(parts, dict):
            raise ValueError("it names no parts")
        described = {name: part for name, part in parts.items() if isinstance(part, dict)}
        return tuple(
            name
            for name, part in described.items()
            if (part.get("sha256"), part.get("files")) != tree_digest(out / name)
        )
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"cannot read {str(path)!r}: {reason(error)}; build again") from error
