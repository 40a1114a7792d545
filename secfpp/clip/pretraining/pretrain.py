"""Make the embedded model: train it, write it in open_clip's format, measure it."""

from __future__ import annotations

import platform
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch
from open_clip.tokenizer import SimpleTokenizer

from secfpp.clip.architecture import CONTEXT_LENGTH, save_model
from secfpp.clip.model import FrozenClip, load_clip, resolve_device
from secfpp.clip.pretraining.card import PretrainReport, write_card
from secfpp.clip.pretraining.contrastive import BATCH_SIZE, Progress, train
from secfpp.clip.pretraining.evaluate import evaluate
from secfpp.clip.pretraining.images import caption_words
from secfpp.clip.vocabulary import VOCABULARY_FILE, write_vocabulary
from secfpp.data.cache import load_digits
from secfpp.data.digits import differs_from_reference
from secfpp.data.domains import DomainSet
from secfpp.data.sources import changed, pretraining_sources
from secfpp.errors import ConfigError

DEFAULT_STEPS = 400
NUM_IMAGES = 24_000
_MIN_STEPS = 10
_PACKAGES = ("torch", "open_clip_torch", "numpy", "pillow", "mlxtend", "scikit-image", "matplotlib")


def pretrain(
    out_dir: Path,
    *,
    seed: int = 0,
    steps: int = DEFAULT_STEPS,
    device: str = "cpu",
    progress: Progress | None = None,
) -> PretrainReport:
    """Train the model, write it to `out_dir`, and measure the written model.

    Parameters
    ----------
    out_dir : Path
        Receives weights, config, vocabulary and card; loads as ``local-dir:OUT_DIR``.
    seed : int
        Of images, captions, their order, and first weights. Another machine may round differently.
    steps : int
        Optimiser steps.
    device : str
        ``"cpu"``, ``"cuda"`` or ``"auto"``.
    progress : callable, optional
        Called after each step with the steps done, all steps, and the loss.

    Raises
    ------
    ConfigError
        `steps` or `seed` is out of range, `out_dir` cannot be written, or the device does not
        exist.
    """
    _check_settings(seed, steps)
    place = resolve_device(device)
    written = _train_and_write(out_dir, seed, steps, place, progress)
    report = _measure(load_clip(f"local-dir:{out_dir}", device=device), written, seed, steps)
    write_card(report, out_dir)
    return report


def _check_settings(seed: int, steps: int) -> None:
    """Refuse values out of range."""
    if steps < _MIN_STEPS:
        raise ConfigError(f"steps={steps} but the schedule needs {_MIN_STEPS}; raise --steps")
    if seed < 0:
        raise ConfigError(f"seed={seed} but seeds start at 0; change --seed")


@dataclass(frozen=True, kw_only=True)
class _Written:
    """A trained model that has been written."""

    vocab_size: int
    final_loss: float
    seconds: float
    """From the vocabulary to the last weight."""


def _train_and_write(
    out_dir: Path, seed: int, steps: int, device: torch.device, progress: Progress | None
) -> _Written:
    """Write the vocabulary, train the model, write its weights."""
    began_s = time.monotonic()
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        vocab_size = write_vocabulary(out_dir / VOCABULARY_FILE, caption_words())
    except OSError as error:
        raise ConfigError(f"cannot write the model to {str(out_dir)!r}: {error}") from error
    tokenizer = SimpleTokenizer(str(out_dir / VOCABULARY_FILE), context_length=CONTEXT_LENGTH)
    model, final_loss = train(
        tokenizer, num_images=NUM_IMAGES, seed=seed, steps=steps, device=device, progress=progress
    )
    save_model(model, vocab_size, out_dir)
    return _Written(
        vocab_size=vocab_size, final_loss=final_loss, seconds=time.monotonic() - began_s
    )


def _measure(clip: FrozenClip, written: _Written, seed: int, steps: int) -> PretrainReport:
    """Measure the model that was written."""
    domain_set = load_digits()
    return PretrainReport(
        seed=seed,
        steps=steps,
        batch_size=BATCH_SIZE,
        num_images=NUM_IMAGES,
        num_parameters=sum(p.numel() for p in clip.model.parameters()),
        vocab_size=written.vocab_size,
        final_loss=written.final_loss,
        seconds_train=round(written.seconds, 1),
        fingerprint=clip.fingerprint,
        accuracies=evaluate(clip, domain_set),
        changed_sources=_changed_sources(domain_set),
        versions=_versions(clip.device),
    )


def _changed_sources(domain_set: DomainSet) -> tuple[str, ...]:
    """Name the files and domains that are not those of the recorded model."""
    domains = (f"domain {name}" for name in differs_from_reference(domain_set))
    return (*changed(pretraining_sources()), *domains)


def _versions(device: torch.device) -> dict[str, str]:
    """Return the versions that the weights may depend on."""
    packages = {name: version(name) for name in _PACKAGES}
    machine = f"{platform.machine()}, {torch.get_num_threads()} threads, {device.type}"
    return {"python": platform.python_version(), **packages, "machine": machine}
