"""The memory of real runs, and refusals."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from secfpp.analysis.estimate.check import check_memory, refusal, room_of_worker
from secfpp.analysis.estimate.estimate import memory_of_run
from secfpp.analysis.estimate.memory import Memory, Room, room_of
from secfpp.analysis.estimate.memory_watch import MemoryWatch
from secfpp.analysis.estimate.probe import Line, MethodProbe
from secfpp.analysis.estimate.sizes import Sizes
from secfpp.cli import main
from secfpp.data.cache import load_digits
from secfpp.experiment.config import RunConfig
from secfpp.federation.workload import open_sources
from tests.analysis.estimate import peak_of_a_run
from tests.analysis.estimate.peak_of_a_run import NUM_CONTEXT, config_of
from tests.clip.conftest import save_random

FACTOR = 1.5
"""An estimate is within this factor of the measured peak, either way."""
WIDE_TEXT = {
    "embed_dim": 64,
    "vision_cfg": {
        "image_size": 32,
        "layers": 2,
        "width": 64,
        "head_width": 32,
        "patch_size": 8,
    },
    "text_cfg": {
        "context_length": 77,
        "vocab_size": 49408,
        "width": 96,
        "heads": 3,
        "layers": 16,
    },
}
"""A text tower whose training takes more memory than all else in a small run."""
SIZES = Sizes(
    images=1000,
    largest_domain=500,
    domains=2,
    clients=10,
    images_per_client=20,
    test_images=100,
    classes=5,
    embed_dim=8,
    regions=4,
)


def memory(step: float = 1e6, *, on_gpu: bool = False) -> Memory:
    """Ten clients; a step takes `step` bytes for each."""
    flat = Line(base=0.0, slope=0.0)
    probe = MethodProbe(
        name="promptfl",
        steps=2,
        rows=10.0,
        is_joint=False,
        needs_patches=False,
        step_bytes=Line(base=0.0, slope=step),
        step_s=flat,
        score_bytes=flat,
        score_s=flat,
    )
    return Memory(
        sizes=SIZES,
        probes=(probe,),
        encode_bytes=0,
        parties=0,
        batch=1,
        image_size=1,
        on_gpu=on_gpu,
    )


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_random(tmp_path_factory.mktemp("wide") / "model", WIDE_TEXT)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with digits, whose making takes more memory than a run, and without features."""
    folder = tmp_path_factory.mktemp("digits") / "cache"
    load_digits(folder)
    return folder


def measured_peak(model: str, cache: Path, out: Path, method: str, at_once: int) -> int:
    words = (model, str(cache), str(out), method, str(at_once))
    program = [sys.executable, "-m", peak_of_a_run.__name__]
    done = subprocess.run(
        [*program, *words], capture_output=True, text=True, timeout=500, check=True
    )
    return int(json.loads(done.stdout.splitlines()[-1])["bytes"])


@pytest.mark.slow
@pytest.mark.parametrize(("method", "at_once"), [("promptfl", 0), ("promptfl", 6), ("fedotp", 0)])
def test_estimate_and_measured_peak(
    method: str, at_once: int, wide: str, digits: Path, tmp_path: Path
) -> None:
    """Bytes of the estimate are counted, so what else this process holds makes no difference."""
    cache = shutil.copytree(digits, tmp_path / "cache")
    config = config_of(wide, cache, method, at_once)
    memory = memory_of_run(config, open_sources(config, num_context=NUM_CONTEXT))
    estimate = memory.on_host(config.training.clients_at_once)
    measured = measured_peak(wide, cache, tmp_path / "run", method, at_once)
    assert measured / FACTOR < estimate < measured * FACTOR


def test_watch_counts_what_is_kept_for_the_gradient() -> None:
    weight = torch.randn(64, 64)
    start = torch.randn(1000, 64, requires_grad=True)
    with MemoryWatch() as watch:
        state = start
        for _ in range(10):
            state = torch.nn.functional.gelu(state @ weight)
    del state
    rows = 1000 * 64 * 4
    assert watch.peak == 12 * rows, "ten inputs of gelu, and two tensors in passing"
    with MemoryWatch() as watch, torch.no_grad():
        state = start
        for _ in range(10):
            state = torch.nn.functional.gelu(state @ weight)
    assert watch.peak == 3 * rows, "without a gradient nothing is kept"


