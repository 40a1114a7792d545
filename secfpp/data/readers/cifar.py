"""CIFAR-10 and CIFAR-100, from the folders that torchvision keeps.

torchvision reads pickles, which run code; it does so after it has compared each file's MD5 with
that of the published one, so that only the published pickles are ever read.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from secfpp.data.domains import Domain, DomainSet
from secfpp.data.readers.listing import ReadOptions, limit_domains
from secfpp.errors import DataError

PHRASE = "a photo of a"


def read_cifar(name: str, root: Path, options: ReadOptions) -> DomainSet:
    """Read CIFAR-10 or CIFAR-100; it has one domain, of its name, and its published split.

    Parameters
    ----------
    name : str
        ``"cifar10"`` or ``"cifar100"``.
    root : Path
        The folder in which ``cifar-10-batches-py`` or ``cifar-100-python`` lies, or that itself.
    options : ReadOptions
        Images keep their 32 pixels; the model's side is reached when they are encoded.

    Returns
    -------
    DomainSet
        In memory, 184 MB without a limit.

    Raises
    ------
    DataError
        A file is missing, or is not the published one.
    """
    from torchvision.datasets import CIFAR10, CIFAR100  # takes a second

    reader = {"cifar10": CIFAR10, "cifar100": CIFAR100}[name]
    parent = root.resolve().parent if root.resolve().name == reader.base_folder else root
    files = [file for file, _ in (*reader.train_list, *reader.test_list)]
    files.append(reader.meta["filename"])
    absent = [file for file in files if not (parent / reader.base_folder / file).is_file()]
    if absent:
        raise DataError(
            f"{name}: {', '.join(absent)} missing in {str(parent / reader.base_folder)!r}; "
            f"expected {', '.join(files)}, as torchvision unpacks them"
        )
    try:
        train, test = (reader(parent, train=part, download=False) for part in (True, False))
    except RuntimeError as error:
        raise DataError(
            f"{name}: a file in {str(parent / reader.base_folder)!r} is not the published one: its "
            "MD5 is not the one that torchvision knows; unpack the published archive again"
        ) from error
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
