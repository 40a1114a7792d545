"""The recipe of the emoji worlds, and the page that describes it."""

import re

import numpy as np
import pytest

from secfpp.config.partition import PartitionConfig
from secfpp.data.domains import Domain, DomainSet
from secfpp.data.partition import partition
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


def test_clients_of_the_guide_fit_the_world() -> None:
    asked = set(re.findall(r"--images-per-client (\d+) --test-images-per-domain (\d+)", PAGE))
    assert len(asked) == 1
    images, tests = map(int, asked.pop())
    for_training, for_tests = EMOJI.train_per_class, EMOJI.test_per_class
    labels_N = np.repeat(np.arange(EMOJI.num_classes), for_training + for_tests)
    place_N = np.tile(np.arange(for_training + for_tests), EMOJI.num_classes)
    blank = np.broadcast_to(np.zeros((1, 1, 1, 3), dtype=np.uint8), (len(labels_N), 1, 1, 3))
    style = Domain(
        name="style", images_NHW3=blank, labels_N=labels_N, is_test_N=place_N >= for_training
    )
    names = tuple(f"class {label}" for label in range(EMOJI.num_classes))
    world = DomainSet(name="world", class_names=names, domains=(style,), phrase="a drawing of")
    config = PartitionConfig(images_per_client=images, test_images_per_domain=tests)
    assert len(partition(world, config, np.random.default_rng(0))) == config.clients_per_domain
