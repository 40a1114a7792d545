"""CIFAR-10 and CIFAR-100, from the folders that torchvision keeps.

torchvision reads pickles, which run code. It first compares the MD5 of each file with that of the
published one, so that only published pickles are read.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from secfpp.data.domains import Domain, DomainSet
from secfpp.data.readers.listing import ReadOptions, limit_domains
from secfpp.errors import DataError

if TYPE_CHECKING:
    from torchvision.datasets import CIFAR10

PHRASE = "a photo of a"


def read_cifar(name: str, root: Path, options: ReadOptions) -> DomainSet:
    """Read CIFAR-10 or CIFAR-100; it has one domain, of its name, and its published split.

    Parameters
    ----------
    name : str
        ``"cifar10"`` or ``"cifar100"``.
    root : Path
        The folder that has ``cifar-10-batches-py`` or ``cifar-100-python``, or that folder itself.
    options : ReadOptions
        Images keep their 32 pixels; they are resized when they are encoded.

    Returns
    -------
    DomainSet
        In memory, 184 MB without a limit.

    Raises
    ------
    DataError
        A file is missing, or is not the published one.
    """
    train, test = _read_parts(name, root)
    domain = Domain(
        name=name,
        images_NHW3=np.concatenate([train.data, test.data]).astype(np.uint8),
        labels_N=np.array([*train.targets, *test.targets], dtype=np.int64),
        is_test_N=np.repeat([False, True], [len(train.targets), len(test.targets)]),
    )
    domain_set = DomainSet(
        name=name, class_names=tuple(train.classes), domains=(domain,), phrase=PHRASE
    )
    return limit_domains(domain_set, options)


def _read_parts(name: str, root: Path) -> tuple[CIFAR10, CIFAR10]:
    """Read training and test part by torchvision, which checks the MD5 of every file."""
    from torchvision.datasets import CIFAR10, CIFAR100  # takes a second

    reader = {"cifar10": CIFAR10, "cifar100": CIFAR100}[name]
    parent = root.resolve().parent if root.resolve().name == reader.base_folder else root
    folder = parent / reader.base_folder
    files = [file for file, _ in (*reader.train_list, *reader.test_list)]
    files.append(reader.meta["filename"])
    absent = [file for file in files if not (folder / file).is_file()]
    if absent:
        raise DataError(
            f"{name}: {', '.join(absent)} missing in {str(folder)!r}; "
            f"expected {', '.join(files)}, as torchvision unpacks them"
        )
    try:
        return reader(parent, train=True, download=False), reader(parent, train=False)
    except RuntimeError as error:
        raise DataError(
            f"{name}: a file in {str(folder)!r} is not the published one: its "
            "MD5 is not the one that torchvision knows; unpack the published archive again"
        ) from error
