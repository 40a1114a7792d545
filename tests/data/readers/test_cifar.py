import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
from torchvision.datasets import CIFAR10, CIFAR100

from secfpp.data.load import load_domains
from secfpp.data.readers.listing import ReadOptions
from secfpp.errors import DataError
from tests.data.parts_of_domains import own_test_part
from tests.data.readers.test_fedbn import Explosive

NAMES = {"cifar10": [f"class{i}" for i in range(10)], "cifar100": [f"fine_{i}" for i in range(100)]}
READERS = {"cifar10": CIFAR10, "cifar100": CIFAR100}


def write_batches(root: Path, name: str) -> Path:
    """Write small batches under the names of the published ones; return their folder."""
    reader = READERS[name]
    folder = root / str(reader.base_folder)
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    key = "labels" if name == "cifar10" else "fine_labels"
    for file, _ in (*reader.train_list, *reader.test_list):
        labels = [int(c) for c in rng.permutation(len(NAMES[name]))]
        data = rng.integers(0, 256, (len(labels), 3072), dtype=np.uint8)
        (folder / file).write_bytes(pickle.dumps({"data": data, key: labels}))
    meta = {reader.meta["key"]: NAMES[name]}
    (folder / reader.meta["filename"]).write_bytes(pickle.dumps(meta))
    return folder


def accept(monkeypatch: pytest.MonkeyPatch, name: str, folder: Path) -> None:
    """Let torchvision take these files for the published ones."""
    reader = READERS[name]

    def digest(file: str) -> str:
        return hashlib.md5((folder / file).read_bytes()).hexdigest()  # noqa: S324

    for which in ("train_list", "test_list"):
        known = [[file, digest(file)] for file, _ in getattr(reader, which)]
        monkeypatch.setattr(reader, which, known)
    meta_file = reader.meta["filename"]
    monkeypatch.setattr(reader, "meta", {**reader.meta, "md5": digest(meta_file)})


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_reads_what_torchvision_reads_with_the_published_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder = write_batches(tmp_path, name)
    accept(monkeypatch, name, folder)
    domain_set = load_domains(f"{name}:{tmp_path}")
    (domain,) = domain_set.domains
    assert domain_set.class_names == tuple(NAMES[name])
    for part in (True, False):
        theirs = READERS[name](tmp_path, train=part, download=False)
        ours = own_test_part(domain) != part
        np.testing.assert_array_equal(domain.images_NHW3[ours], theirs.data)
        assert domain.labels_N[ours].tolist() == theirs.targets
    inside = load_domains(f"{name}:{folder}")
    assert inside.checksums == domain_set.checksums
    limited = load_domains(f"{name}:{tmp_path}", ReadOptions(images_per_class=1)).domains[0]
    for part in (True, False):
        assert (np.bincount(limited.labels_N[limited.is_test_N == part]) == 1).all()


def test_other_files_are_refused_before_they_are_unpickled(tmp_path: Path) -> None:
    folder = write_batches(tmp_path, "cifar10")
    trace = tmp_path / "exploded"
    for file in folder.iterdir():
        file.write_bytes(pickle.dumps(Explosive(str(trace))))
    with pytest.raises(DataError, match="not the published one"):
        load_domains(f"cifar10:{tmp_path}")
    assert not trace.exists()


def test_missing_files_are_named(tmp_path: Path) -> None:
    folder = write_batches(tmp_path, "cifar100")
    (folder / "meta").unlink()
    with pytest.raises(
        DataError, match=r"meta missing in .*cifar-100-python.*expected train, test"
    ):
        load_domains(f"cifar100:{tmp_path}")
