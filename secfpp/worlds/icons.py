"""Icon sets of Iconify: which characters a set draws, and a drawing as pixels."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from secfpp.errors import ConfigError, DataError
from secfpp.json_file import JsonValue
from secfpp.worlds.packages import read_json_member

_VARIATION_SELECTOR = "fe0f"
_DEEPEST = 5  # aliases of aliases
_DEFAULT_SIDE = 16  # of Iconify, where a set names none
_NAMESPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'


def plain_code(codes: str) -> str:
    """Return code points in one spelling: lower case, hyphens, without variation selectors."""
    parts = codes.lower().replace(" ", "-").split("-")
    return "-".join(part for part in parts if part != _VARIATION_SELECTOR)


@dataclass(frozen=True, kw_only=True, eq=False)
class IconSet:
    """One icon set.

    Parameters
    ----------
    name : str
        For messages.
    content : mapping
        ``icons.json``.
    icon_of : mapping of str to str
        Name of the icon of each character, by `plain_code`.
    """

    name: str
    content: Mapping[str, JsonValue] = field(repr=False)
    icon_of: Mapping[str, str] = field(repr=False)

    def svg(self, code: str) -> str:
        """Return the drawing of a character as SVG.

        Raises
        ------
        DataError
            The set has no such drawing, or it is not as Iconify describes it.
        """
        name, turns = self.icon_of.get(code, ""), {"hFlip": False, "vFlip": False}
        for _ in range(_DEEPEST):
            alias = _mapping(_mapping(self.content.get("aliases")).get(name))
            if not alias:
                break
            turns = {key: turns[key] ^ bool(alias.get(key)) for key in turns}
            name = str(alias.get("parent"))
        icon = _mapping(_mapping(self.content.get("icons")).get(name))
        if not isinstance(icon.get("body"), str):
            raise DataError(f"icon set {self.name!r} has no drawing of {code!r}")
        return self._frame(icon, **turns)

    def _frame(self, icon: Mapping[str, JsonValue], *, hFlip: bool, vFlip: bool) -> str:  # noqa: N803
        """Put the body of an icon into an SVG of its size, mirrored if it is an alias of one."""
        left, top, width, height = (
            self._number(icon, key) for key in ("left", "top", "width", "height")
        )
        body = str(icon["body"])
        if hFlip or vFlip:
            x, y = (2 * left + width if hFlip else 0), (2 * top + height if vFlip else 0)
            scale = f"{-1 if hFlip else 1} {-1 if vFlip else 1}"
            body = f'<g transform="translate({x} {y}) scale({scale})">{body}</g>'
        box = f'viewBox="{left} {top} {width} {height}" width="{width}" height="{height}"'
        return f"<svg {_NAMESPACES} {box}>{body}</svg>"

    def _number(self, icon: Mapping[str, JsonValue], key: str) -> float:
        default = 0 if key in ("left", "top") else _DEFAULT_SIDE
        value = icon.get(key, self.content.get(key, default))
        return value if isinstance(value, int | float) else default


def open_icon_set(name: str, archive: Path, codes_archive: Path) -> IconSet:
    """Read an icon set; the characters are those of `codes_archive` for which it has icons.

    Raises
    ------
    DataError
        A file is missing or damaged.
    """
    content = _mapping(read_json_member(archive, "icons.json"))
    known = {*_mapping(content.get("icons")), *_mapping(content.get("aliases"))}
    chars = _mapping(read_json_member(codes_archive, "chars.json"))
    icon_of = {plain_code(code): str(icon) for code, icon in chars.items() if icon in known}
    return IconSet(name=name, content=content, icon_of=icon_of)


def rasterise(svg: str, side: int) -> NDArray[np.uint8]:
    """Draw an SVG on white, as large as fits and in the middle: uint8 (side, side, 3).

    Raises
    ------
    ConfigError
        resvg_py is not installed.
    DataError
        It is not an SVG.
    """
    try:
        import resvg_py
    except ImportError as error:
        raise ConfigError(
            "resvg_py, which draws SVG, is not installed; pip install 'secfpp[worlds]'"
        ) from error
    try:
        png = resvg_py.svg_to_bytes(
            svg_string=svg, width=side, background="#ffffff", skip_system_fonts=True
        )
    except ValueError as error:
        raise DataError(f"a drawing is not valid SVG: {error}") from error
    with Image.open(io.BytesIO(bytes(png))) as image:
        drawn = image.convert("RGB")
    if drawn.size != (side, side):
        drawn.thumbnail((side, side), Image.Resampling.BICUBIC)
        ground = Image.new("RGB", (side, side), "white")
        ground.paste(drawn, ((side - drawn.width) // 2, (side - drawn.height) // 2))
        drawn = ground
    return np.asarray(drawn, dtype=np.uint8)


def _mapping(value: JsonValue) -> Mapping[str, JsonValue]:
    """Return a JSON object; anything else is as good as none."""
    return value if isinstance(value, dict) else {}
