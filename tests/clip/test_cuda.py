"""A GPU encodes images and texts as the CPU does, in each precision.

Tolerances are on numbers of unit-norm features, whose rms is E ** -0.5: 0.09 for the embedded
model, 0.2 for those of 24 dimensions. Float32 of the CPU is the reference.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from secfpp.clip.features import encode_domains
from secfpp.clip.model import BATCH_SIZE, FrozenClip, Precision, load_clip
from secfpp.clip.patches import encode_patches, regions_of
from secfpp.clip.text import PromptedText
from tests.clip.conftest import ARCHITECTURES, TEXT, VISION, save_random
from tests.clip.test_patches import RESNET, domains

pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA"),
]

EXACT = 2e-5
"""Float32 on both sides, sums in another order."""
TOLERANCE: dict[Precision, float] = {"fp32": 1e-3, "bf16": 1e-2, "fp16": 1e-3}
"""Convolutions of float32 are in TF32 by default, which has 10 bits as fp16 has; bf16 has 7."""


@pytest.fixture
def no_tf32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


@pytest.fixture(scope="module", params=[*ARCHITECTURES, "resnet"])
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[FrozenClip, FrozenClip]:
    """The same random model on the CPU and on the GPU."""
    config: dict[str, object] = {"embed_dim": 24, "vision_cfg": VISION, "text_cfg": TEXT}
    config |= {"vision_cfg": RESNET} if request.param == "resnet" else ARCHITECTURES[request.param]
    model = save_random(tmp_path_factory.mktemp("models") / request.param, config)
    return load_clip(model, device="cpu"), load_clip(model, device="cuda")


def random_images(clip: FrozenClip, count: int, extra: int = 0) -> NDArray[np.uint8]:
    side = clip.image_size + extra
    shape = (count, side, side, 3)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def assert_close(
    found: torch.Tensor | NDArray[np.float32],
    expected: torch.Tensor | NDArray[np.float32],
    atol: float,
) -> None:
    found, expected = torch.as_tensor(found).cpu(), torch.as_tensor(expected)
    torch.testing.assert_close(found, expected, atol=atol, rtol=0)


def test_features_of_the_embedded_model_in_each_precision(embedded: FrozenClip) -> None:
    on_gpu = load_clip(device="cuda")
    images_NHW3 = random_images(embedded, 64)
    expected_NE = embedded.encode_images(images_NHW3)
    for precision, atol in TOLERANCE.items():
        found_NE = replace(on_gpu, precision=precision).encode_images(images_NHW3)
        assert (found_NE.dtype, found_NE.device.type) == (torch.float32, "cuda")
        assert_close(found_NE, expected_NE, atol)
        assert_close(found_NE.norm(dim=1), torch.ones(64), EXACT)


def test_half_precision_is_of_the_same_model_on_both(embedded: FrozenClip) -> None:
    on_gpu = load_clip(device="cuda")
    images_NHW3 = random_images(embedded, 8)
    halves: tuple[Precision, ...] = ("bf16", "fp16")
    for precision in halves:
        found_NE, expected_NE = (
            replace(clip, precision=precision).encode_images(images_NHW3)
            for clip in (on_gpu, embedded)
        )
        assert_close(found_NE, expected_NE, TOLERANCE[precision])


def test_features_of_other_models(pair: tuple[FrozenClip, FrozenClip], no_tf32: None) -> None:
    on_cpu, on_gpu = pair
    images_NHW3 = random_images(on_cpu, 16)
    assert_close(on_gpu.encode_images(images_NHW3), on_cpu.encode_images(images_NHW3), EXACT)


def test_several_batches_and_another_size(embedded: FrozenClip, no_tf32: None) -> None:
    """Staging memory of one batch is not written again before the GPU has read it."""
    on_gpu = load_clip(device="cuda")
    images_NHW3 = random_images(embedded, 8 * BATCH_SIZE + 3, extra=16)
    whole_NE = on_gpu.encode_images(images_NHW3)
    one_by_one = [on_gpu.encode_images(images_NHW3[i : i + 1]) for i in range(0, 2051, 50)]
    assert_close(whole_NE[::50], torch.cat(one_by_one).cpu(), EXACT)
    assert_close(whole_NE[:32], embedded.encode_images(images_NHW3[:32]), 1e-4)


def test_regions(pair: tuple[FrozenClip, FrozenClip], no_tf32: None, tmp_path: Path) -> None:
    on_cpu, on_gpu = pair
    assert regions_of(on_cpu) == regions_of(on_gpu)
    toy = domains(side=on_cpu.image_size)
    found = encode_patches(on_gpu, toy, tmp_path)
    for regions_NRE, expected_NRE in zip(found, encode_patches(on_cpu, toy, tmp_path), strict=True):
        assert_close(regions_NRE, expected_NRE, EXACT)


def test_kept_features_of_cpu_and_gpu_are_apart(
    pair: tuple[FrozenClip, FrozenClip], tmp_path: Path
) -> None:
    for clip in pair:
        encode_domains(clip, domains(), tmp_path)
    assert len(list((tmp_path / "features").iterdir())) == 4


def test_texts_and_gradients_of_prompts(pair: tuple[FrozenClip, FrozenClip]) -> None:
    names, generator = ("one", "a longer name"), torch.Generator().manual_seed(0)
    context_BTW = torch.randn(3, 4, pair[0].width, generator=generator)
    direction_BCE = torch.randn(3, 2, pair[0].embed_dim, generator=generator)
    features, gradients = [], []
    for clip in pair:
        asked = context_BTW.to(clip.device).requires_grad_(True)
        text_BCE = PromptedText(clip, names, 4)(asked)
        (gradient,) = torch.autograd.grad((text_BCE * direction_BCE.to(clip.device)).sum(), [asked])
        features.append(text_BCE.detach())
        gradients.append(gradient)
    assert_close(features[1], features[0], EXACT)
    assert_close(gradients[1], gradients[0], EXACT * gradients[0].abs().max().item())


def test_no_batch_waits_for_the_one_before(pair: tuple[FrozenClip, FrozenClip]) -> None:
    """Whatever makes the host wait for the GPU is an error in here."""
    on_gpu = pair[1]
    images_NHW3 = random_images(on_gpu, 2 * BATCH_SIZE)
    expected_NE = on_gpu.encode_images(images_NHW3)
    torch.cuda.set_sync_debug_mode("error")
    try:
        found_NE = on_gpu.encode_images(images_NHW3)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert_close(found_NE, expected_NE.cpu(), EXACT)
