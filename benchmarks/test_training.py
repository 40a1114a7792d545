"""Images encoded and prompt steps taken a second: on the CPU, and on a GPU where there is one.

Small: the embedded default, 20 clients of five digit domains. Large: open_clip's ViT-B-16 with
random weights, loaded from a file as a user's would be; what numbers a weight has does not change
the time. Images go through `FrozenClip.encode_images`, steps through the method's own trainer: what
clients add to their prompts takes no steps.
A CPU gets less to do, so that this file takes about a minute without a GPU; figures compare where
sizes are equal. Torch has the threads of a run, and time ends when the GPU is done.
"""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, partial

import numpy as np
import open_clip
import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from targets import Samples, Target, by_turns, note
from torch.nn import functional

from secfpp.clip.model import FrozenClip, Precision, load_clip
from secfpp.clip.text import PromptedText
from secfpp.config.training import TrainingConfig
from secfpp.config.workload import DeviceName
from secfpp.experiment.config import RunConfig
from secfpp.federation.workload import load_workload
from secfpp.learning.losses import LossTerms, Shards
from secfpp.learning.prompts import PromptState
from secfpp.learning.training import LocalSteps, TextTower, train_part
from secfpp.methods.interface import ClientBatch, Trainer
from secfpp.methods.registry import METHODS
from secfpp.seeds import Seeds

ARCHITECTURE = "ViT-B-16"
DEVICES: tuple[DeviceName, ...] = ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16", "fp16")
IMAGES_ON_CPU = {"fp32": 4, "bf16": 1, "fp16": 2}
"""Of bf16 one: with a few at once, torch's attention on a CPU copies its weights for every token,
seconds a batch whatever its size."""
IMAGES_ON_CUDA = 2048
ROUNDS = {"cpu": 2, "cuda": 5}
NUM_CONTEXT = 16
IMAGES_OF_A_CLIENT = 30
FEDERATIONS: dict[DeviceName, tuple[tuple[int, int], ...]] = {
    "cpu": ((2, 20),),
    "cuda": ((2, 20), (20, 20), (20, 100)),
}
"""Clients and classes of the large model."""
CLIENTS_OF_A_STEP, CLASSES_OF_A_STEP = 20, 10
ROUNDS_OF_A_STEP = 7
LARGEST_RATIO = 0.5
STEPS_ON_CPU = TrainingConfig(local_steps=2, shared_steps=1)


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """Give torch as many threads as a run does, and give back what it had."""
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // 2))
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Callable[[DeviceName], FrozenClip]:
    """Write weights of the large architecture; return what loads them to a device, once."""
    weights = tmp_path_factory.mktemp("weights") / "random.pt"
    torch.manual_seed(0)
    torch.save(open_clip.create_model(ARCHITECTURE).state_dict(), weights)
    return cache(lambda device: load_clip(ARCHITECTURE, str(weights), device))


@pytest.mark.parametrize("device", DEVICES)
def test_steps_of_the_default(
    benchmark: BenchmarkFixture, provenance: dict[str, object], device: DeviceName
) -> None:
    config = RunConfig(device=device)
    workload, seeds = load_workload(config, num_context=config.training.num_context), Seeds(0)
    cohort = workload.cohort(config.partition, seeds)
    batch = batch_of(workload.tower, workload.logit_scale, cohort.train)
    state = PromptState.start(workload.initial_TW, cohort.num_clients)
    trainer = METHODS["secfpp"].trainer(config.settings_of(METHODS["secfpp"]), seeds)
    clients, classes = cohort.num_clients, len(cohort.class_names)
    measure(
        benchmark,
        lambda: work_of_a_round(trainer, batch, state),
        what=f"embedded: steps a second, {clients} clients, {classes} classes",
        device=device,
        count=trainer.steps,
        provenance={**provenance, "model": "embedded", "clients": clients, "classes": classes},
    )


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("device", DEVICES)
def test_image_features(
    benchmark: BenchmarkFixture,
    large: Callable[[DeviceName], FrozenClip],
    provenance: dict[str, object],
    device: DeviceName,
    precision: Precision,
) -> None:
    clip = replace(large(device), precision=precision)
    count = IMAGES_ON_CUDA if device == "cuda" else IMAGES_ON_CPU[precision]
    shape = (count, clip.image_size, clip.image_size, 3)
    images_NHW3 = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    measure(
        benchmark,
        lambda: clip.encode_images(images_NHW3),
        what=f"{ARCHITECTURE}: images a second, {precision}",
        device=device,
        count=count,
        provenance={**provenance, "model": ARCHITECTURE, "precision": precision, "images": count},
    )