def test_watch_does_not_count_views_and_old_tensors() -> None:
    old = torch.zeros(1000)
    with MemoryWatch() as watch:
        views = [old[:10], old.view(10, 100), old.add_(1)]
        made = torch.zeros(10)
    assert watch.peak == made.nbytes
    assert len(views) == 3


def test_a_run_that_fits_is_not_refused() -> None:
    assert refusal(memory(), Room(host=10**9, device=None), None) == ""
    assert refusal(memory(), Room(host=10**9, device=11 * 10**6), None) == ""


def test_a_refusal_names_how_many_clients_fit() -> None:
    room = Room(host=10**9, device=5 * 10**6 + SIZES.cohort_bytes(with_patches=False))
    said = refusal(memory(on_gpu=True), room, None)
    assert "0.0 GB more of GPU memory" in said
    assert "--clients-at-once 5, or go on anyway with --beyond-memory" in said
    assert refusal(memory(on_gpu=True), room, 5) == ""
    assert "--clients-at-once 5" in refusal(memory(on_gpu=True), room, 6)


def test_a_refusal_without_hope_names_what_takes_most() -> None:
    said = refusal(memory(), Room(host=10**6, device=None), None)
    assert "promptfl takes most" in said
    assert "--images-per-class" in said
    assert "--beyond-memory" in said


def test_workers_share_the_room_and_each_has_a_model() -> None:
    room = Room(host=10 * 10**9, device=4 * 10**9)
    one = room_of_worker(room, 2, 10**8)
    assert one.host < 5 * 10**9
    assert one.device == 2 * 10**9 - 5 * 10**8 - 10**8


def test_there_is_room_on_this_machine() -> None:
    room = room_of(torch.device("cpu"))
    assert room.host > 10**8
    assert room.device is None


def test_the_default_run_is_let_pass_without_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "secfpp.analysis.estimate.check.room_of", lambda device: Room(host=0, device=None)
    )
    config = RunConfig()
    check_memory(config, open_sources(config, num_context=8))


@pytest.mark.slow
def test_a_large_run_is_refused_before_anything_is_encoded(
    wide: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """With so little memory that nothing fits."""
    monkeypatch.setattr(
        "secfpp.analysis.estimate.check.room_of", lambda device: Room(host=10**7, device=None)
    )
    words = ["--model", wide, "--methods", "promptfl", "--clients-per-domain", "30"]
    cache, out = str(tmp_path / "cache"), tmp_path / "run"
    held_out = ["--validation-images-per-client", "0"]
    sizes = [*held_out, "--images-per-client", "20", "--cache-dir", cache, "--out", str(out)]
    assert main(["run", *words, *sizes]) == 2
    said = capfd.readouterr().err
    assert "the run needs" in said
    assert "there are 0.0 GB" in said
    assert not out.exists()
    assert not (tmp_path / "cache" / "features").exists()


@pytest.mark.slow
def test_the_last_word_is_the_users(
    wide: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "secfpp.analysis.estimate.check.room_of", lambda device: Room(host=0, device=None)
    )
    words = ["--model", wide, "--methods", "zero-shot", "--clients-per-domain", "2", "--json"]
    held_out = ["--validation-images-per-client", "1"]
    sizes = [
        *held_out,
        "--images-per-client",
        "4",
        "--images-per-class",
        "4",
        "--test-images-per-domain",
    ]
    place = ["--cache-dir", str(tmp_path / "cache"), "--out", str(tmp_path / "run")]
    assert main(["run", *words, *sizes, "10", *place, "--beyond-memory"]) == 0


def test_probes_do_not_depend_on_the_load() -> None:
    line = Line.through((1.0, 5.0), (2.0, 8.0))
    assert (line.at(0), line.at(10)) == (2.0, 32.0)
    assert Line.through((1.0, 5.0), (2.0, 4.0)).at(7) == 5.0
    assert replace(line, base=-10.0).at(1) == 0.0
