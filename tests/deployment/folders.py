"""A small federation in folders: images of two domains of digits, three clients each."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from secfpp.data.load import list_domains
from secfpp.data.readers.listing import ReadOptions

CLIENTS = 6
SIZES = {"train": 30, "validation": 10, "test": 80}
DOMAINS = ("mnist", "rot180")


def settings(**changes: Any) -> dict[str, Any]:
    """Return the content of a settings file."""
    return {
        "classes": ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"],
        "phrase": "a photo of the digit",
        "clustering": {"k": 2},
        "training": {"rounds": 4, "local_steps": 8, "shared_steps": 6},
        **changes,
    }


def make_client_folders(root: Path) -> list[Path]:
    """Write the images of every client as files."""
    whole = list_domains("digits", ReadOptions())
    domains = {domain.name: domain for domain in whole.domains}  # type: ignore[union-attr]
    made = []
    for client in range(CLIENTS):
        domain = domains[DOMAINS[client // 3]]
        for_clients = np.flatnonzero(~domain.is_reporting_N)[client % 3 :: 3]
        taken = {
            "train": for_clients[: SIZES["train"]],
            "validation": for_clients[SIZES["train"] :][: SIZES["validation"]],
            "test": np.flatnonzero(domain.is_reporting_N)[: SIZES["test"]],
        }
        for part, index in taken.items():
            for image in index.tolist():
                name = whole.class_names[domain.labels_N[image]]
                folder = root / f"client-{client}" / part / name
                folder.mkdir(parents=True, exist_ok=True)
                pixels = np.asarray(domain.images_NHW3[image])
                Image.fromarray(pixels).save(folder / f"{image}.png")
        made.append(root / f"client-{client}")
    return made


def write_settings(path: Path, **changes: Any) -> Path:
    path.write_text(json.dumps(settings(**changes)))
    return path
