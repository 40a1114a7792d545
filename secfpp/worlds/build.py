"""Build worlds and their model into one folder: fetch, draw, train, record.

OUT/WORLD/domain/class/code.png     a world; `--data OUT/WORLD` loads it
OUT/model/                          its model; `--model local-dir:OUT/model` loads it
OUT/pretraining/                    drawings that the model was trained on
OUT/LICENCES.md, OUT/manifest.json  licences of the art; recipe, versions and checksums

Every part is written under another name and renamed when it is complete, so an interrupted build
goes on with the next part.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from open_clip.tokenizer import SimpleTokenizer

from secfpp.clip.vocabulary import VOCABULARY_FILE, write_vocabulary
from secfpp.data.cache import default_cache_dir
from secfpp.errors import ConfigError, reason
from secfpp.worlds.alignment import align
from secfpp.worlds.captions import CONTEXT_LENGTH, describe, words_of
from secfpp.worlds.drawings import (
    DrawingFolder,
    Step,
    draft_of,
    draw_style,
    folders_of_style,
    write_test_list,
    write_whole,
)
from secfpp.worlds.features import trunk_features
from secfpp.worlds.icons import IconSet, open_icon_set
from secfpp.worlds.identities import Split, list_identities, split_identities
from secfpp.worlds.manifest import (
    LICENCES,
    MANIFEST,
    changed_parts,
    describe_build,
    recipe_digest,
    render_licences,
)
from secfpp.worlds.packages import fetch, read_json_member
from secfpp.worlds.recipe import Recipe
from secfpp.worlds.tower import build_model, save_model

MODEL = "model"
PRETRAINING = "pretraining"
_RECIPE_FILE = ".recipe"
_FEATURES = ".features"


@dataclass(frozen=True, kw_only=True)
class Built:
    """What a build has made.

    Parameters
    ----------
    folder : Path
    worlds : tuple of str
        Folders of worlds in it.
    was_complete : bool
        Whether all was there before, and is as the manifest says.
    """

    folder: Path
    worlds: tuple[str, ...]
    was_complete: bool


def build_worlds(
    recipe: Recipe, out: Path, *, cache_dir: Path | None = None, step: Step = lambda text: None
) -> Built:
    """Build all worlds of a recipe and their model, or go on with an interrupted build.

    Parameters
    ----------
    recipe : Recipe
    out : Path
        Folder to write to; made if it is missing.
    cache_dir : Path, optional
        Keeps the packages. None: the user's cache folder.
    step : callable, optional
        Called with the name of each step.

    Raises
    ------
    ConfigError
        `out` holds something else or cannot be written, or a library is missing.
    DataError
        A package cannot be fetched or has another checksum, or what was built has changed since.
    ModelError
        The weights of the image tower are missing or others.
    """
    worlds = tuple(recipe.worlds)
    if (out / MANIFEST).is_file():
        _check_complete(recipe, out)
        return Built(folder=out, worlds=worlds, was_complete=True)
    try:
        _claim(recipe, out)
        _build(recipe, out, (cache_dir or default_cache_dir()) / "packages", step)
    except OSError as error:
        raise ConfigError(f"cannot build in {str(out)!r}: {reason(error)}") from error
    return Built(folder=out, worlds=worlds, was_complete=False)


def _check_complete(recipe: Recipe, out: Path) -> None:
    """Compare a built folder with its manifest, and the manifest with the recipe."""
    _check_recipe(recipe, out)
    if changed := changed_parts(out):
        raise ConfigError(
            f"{', '.join(changed)} in {str(out)!r} changed after it was built; remove "
            f"{MANIFEST} and what changed, and build again"
        )


def _check_recipe(recipe: Recipe, out: Path) -> None:
    """Refuse a folder of another recipe."""
    path = out / _RECIPE_FILE
    if not path.is_file() or path.read_text(encoding="utf-8").strip() != recipe_digest(recipe):
        raise ConfigError(
            f"{str(out)!r} was not built by this recipe: another release or seed; choose "
            "another folder"
        )


def _claim(recipe: Recipe, out: Path) -> None:
    """Note in an empty folder which recipe it is for."""
    out.mkdir(parents=True, exist_ok=True)
    if (out / _RECIPE_FILE).is_file():
        _check_recipe(recipe, out)
    elif any(out.iterdir()):
        raise ConfigError(f"{str(out)!r} holds other files; choose an empty or new folder")
    else:
        write_whole(out / _RECIPE_FILE, recipe_digest(recipe) + "\n")


def _build(recipe: Recipe, out: Path, packages: Path, step: Step) -> None:
    """Do all that is not done yet."""
    icon_sets, split = _open_art(recipe, packages, step)
    folders = [
        folders_of_style(out, icons.name, split, recipe.worlds, recipe.seed) for icons in icon_sets
    ]
    for of_style, icons in zip(folders, icon_sets, strict=True):
        draw_style(of_style, icons, recipe.image_size, step)
    for place, world in enumerate(recipe.worlds, start=1):
        write_test_list(out / world, [of_style[place] for of_style in folders], split.test)
    if not (out / MODEL).is_dir():
        _train(recipe, out, split, [of_style[0] for of_style in folders], step)
    step("computing checksums")
    write_whole(out / LICENCES, render_licences(recipe))
    record = describe_build(recipe, out, (*recipe.worlds, PRETRAINING, MODEL))
    write_whole(out / MANIFEST, json.dumps(record, indent=2) + "\n")
    shutil.rmtree(out / _FEATURES, ignore_errors=True)


def _open_art(recipe: Recipe, packages: Path, step: Step) -> tuple[list[IconSet], Split]:
    """Fetch the packages, and choose names and classes."""
    icon_sets = []
    for style in recipe.styles:
        step(f"fetching {style.package.label}")
        codes = style.codes_from or style.package
        archives = (fetch(package, packages) for package in (style.package, codes))
        icon_sets.append(open_icon_set(style.name, *archives))
    emoji = read_json_member(fetch(recipe.names, packages), "emoji.json")
    split = split_identities(
        list_identities(emoji, icon_sets),
        num_classes=recipe.num_classes,
        train_per_class=recipe.train_per_class,
        test_per_class=recipe.test_per_class,
        seed=recipe.seed,
    )
    return icon_sets, split


def _train(
    recipe: Recipe, out: Path, split: Split, folders: list[DrawingFolder], step: Step
) -> None:
    """Train projection and text tower on the pre-training drawings, and write the model."""
    captioned = describe(split.pretraining, [style.words for style in recipe.styles])
    with draft_of(out / MODEL) as draft:
        vocab_size = write_vocabulary(draft / VOCABULARY_FILE, words_of(captioned))
        tokenizer = SimpleTokenizer(str(draft / VOCABULARY_FILE), context_length=CONTEXT_LENGTH)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            model = build_model(recipe, vocab_size)
        features = []
        for folder in folders:
            step(f"image features of {folder.path.name}")
            paths = [folder.path / folder.place_of(identity) for identity in folder.identities]
            cache = out / _FEATURES / f"{folder.path.name}.safetensors"
            features.append(trunk_features(model, recipe.tower, paths, cache))
        step(f"training the text tower, {recipe.steps} steps")
        align(
            model,
            tokenizer,
            np.concatenate(features),
            captioned,
            steps=recipe.steps,
            seed=recipe.seed,
        )
        save_model(model, recipe, vocab_size, draft)
