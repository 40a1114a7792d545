"""Write images of four clients as files: two have digits as they are, two have them turned.

python examples/flower/make_images.py FOLDER
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from secfpp.data.domains import DomainSet
from secfpp.data.load import list_domains
from secfpp.data.readers.listing import ReadOptions

DOMAINS = ("mnist", "mnist", "rot180", "rot180")
SIZES = {"train": 30, "validation": 10, "test": 80}


def main() -> None:
    """Write FOLDER/CLIENT/PART/CLASS/*.png."""
    root = Path(sys.argv[1])
    digits = list_domains("digits", ReadOptions())
    if not isinstance(digits, DomainSet):
        raise SystemExit("the embedded digits are held in memory")
    domains = {domain.name: domain for domain in digits.domains}
    for client, name in enumerate(DOMAINS):
        domain = domains[name]
        own = np.flatnonzero(~domain.is_reporting_N)[client % 2 :: 2]
        first = SIZES["train"] + SIZES["validation"]
        parts = {
            "train": own[: SIZES["train"]],
            "validation": own[SIZES["train"] : first],
            "test": np.flatnonzero(domain.is_reporting_N)[: SIZES["test"]],
        }
        for part, index in parts.items():
            for image in index.tolist():
                label = digits.class_names[domain.labels_N[image]]
                folder = root / str(client) / part / label
                folder.mkdir(parents=True, exist_ok=True)
                pixels = np.asarray(domain.images_NHW3[image])
                Image.fromarray(pixels).save(folder / f"{image}.png")


if __name__ == "__main__":
    main()