@pytest.mark.parametrize(
    ("device", "clients", "classes"),
    [(device, *sizes) for device in DEVICES for sizes in FEDERATIONS[device]],
)
def test_steps_of_a_large_tower(
    benchmark: BenchmarkFixture,
    large: Callable[[DeviceName], FrozenClip],
    provenance: dict[str, object],
    device: DeviceName,
    clients: int,
    classes: int,
) -> None:
    training = TrainingConfig() if device == "cuda" else STEPS_ON_CPU
    clip = large(device)
    tower = PromptedText(clip, tuple(f"object {c}" for c in range(classes)), NUM_CONTEXT)
    batch = batch_of(tower, clip.logit_scale, random_shards(clip, clients, classes))
    state = PromptState.start(tower.initial_context("a photo of an"), clients)
    trainer = METHODS["secfpp"].trainer(
        RunConfig(training=training).settings_of(METHODS["secfpp"]), Seeds(0)
    )
    sizes = {"clients": clients, "classes": classes, "num_context": NUM_CONTEXT}
    measure(
        benchmark,
        lambda: work_of_a_round(trainer, batch, state),
        what=f"{ARCHITECTURE}: steps a second, {clients} clients, {classes} classes",
        device=device,
        count=trainer.steps,
        provenance={**provenance, "model": ARCHITECTURE, **sizes},
    )


def test_a_step_beside_the_usual_loop(
    benchmark: BenchmarkFixture, provenance: dict[str, object]
) -> None:
    """One step of 20 clients: ours, and the loop of published code, by turns in CPU time.

    That loop reads all positions of the text tower, client by client, and encodes the images of a
    step again. Both sides have the same model, images, loss and optimiser, on one thread. CPU time
    does not grow while others use the machine, so the bound holds on a noisy one, too.
    """
    torch.set_num_threads(1)
    clip = load_clip(device="cpu")
    names = tuple(f"object {c}" for c in range(CLASSES_OF_A_STEP))
    tower = PromptedText(clip, names, TrainingConfig().num_context)
    shards = random_shards(clip, CLIENTS_OF_A_STEP, len(names))
    shape = (CLIENTS_OF_A_STEP, IMAGES_OF_A_CLIENT, clip.image_size, clip.image_size, 3)
    images_NBHW3 = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    start_TW = tower.initial_context("a photo of an")
    usual = partial(usual_step, clip, names, images_NBHW3, shards, start_TW)
    ours = partial(our_step, tower, clip.logit_scale, shards, start_TW)
    torch.testing.assert_close(ours(), usual(), atol=1e-4, rtol=1e-4)
    samples = Samples(lambda: cpu_seconds_of(ours)), Samples(lambda: cpu_seconds_of(usual))
    by_turns(benchmark, *samples, rounds=ROUNDS_OF_A_STEP)
    benchmark.extra_info.update(provenance, clients=CLIENTS_OF_A_STEP, classes=len(names))
    target = Target(
        what=f"a step of {CLIENTS_OF_A_STEP} clients / the loop of published code",
        ratio=samples[0].median / samples[1].median,
        bound="at most",
        target=LARGEST_RATIO,
        figures=f"{1e3 * samples[0].median:.0f} ms / {1e3 * samples[1].median:.0f} ms of CPU time",
    )
    note(benchmark, target)
    assert target.ratio <= LARGEST_RATIO


def our_step(
    tower: TextTower, logit_scale: float, shards: Shards, start_TW: torch.Tensor
) -> torch.Tensor:
    """Return the loss of every client before one step on cached features, in one batch."""
    start_NTW = start_TW.expand(len(shards.labels_NB), -1, -1)
    return train_part(
        tower,
        shards,
        part_NTW=start_NTW,
        other_NTW=torch.zeros_like(start_NTW),
        logit_scale=logit_scale,
        work=LocalSteps(steps=1, lr=0.01, terms=LossTerms()),
    ).loss_N


