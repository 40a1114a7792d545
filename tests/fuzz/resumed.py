"""Cases of `--resume` and of models in folders: what was written by us, and is damaged since."""

from __future__ import annotations

import functools
import json
import re
import shutil
from importlib.resources import files
from pathlib import Path
from random import Random

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save

from secfpp.comparison.config import CompareConfig
from secfpp.config.partition import PartitionConfig
from secfpp.config.training import TrainingConfig
from secfpp.experiment.config import RunConfig
from secfpp.experiment.experiment import run_experiment
from secfpp.methods.registry import MethodName
from tests.fuzz.command import Case
from tests.fuzz.damage import cut, damaged
from tests.fuzz.json_values import mutated
from tests.fuzz.odd_files import foreign, lasting_folder, put

METHODS: tuple[MethodName, ...] = ("zero-shot", "local-only")


def runs_gone_on_with(random: Random, folder: Path) -> Case:
    """Return a run that goes on with a folder in which a record or a state is damaged."""
    run = folder / "run"
    shutil.copytree(_finished(), run)
    _spoil(random, random.choice([p for p in sorted(run.rglob("*")) if p.is_file()]))
    return Case(words=("run", "--resume", run), blamed=(str(run), *SETTINGS))


def comparisons_gone_on_with(random: Random, folder: Path) -> Case:
    """Return a comparison that has nothing left to do, with a damaged record in it."""
    comparison, cell = folder / "comparison", folder / "comparison" / "cells" / "seed0"
    shutil.copytree(_finished(), cell)
    found = CompareConfig.of(_settings(), epsilons=(8.0,), reference="local-only")
    (comparison / "compare.json").write_text(json.dumps(found.as_json()))
    file = random.choice([cell / "metrics.jsonl"] * 3 + [cell / "results.json"] * 2)
    if random.random() < 0.1:
        file = comparison / "compare.json"
        file.write_bytes(cut(random, file.read_bytes()))
    elif file.suffix == ".jsonl":
        _spoil(random, file)
    else:
        content = json.loads(file.read_text())
        methods = re.sub(rb"[^\x20-\x7e]", b"", mutated(random, content["methods"]))
        file.write_bytes(b'{"complete": true, "methods": ' + methods + b"}")
    return Case(words=("compare", "--resume", comparison), blamed=(str(comparison), *SETTINGS))


def models(random: Random, folder: Path) -> Case:
    """Return a run with a model in a folder, a file of which is damaged, and without data."""
    model = folder / "model"
    shutil.copytree(str(files("secfpp") / "assets" / "digits-clip"), model)
    file = random.choice([path for path in sorted(model.iterdir()) if path.suffix != ".md"])
    content, way = file.read_bytes(), random.random()
    if file.suffix == ".json" and way < 0.6:
        content = mutated(random, json.loads(content))
        if re.search(rb"[0-9]{4}|1e", content):  # a model as large as it says would be built
            content = cut(random, content)
        file.write_bytes(content)
    elif way < 0.7:
        put(random, file, content)
    else:
        file.write_bytes(foreign(random) if way < 0.8 else damaged(random, content))
    words = ("run", "--model", f"local-dir:{model}", "--data", folder / "absent")
    return Case(words=words, blamed=(str(folder),), kept=(model,))


SETTINGS = ("partition.", "training.", "methods", "the configuration", "seeds", "unknown key")


def _spoil(random: Random, file: Path) -> None:
    content, way = file.read_bytes(), random.random()
    if way < 0.05:
        put(random, file, content)
    elif file.name == "config.json":  # a longer one might ask for a longer run
        file.write_bytes(cut(random, content) if way < 0.8 else foreign(random))
    elif way < 0.4:
        file.write_bytes(foreign(random) if way < 0.1 else damaged(random, content))
    elif file.suffix == ".safetensors":
        file.write_bytes(_other_tensors(random, file))
    elif file.suffix == ".jsonl":
        lines = content.splitlines()
        lines[random.randrange(len(lines))] = mutated(random, json.loads(lines[0]))
        file.write_bytes(b"\n".join(lines) + b"\n")
    else:
        file.write_bytes(mutated(random, json.loads(content)))


def _other_tensors(random: Random, file: Path) -> bytes:
    """Leave out a tensor, or give it another shape, type or value."""
    tensors = load_file(file)
    name = random.choice(sorted(tensors))
    others = (
        torch.zeros(0),
        torch.zeros(1, 1, 1),
        torch.zeros((), dtype=torch.int64),
        torch.tensor([1, 2]),
        torch.tensor(-7),
        torch.tensor(float("nan")),
        tensors[name].to(torch.float64),
        tensors[name].to(torch.bfloat16),
        tensors[name][..., :-1].clone() if tensors[name].ndim else torch.tensor(True),
    )
    del tensors[name]
    if random.random() < 0.8:
        tensors[name] = random.choice(others)
    return bytes(save(tensors))


def _settings() -> RunConfig:
    home = _home()
    return RunConfig(
        data=str(home / "data"),
        cache_dir=home / "cache",
        out=home / "run",
        methods=METHODS,
        device="cpu",
        partition=PartitionConfig(
            clients_per_domain=2,
            images_per_client=4,
            validation_images_per_client=1,
            test_images_per_domain=6,
        ),
        training=TrainingConfig(rounds=1, local_steps=1, shared_steps=1),
    )


@functools.cache
def _home() -> Path:
    return lasting_folder()


@functools.cache
def _finished() -> Path:
    """Return the folder of a small finished run, made once."""
    noise = np.random.default_rng(0)
    for domain in "ab":
        for name in ("one", "two"):
            (_home() / "data" / domain / name).mkdir(parents=True)
            for number in range(9):
                pixels = noise.integers(0, 256, (8, 8, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(_home() / "data" / domain / name / f"{number}.png")
    return run_experiment(_settings()).folder
