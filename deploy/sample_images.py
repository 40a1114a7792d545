"""Write images of handwritten digits as folders of clients, to try a federation with.

::

    sample_images.py FOLDER [CLIENTS]

Makes FOLDER/client-0, FOLDER/client-1, ... (3 by default), each with `train/CLASS/*.png`, and
`validation` and `test` alike, as `secfpp client --data` reads them. The images are those that come
with the project; no two clients have an image for training in common.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from secfpp.data.load import list_domains
from secfpp.data.readers.listing import ReadOptions

SIZES = {"train": 30, "validation": 10, "test": 80}
CLIENTS = 3


def main() -> int:
    """Write the images of every client."""
    root = Path(sys.argv[1])
    clients = int(sys.argv[2]) if len(sys.argv) > 2 else CLIENTS
    whole = list_domains("digits", ReadOptions())
    if isinstance(whole, list):
        raise SystemExit("digits come in one set")
    domain = whole.domains[0]
    for client in range(clients):
        own = np.flatnonzero(~domain.is_reporting_N)[client::clients]
        parts = {
            "train": own[: SIZES["train"]],
            "validation": own[SIZES["train"] :][: SIZES["validation"]],
            "test": np.flatnonzero(domain.is_reporting_N)[: SIZES["test"]],
        }
        for part, index_N in parts.items():
            for image in index_N.tolist():
                name = whole.class_names[domain.labels_N[image]]
                folder = root / f"client-{client}" / part / name
                folder.mkdir(parents=True, exist_ok=True)
                Image.fromarray(np.asarray(domain.images_NHW3[image])).save(folder / f"{image}.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