def usual_step(
    clip: FrozenClip,
    names: tuple[str, ...],
    images_NBHW3: np.ndarray,
    shards: Shards,
    start_TW: torch.Tensor,
) -> torch.Tensor:
    """Return the same losses by a loop over clients; images are encoded, features are not used.

    The losses are those of the cached features, which are random, so that both sides agree; the
    time of encoding is spent all the same.
    """
    losses = []
    for client, images_BHW3 in enumerate(images_NBHW3):
        clip.encode_images(images_BHW3)
        context_TW = start_TW.clone().requires_grad_(True)
        optimiser = torch.optim.Adam([context_TW], lr=0.01)
        text_CE = read_all_positions(clip, names, context_TW)
        logits = clip.logit_scale * shards.features_NBE[client] @ text_CE.T
        loss = functional.cross_entropy(logits, shards.labels_NB[client])
        loss.backward()
        optimiser.step()
        losses.append(loss.detach())
    return torch.stack(losses)


def read_all_positions(
    clip: FrozenClip, names: tuple[str, ...], context_TW: torch.Tensor
) -> torch.Tensor:
    """Read start, prompt, name, end and padding of every class: CoOp's text encoder."""
    tokens = [clip.tokenizer.encode(name) for name in names]
    num_context = len(context_TW)
    ids = torch.zeros((len(names), clip.context_length), dtype=torch.int64)
    ids[:, 0] = clip.tokenizer.sot_token_id
    for row, name in zip(ids, tokens, strict=True):
        after = torch.tensor([*name, clip.tokenizer.eot_token_id])
        row[1 + num_context : 1 + num_context + len(after)] = after
    embedded_CLW = clip.tower.token_embedding.weight[ids].float()
    prompt = context_TW.expand(len(names), -1, -1)
    sequence = torch.cat([embedded_CLW[:, :1], prompt, embedded_CLW[:, 1 + num_context :]], dim=1)
    end_C = torch.tensor([1 + num_context + len(name) for name in tokens])
    return functional.normalize(clip.tower.read(sequence, end_C), dim=-1)


def cpu_seconds_of(work: Callable[[], object]) -> float:
    """Return the CPU time of some work of this process."""
    started = time.process_time()
    work()
    return time.process_time() - started


def batch_of(tower: TextTower, logit_scale: float, shards: Shards) -> ClientBatch:
    """Return what all clients work with."""
    return ClientBatch(
        tower=tower,
        logit_scale=logit_scale,
        shards=shards,
        validation=shards,
        clients_n=np.arange(len(shards.labels_NB)),
        round_index=0,
    )


def random_shards(clip: FrozenClip, clients: int, classes: int) -> Shards:
    """Draw image features and labels, as many for every client."""
    generator = torch.Generator().manual_seed(0)
    shape = (clients, IMAGES_OF_A_CLIENT)
    features_NBE = torch.randn(*shape, clip.embed_dim, generator=generator)
    return Shards(
        features_NBE=functional.normalize(features_NBE, dim=-1).to(clip.device),
        labels_NB=torch.randint(0, classes, shape, generator=generator).to(clip.device),
        mask_NB=torch.ones(shape, dtype=torch.bool, device=clip.device),
    )


def work_of_a_round(trainer: Trainer, batch: ClientBatch, state: PromptState) -> None:
    """Take all local steps of a round, without the exchange between the two parts."""
    state, _ = trainer.shared(batch, state)
    trainer.local(batch, state)


def seconds_of(work: Callable[[], object], *, on_gpu: bool) -> float:
    """Return how long some work takes, that of the GPU included."""
    started = time.perf_counter()
    work()
    if on_gpu:
        torch.cuda.synchronize()
    return time.perf_counter() - started


def measure(
    benchmark: BenchmarkFixture,
    work: Callable[[], object],
    *,
    what: str,
    device: DeviceName,
    count: int,
    provenance: dict[str, object],
) -> None:
    """Time some work, `count` things at a time, and keep how many a second and the memory."""
    on_gpu = device == "cuda"
    if on_gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    samples = Samples(lambda: seconds_of(work, on_gpu=on_gpu))
    by_turns(benchmark, samples, rounds=ROUNDS[device])
    peak = torch.cuda.max_memory_allocated() if on_gpu else None
    place = torch.cuda.get_device_name() if on_gpu else provenance["cpu"]
    benchmark.extra_info.update(
        provenance,
        device=place,
        torch_threads=torch.get_num_threads(),
        per_second=count / samples.median,
        peak_gpu_bytes=peak,
    )
    memory = "" if peak is None else f"; at most {peak / 1e9:.2f} GB of its memory"
    target = Target(
        what=what,
        ratio=count / samples.median,
        bound="no target",
        target=0.0,
        figures=f"{place}{memory}",
    )
    note(benchmark, target)
