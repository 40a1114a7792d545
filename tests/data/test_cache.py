"""Image features on disk: images in files, and a process that is killed while it writes."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from secfpp.clip.model import FrozenClip
from secfpp.data.domains import Domain, DomainSet
from secfpp.data.load import load_domains
from secfpp.data.readers.listing import ReadOptions
from tests.data.pictures import save_noise

WRITER = """
import pathlib, sys
import numpy as np
from secfpp.clip.features import _write
features_NE = np.ones((40_000, 512), dtype=np.float32)
print("ready", flush=True)
while True:
    _write(pathlib.Path(sys.argv[1]), features_NE)
"""


@pytest.fixture(scope="module")
def embedded() -> FrozenClip:
    from secfpp.clip.model import load_clip

    return load_clip(device="cpu")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    for d in range(2):
        for i in range(3):
            save_noise(root / f"d{d}" / f"class{i}" / "1.png", seed=10 * d + i, size=40)
    return root


def test_images_in_files_have_the_features_of_the_array_and_are_read_once(
    embedded: FrozenClip, tree: Path, tmp_path: Path
) -> None:
    from secfpp.clip.features import encode_domains

    in_files = load_domains(
        str(tree), ReadOptions(cache_dir=tmp_path, image_size=embedded.image_size)
    )
    in_memory = DomainSet(
        name="memory",
        class_names=in_files.class_names,
        domains=tuple(
            Domain(name=d.name, images_NHW3=d.images_NHW3[:], labels_N=d.labels_N)
            for d in in_files.domains
        ),
        phrase="a",
    )
    first = encode_domains(embedded, in_files, tmp_path)
    for a, b in zip(first, encode_domains(embedded, in_memory, tmp_path), strict=True):
        np.testing.assert_array_equal(a, b)
    shutil.rmtree(tree)
    for a, b in zip(first, encode_domains(embedded, in_files, tmp_path), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_a_writer_killed_in_the_middle_leaves_no_half_file(tmp_path: Path) -> None:
    """Its temporary file may stay; under the name that is read there is a whole one or none."""
    folder = tmp_path / "features"
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder / "f.safetensors")],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    try:
        assert writer.stdout.readline() == "ready\n"
        while not list(folder.glob("*.tmp")):  # it writes again and again
            writer.send_signal(signal.SIGCONT)
            time.sleep(0.005)
            writer.send_signal(signal.SIGSTOP)
            os.waitpid(writer.pid, os.WUNTRACED)
    finally:
        writer.kill()
        writer.communicate()
    assert list(folder.glob("*.tmp")), "it was not killed in the middle of writing"
    for path in folder.glob("*.safetensors"):
        features_NE = load_file(path)["features"]
        assert features_NE.shape == (40_000, 512)
        assert (features_NE == 1).all()


def test_what_a_killed_writer_left_does_not_hinder_the_next(
    embedded: FrozenClip, tree: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from secfpp.clip.features import encode_domains

    domain_set = load_domains(
        str(tree), ReadOptions(cache_dir=tmp_path, image_size=embedded.image_size)
    )
    first = encode_domains(embedded, domain_set, tmp_path)
    kept = sorted((tmp_path / "features").glob("*.safetensors"))
    assert len(kept) == 2
    (kept[0].parent / "abc.tmp").write_bytes(kept[0].read_bytes()[:50])
    kept[0].write_bytes(b"")
    kept[1].write_bytes(kept[1].read_bytes()[:-1])
    for a, b in zip(first, encode_domains(embedded, domain_set, tmp_path), strict=True):
        np.testing.assert_array_equal(a, b)
    assert caplog.text.count("is damaged") == 2
    assert load_file(kept[0])["features"].shape == first[0].shape
