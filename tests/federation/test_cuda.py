"""Whole runs on a GPU: every method, resumed runs, workers of a comparison."""

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from secfpp.cli import main
from secfpp.clip.model import load_clip
from secfpp.clip.text import PromptedText
from secfpp.comparison.config import ALL_METHODS
from secfpp.config.training import TrainingConfig
from secfpp.config.workload import DeviceName, PrecisionName
from secfpp.errors import RunError, RunInterruptedError
from secfpp.experiment.config import RunConfig
from secfpp.experiment.experiment import run_experiment
from secfpp.learning.joint_steps import train_jointly
from secfpp.learning.losses import LossTerms, Shards
from secfpp.learning.training import LocalSteps, train_part
from secfpp.methods.registry import METHODS, MethodName
from tests.experiment.test_experiment import StopAfter

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.slow,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA"),
]

ROUNDS = 2
TRAINING = TrainingConfig(rounds=ROUNDS, local_steps=10, shared_steps=8)
NEAR = 0.02
"""On accuracies: features differ by TF32, and steps of Adam carry differences on."""
NEAR_WITH_NOISE = 0.1
"""Noise of private methods is drawn anew in each run."""
PRIVATE = {name for name, method in METHODS.items() if method.statement is not None}


def config(device: DeviceName, out: Path, methods: tuple[MethodName, ...]) -> RunConfig:
    return RunConfig(training=TRAINING, methods=methods, device=device, out=out)


def results(folder: Path) -> dict[str, dict[str, dict[str, float]]]:
    found = json.loads((folder / "results.json").read_text())
    assert found["complete"]
    methods: dict[str, dict[str, dict[str, float]]] = found["methods"]
    return methods


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[DeviceName, Path]:
    """One seed of every method on the CPU and on the GPU."""
    place = tmp_path_factory.mktemp("runs")
    devices: tuple[DeviceName, ...] = ("cpu", "cuda")
    return {
        device: run_experiment(config(device, place / device, ALL_METHODS)).folder
        for device in devices
    }


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ALL_METHODS)
def test_every_method_ends_near_the_cpus(folders: dict[DeviceName, Path], name: MethodName) -> None:
    on_cpu, on_gpu = (results(folders[device])[name] for device in ("cpu", "cuda"))
    near = NEAR_WITH_NOISE if name in PRIVATE else NEAR
    for measure in ("own_mix", "uniform"):
        assert on_gpu[measure]["mean"] == pytest.approx(on_cpu[measure]["mean"], abs=near)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_of_images_ends_near(precision: PrecisionName, tmp_path: Path) -> None:
    settings = config("cuda", tmp_path / "half", ("promptfl",))
    half = run_experiment(replace(settings, precision=precision)).results[0]
    full = run_experiment(config("cpu", tmp_path / "full", ("promptfl",))).results[0]
    assert half.uniform.mean == pytest.approx(full.uniform.mean, abs=NEAR)
    assert half.own_mix.mean == pytest.approx(full.own_mix.mean, abs=NEAR)


def test_the_run_says_which_gpu_it_used(folders: dict[DeviceName, Path]) -> None:
    versions = json.loads((folders["cuda"] / "versions.json").read_text())
    assert versions["gpu"] == torch.cuda.get_device_name()


def test_a_run_that_was_stopped_goes_on(folders: dict[DeviceName, Path], tmp_path: Path) -> None:
    methods: tuple[MethodName, ...] = ("ifca", "fedpgp", "secfpp-plain")
    settings = config("cuda", tmp_path / "run", methods)
    with pytest.raises(RunInterruptedError):
        run_experiment(settings, StopAfter(3))
    folder = run_experiment(replace(settings, resume=tmp_path / "run")).folder
    whole = load_file(folders["cuda"] / "prompts.safetensors")
    resumed = load_file(folder / "prompts.safetensors")
    for name in methods:
        for part in ("shared", "local"):
            key = f"{name}/seed0/{part}"
            torch.testing.assert_close(resumed[key], whole[key], atol=1e-3, rtol=0)


def test_workers_of_a_comparison_share_the_gpu(
    folders: dict[DeviceName, Path], tmp_path: Path
) -> None:
    methods: tuple[MethodName, ...] = ("promptfl", "secfpp-plain", "secfpp")
    words = ["compare", "--json", "--device", "cuda", "--jobs", "2", "--seeds", "2"]
    words += ["--rounds", "2", "--local-steps", "10", "--shared-steps", "8"]
    folder = tmp_path / "compare"
    assert main([*words, "--out", str(folder), "--methods", *methods]) == 0
    with (folder / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * len(methods)
    alone = results(folders["cuda"])
    for row in rows:
        if row["seed"] == "0":
            expected = alone[row["method"]]["uniform"]["mean"]
            assert float(row["uniform"]) == pytest.approx(expected, abs=NEAR)


def small_task() -> tuple[PromptedText, Shards, torch.Tensor]:
    """Return tower, images and start of three clients on the GPU."""
    clip = load_clip(device="cuda")
    tower = PromptedText(clip, ("one", "two", "three"), 4)
    generator = torch.Generator().manual_seed(0)
    features_NBE = torch.randn(3, 5, clip.embed_dim, generator=generator)
    shards = Shards(
        features_NBE=torch.nn.functional.normalize(features_NBE, dim=-1).cuda(),
        labels_NB=torch.randint(0, 3, (3, 5), generator=generator).cuda(),
        mask_NB=torch.ones(3, 5, dtype=torch.bool).cuda(),
    )
    return tower, shards, tower.initial_context("a digit").expand(3, -1, -1)


def train(shards: Shards, heartbeat: Callable[[], None] = lambda: None, steps: int = 6) -> None:
    tower, _, start_NTW = small_task()
    train_part(
        tower,
        shards,
        part_NTW=start_NTW,
        other_NTW=torch.zeros_like(start_NTW),
        logit_scale=50.0,
        work=LocalSteps(
            steps=steps,
            lr=0.01,
            terms=LossTerms(balanced=True, alignment_weight=2.0, pull_weight=0.1),
        ),
        heartbeat=heartbeat,
    )


def train_several(
    shards: Shards, heartbeat: Callable[[], None] = lambda: None, steps: int = 6
) -> None:
    tower, _, start_NTW = small_task()

    def loss(parts: object) -> torch.Tensor:
        assert isinstance(parts, dict)
        text_NCE = tower(parts["a"] + parts["b"])
        return (shards.features_NBE @ text_NCE.transpose(1, 2)).square().mean(dim=(1, 2))

    parts = {"a": start_NTW, "b": torch.zeros_like(start_NTW)}
    train_jointly(parts, loss, steps=steps, lr=0.01, heartbeat=heartbeat)


@pytest.mark.parametrize("work", [train, train_several])
def test_no_step_waits_for_the_one_before(work: Callable[..., None]) -> None:
    """Whatever makes the host wait for the GPU is an error from the second step to the last."""
    steps, begun = 6, 0

    def heartbeat() -> None:
        nonlocal begun
        begun += 1
        torch.cuda.set_sync_debug_mode("error" if 1 < begun < steps else "default")

    try:
        work(small_task()[1], heartbeat, steps)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert begun == steps


@pytest.mark.parametrize("work", [train, train_several])
def test_divergence_names_client_and_first_step(work: Callable[..., None]) -> None:
    _, shards, _ = small_task()
    shards.features_NBE[1, 0, 0] = float("nan")
    with pytest.raises(RunError, match="client 1 is not finite at local step 0"):
        work(shards)
