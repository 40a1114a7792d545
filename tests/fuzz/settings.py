"""Cases of `--config`: settings in files, none of which leads to a run."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from random import Random

from secfpp.comparison.config import CompareConfig
from secfpp.config.tree import to_json
from secfpp.experiment.config import RunConfig
from tests.fuzz.command import Case
from tests.fuzz.damage import damaged
from tests.fuzz.json_values import mutated
from tests.fuzz.odd_files import foreign, put


def settings(random: Random, folder: Path) -> Case:
    """Return a run or a comparison with settings from a file, and with data that are not there."""
    verb = random.choice(["run", "compare"])
    file, absent = folder / "settings.json", folder / "absent"
    content = _content(random, verb)
    if random.random() < 0.1:
        put(random, file, content)
    else:
        file.write_bytes(content)
    # A comparison is refused with computing parties elsewhere, a run without data: both at once.
    words: tuple[str | Path, ...] = (verb, "--config", file, "--data", absent)
    words += ("--network", absent, "--certs", absent) if verb == "compare" else ()
    return Case(words=words, blamed=(str(file), str(absent), *SETTINGS), kept=(file,))


def _content(random: Random, verb: str) -> bytes:
    value = to_json(RunConfig()) if verb == "run" or random.random() < 0.2 else COMPARISON
    way = random.random()
    if way < 0.7:
        return mutated(random, value)
    return foreign(random) if way < 0.8 else damaged(random, json.dumps(value, indent=2).encode())


def _names(kind: type) -> tuple[str, ...]:
    """Return the names of all settings."""
    found: list[str] = []
    for field in dataclasses.fields(kind):
        found.append(field.name)
        if dataclasses.is_dataclass(value := getattr(kind(), field.name)):
            found += _names(type(value))
    return tuple(found)


COMPARISON = CompareConfig().as_json()
SETTINGS = ("the configuration", "--network", *_names(RunConfig), *_names(CompareConfig))
