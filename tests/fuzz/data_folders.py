"""Cases of folders of images whose names, lists or layout are odd."""

from __future__ import annotations

import json
import os
from pathlib import Path
from random import Random

from PIL import Image

from secfpp.json_file import JsonValue
from tests.fuzz.command import Case
from tests.fuzz.damage import damaged
from tests.fuzz.json_values import mutated
from tests.fuzz.odd_files import foreign, put
from tests.fuzz.pictures import NEVER_ENOUGH

NAMES = (
    *("one", "two", "three", "größe", "gro\u0308ße", "\udcff", "x" * 200, "a b", "_", "\x1b[31m"),
    *("\n", "'", "<b>", "%s", "{}", "-", "\u200b", "\U0001f600", "１", ".hidden", "__MACOSX"),
)
SPLIT: JsonValue = {
    "train": [["one_1.jpg", 0, "one"], ["two_1.jpg", 1, "two"]],
    "val": [],
    "test": [["one_2.jpg", 0, "one"], ["two_2.jpg", 1, "two"]],
}
LIST = b"#Image CLASS-ID SPECIES BREED\none_1 1 1 1\ntwo_1 2 1 1\n"


def layouts(random: Random, folder: Path) -> Case:
    """Return a run on a folder with odd names of domains, classes and images."""
    data = folder / "data"
    for domain in random.sample(NAMES, random.choice([1, 2, 3])):
        for name in random.sample(NAMES, random.choice([0, 1, 2, 2, 3])):
            (data / domain / name).mkdir(parents=True)
            for number in range(random.choice([0, 1, 2, 2])):
                path = data / domain / name / f"{random.choice(NAMES)[:90]}{number}.png"
                _picture(path)
                if random.random() < 0.1:
                    put(random, path, path.read_bytes())
    data.mkdir(exist_ok=True)
    if random.random() < 0.3:
        place = random.choice([path for path in (data, *data.rglob("*")) if path.is_dir()])
        put(random, place / "odd", b"text")
    words = ("run", "--data", data, "--cache-dir", folder / "cache", *NEVER_ENOUGH)
    return Case(words=words, blamed=(str(folder), "domain ", "class ", "images of"), kept=(data,))


def lists(random: Random, folder: Path) -> Case:
    """Return a run on a known data set, whose list of images is damaged."""
    data = folder / "pets"
    for name in ("one_1", "one_2", "two_1", "two_2"):
        _picture(data / "images" / f"{name}.jpg")
    if random.random() < 0.6:
        file, whole = data / "split_zhou_OxfordPets.json", json.dumps(SPLIT).encode()
    else:
        file, whole = data / "annotations" / "trainval.txt", LIST
        file.parent.mkdir()
        (data / "annotations" / "test.txt").write_bytes(LIST.replace(b"_1", b"_2"))
    way = random.random()
    if way < 0.1:
        put(random, file, whole)
    elif way < 0.2:
        file.write_bytes(foreign(random))
    elif way < 0.7 and file.suffix == ".json":
        file.write_bytes(mutated(random, SPLIT))
    else:
        file.write_bytes(damaged(random, whole))
    source = f"oxfordpets:{random.choice([data, data, data, folder, folder / 'absent', ''])}"
    words = ("run", "--data", source, "--cache-dir", folder / "cache", *NEVER_ENOUGH)
    return Case(words=words, blamed=(str(folder), "oxfordpets"), kept=(data,))


def _picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    colour = (len(os.fsencode(path)) % 256, 9, 9)
    Image.new("RGB", (8, 8), colour).save(path)
