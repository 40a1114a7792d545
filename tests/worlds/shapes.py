"""Small icon sets of shapes in two styles, packed as npm packs them, and a recipe for them."""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

from secfpp.json_file import JsonValue
from secfpp.worlds.packages import NpmPackage
from secfpp.worlds.recipe import ImageTower, Recipe, Style
from secfpp.worlds.variants import Variant

BODIES = {
    "round": '<circle cx="16" cy="16" r="{size}" {paint}/>',
    "square": '<rect x="{low}" y="{low}" width="{twice}" height="{twice}" {paint}/>',
    "pointed": '<path d="M16 {low}L{high} {high}H{low}Z" {paint}/>',
}
PAINTS = {"filled": 'fill="{colour}"', "drawn": 'fill="none" stroke="{colour}" stroke-width="2"'}
COLOURS = ("red", "blue", "green", "orange", "purple", "brown", "navy", "teal", "black", "gray")
SIZES = (6, 12)
PER_GROUP = len(COLOURS) * len(SIZES)


def names() -> JsonValue:
    """Return `emoji.json`: three groups of twenty names, a skin tone, and one nobody draws."""
    listed: list[JsonValue] = [
        {
            "codes": code.upper().replace("-", " "),
            "name": f"{colour} {group} {size}",
            "subgroup": group,
        }
        for code, group, colour, size in _characters()
    ]
    tone: JsonValue = {
        "codes": "1F44D 1F3FB",
        "name": "thumb: light skin tone",
        "subgroup": "round",
    }
    return [*listed, tone, {"codes": "1F999", "name": "llama", "subgroup": "round"}]


def icon_set(style: str) -> dict[str, object]:
    """Return ``icons.json`` and ``chars.json`` of one style; the last icon is an alias."""
    icons: dict[str, dict[str, str]] = {}
    chars: dict[str, str] = {"1f44d-1f3fb": "thumb"}
    for code, group, colour, size in _characters():
        paint = PAINTS[style].format(colour=colour)
        numbers = {"low": 16 - size, "high": 16 + size, "size": size, "twice": 2 * size}
        name = f"{group}-{colour}-{size}"
        icons[name] = {"body": BODIES[group].format(paint=paint, **numbers)}
        chars[code] = name
    *_, last = icons
    aliases = {"turned": {"parent": last, "hFlip": True}}
    chars[next(code for code, icon in chars.items() if icon == last)] = "turned"
    content = {"icons": icons, "aliases": aliases, "width": 32, "height": 32}
    return {"icons.json": content, "chars.json": chars}


def pack(name: str, files: Mapping[str, object], folder: Path) -> NpmPackage:
    """Write a package's archive where `fetch` looks for it, and return its pin."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as archive:
        for file, content in files.items():
            raw = json.dumps(content).encode()
            entry = tarfile.TarInfo(f"package/{file}")
            entry.size = len(raw)
            archive.addfile(entry, io.BytesIO(raw))
    digest = hashlib.sha256(held.getvalue()).hexdigest()
    package = NpmPackage(name=name, version="1.0.0", sha256=digest)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / package.file_name).write_bytes(held.getvalue())
    return package


def shapes_recipe(cache_dir: Path) -> Recipe:
    """Pack two styles and the names below `cache_dir`; an image tower with random weights."""
    packages = cache_dir / "packages"
    styles = tuple(
        Style(
            name=style,
            words=style,
            package=pack(f"@shapes/{style}", icon_set(style), packages),
            author="The tests",
            licence="MIT",
            source="tests/worlds/shapes.py",
        )
        for style in PAINTS
    )
    return Recipe(
        styles=styles,
        names=pack("names", {"emoji.json": names()}, packages),
        names_licence="MIT",
        tower=ImageTower(
            name="test_efficientnet", weights=None, mean=0.5, std=0.5, licence="random"
        ),
        worlds={
            "shapes": {},
            "shapes-conflict": {"drawn": Variant(inverted=True, naming="b", traded_pairs=1)},
        },
        num_classes=3,
        train_per_class=8,
        test_per_class=6,
        image_size=32,
        embed_dim=16,
        text_width=32,
        text_layers=1,
        steps=3,
    )


def _characters() -> list[tuple[str, str, str, int]]:
    """List code, group, colour and size of each character."""
    kinds = [(g, c, s) for g in BODIES for c in COLOURS for s in SIZES]
    return [(f"1f{300 + i}-fe0f", *kind) for i, kind in enumerate(kinds)]
