"""The recipe of the emoji worlds, and the page that describes it."""

import pytest

from secfpp.worlds.emoji import EMOJI
from secfpp.worlds.manifest import recipe_digest, render_licences
from secfpp.worlds.recipe import Recipe, Style
from tests.docs.markdown import ROOT

PAGE = (ROOT / "docs" / "how-to" / "more-worlds.md").read_text("utf-8")


@pytest.mark.parametrize("style", EMOJI.styles, ids=lambda style: style.name)
def test_the_page_has_package_checksum_and_licence_of_each_style(style: Style) -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith(f"| {style.name} |")]
    for part in (style.package.label, style.package.sha256, style.licence, style.author):
        assert any(part in row for row in rows), part
    assert style.package.label in render_licences(EMOJI)


def test_the_page_has_the_checksums_of_names_and_weights() -> None:
    assert EMOJI.tower.weights is not None
    assert EMOJI.names.sha256 in PAGE
    assert EMOJI.tower.weights.sha256 in PAGE


def test_three_ways_of_naming_serve_two_styles_each() -> None:
    names = tuple(f"class {i}" for i in range(EMOJI.num_classes))
    changed = EMOJI.worlds["emoji-conflict"]
    ways = [tuple(variant.rename(names, EMOJI.seed).values()) for variant in changed.values()]
    assert [ways.count(way) for way in ways] == [2, 2, 2, 2]
    assert names not in ways


def test_any_change_of_the_recipe_changes_its_digest() -> None:
    digests = {recipe_digest(EMOJI)}
    for name in ("seed", "steps", "num_classes"):
        changed = {f: getattr(EMOJI, f) for f in Recipe.__dataclass_fields__}
        digests.add(recipe_digest(Recipe(**{**changed, name: changed[name] + 1})))
    assert len(digests) == 4
