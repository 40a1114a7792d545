"""A small world of shapes is built, loaded, federated; interrupted builds go on."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from secfpp.cli import main
from secfpp.clip.model import load_clip
from secfpp.data.load import load_domains
from secfpp.data.readers.listing import ReadOptions
from secfpp.errors import ConfigError, DataError, ModelError
from secfpp.worlds.build import MODEL, build_worlds
from secfpp.worlds.manifest import LICENCES, MANIFEST
from secfpp.worlds.packages import NpmPackage
from secfpp.worlds.recipe import Recipe
from tests.worlds.shapes import shapes_recipe

pytest.importorskip("resvg_py")

SMALL_RUN = (
    *("--methods", "zero-shot", "secfpp-plain", "--rounds", "2", "--local-steps", "2"),
    *("--shared-steps", "1", "--k", "2", "--clients-per-domain", "2", "--images-per-client", "8"),
    *("--validation-images-per-client", "2"),
    *("--test-images-per-domain", "12", "--num-context", "4", "--device", "cpu"),
)


@pytest.fixture(scope="module")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def recipe(cache_dir: Path) -> Recipe:
    return shapes_recipe(cache_dir)


@pytest.fixture(scope="module")
def built(recipe: Recipe, cache_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("worlds") / "shapes"
    assert not build_worlds(recipe, out, cache_dir=cache_dir).was_complete
    return out


def parts(out: Path) -> object:
    """Return the checksums of a manifest."""
    return json.loads((out / MANIFEST).read_text())["parts"]


def codes(out: Path, style: str, name: str) -> set[str]:
    """Return the characters that a folder of a class holds."""
    return {path.stem for path in (out / style / name).glob("*.png")}


def test_the_folder_reader_loads_a_world_with_one_split_by_name(built: Path) -> None:
    domain_set = load_domains(str(built / "shapes"), ReadOptions(image_size=32))
    assert domain_set.class_names == ("pointed", "round", "square")
    assert [domain.name for domain in domain_set.domains] == ["drawn", "filled"]
    for domain in domain_set.domains:
        assert domain.is_test_N is not None
        assert np.bincount(domain.labels_N[domain.is_test_N]).tolist() == [6] * 3
        assert np.bincount(domain.labels_N[~domain.is_test_N]).tolist() == [8] * 3
    listed = (built / "shapes" / "test_images.txt").read_text().split()
    tests = [{line.partition("/")[2] for line in listed if line.startswith(s)} for s in ("d", "f")]
    assert tests[0] == tests[1]


def test_no_name_of_a_world_is_among_those_of_pre_training(built: Path) -> None:
    for name in ("pointed", "round", "square"):
        assert not codes(built / "shapes", "drawn", name) & codes(
            built / "pretraining", "drawn", name
        )


def test_the_world_with_conflict_has_the_same_drawings_changed(built: Path) -> None:
    plain, changed = (
        load_domains(str(built / world), ReadOptions(image_size=32))
        for world in ("shapes", "shapes-conflict")
    )
    checksums = [set_.checksums for set_ in (plain, changed)]
    assert checksums[0]["filled"] == checksums[1]["filled"]
    before, after = (
        {p.stem: p.parent.name for p in (built / world / "drawn").rglob("*.png")}
        for world in ("shapes", "shapes-conflict")
    )
    assert before.keys() == after.keys()
    assert len({(before[code], after[code]) for code in before}) == 3
    assert sum(before[code] != after[code] for code in before) == 28
    assert plain.domains[0].images_NHW3[:].mean() > 128 > changed.domains[0].images_NHW3[:].mean()


def test_a_federation_runs_on_the_world_and_its_model(
    built: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["run", "--data", str(built / "shapes-conflict"), "--out", str(tmp_path / "run")]
    words += ["--model", f"local-dir:{built / MODEL}", "--cache-dir", str(tmp_path / "cache")]
    assert main([*words, *SMALL_RUN, "--json"]) == 0
    results = json.loads(capfd.readouterr().out)["results"]
    assert set(results) == {"zero-shot", "secfpp-plain"}
    assert 0 <= results["secfpp-plain"]["uniform"]["mean"] <= 1


def test_a_complete_folder_is_checked_and_left(
    built: Path, recipe: Recipe, cache_dir: Path
) -> None:
    assert build_worlds(recipe, built, cache_dir=cache_dir).was_complete
    assert "| drawn | The tests | MIT |" in (built / LICENCES).read_text()
    changed = next((built / "shapes" / "filled").rglob("*.png"))
    content = changed.read_bytes()
    changed.write_bytes(content + b"x")
    with pytest.raises(ConfigError, match=r"shapes in .* changed after it was built"):
        build_worlds(recipe, built, cache_dir=cache_dir)
    changed.write_bytes(content)


@pytest.mark.parametrize("stopped_at", ["drawing filled", "image features of drawn", "checksums"])
def test_an_interrupted_build_goes_on_and_ends_alike(
    stopped_at: str, recipe: Recipe, cache_dir: Path, built: Path, tmp_path: Path
) -> None:
    def interrupt(text: str) -> None:
        if stopped_at in text:
            raise KeyboardInterrupt

    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        build_worlds(recipe, out, cache_dir=cache_dir, step=interrupt)
    assert not (out / MANIFEST).exists()
    done = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    build_worlds(recipe, out, cache_dir=cache_dir)
    assert {path: path.stat().st_mtime_ns for path in done} == done
    assert parts(out) == parts(built)
    assert not list(out.rglob(".draft-*"))


def test_a_folder_of_something_else_is_left_alone(
    recipe: Recipe, cache_dir: Path, built: Path, tmp_path: Path
) -> None:
    (tmp_path / "thesis.txt").write_text("finished")
    with pytest.raises(ConfigError, match="holds other files"):
        build_worlds(recipe, tmp_path, cache_dir=cache_dir)
    with pytest.raises(ConfigError, match="was not built by this recipe"):
        build_worlds(replace(recipe, seed=1), built, cache_dir=cache_dir)


def test_a_package_with_another_checksum_is_refused(
    recipe: Recipe, cache_dir: Path, tmp_path: Path
) -> None:
    names = NpmPackage(name=recipe.names.name, version=recipe.names.version, sha256="0" * 64)
    with pytest.raises(DataError, match=r"names@1\.0\.0 in .* has sha256 .*, not 0000"):
        build_worlds(replace(recipe, names=names), tmp_path / "out", cache_dir=cache_dir)


def test_weights_that_are_not_installed_are_named(
    recipe: Recipe, cache_dir: Path, tmp_path: Path
) -> None:
    from secfpp.data.sources import Source

    weights = Source(package="no_such_package", path="weights.pth", sha256="0" * 64)
    tower = replace(recipe.tower, weights=weights)
    with pytest.raises(ModelError, match=r"no_such_package/weights\.pth, .* is not installed"):
        build_worlds(replace(recipe, tower=tower), tmp_path / "out", cache_dir=cache_dir)


def test_the_model_reads_the_classes(built: Path) -> None:
    clip = load_clip(f"local-dir:{built / MODEL}", device="cpu")
    assert (clip.image_size, clip.embed_dim, clip.width) == (32, 16, 32)
    assert not any(parameter.requires_grad for parameter in clip.model.parameters())
