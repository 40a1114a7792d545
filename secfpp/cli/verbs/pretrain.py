"""`secfpp pretrain`: train the embedded model again, or print its card."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from rich.markdown import Markdown

from secfpp.cli.outcome import Outcome
from secfpp.cli.verb import Verb
from secfpp.config.workload import DeviceName


@dataclass(frozen=True, kw_only=True)
class Pretrain(Verb):
    """Train a small CLIP on images and captions disjoint from the federation's; print its card.

    The result loads with `secfpp run --model local-dir:OUT`.
    """

    out: Path = Path("digits-clip")
    """Folder of the model; made if it is missing."""
    seed: int = 0
    """Of images, captions, their order and first weights."""
    steps: int = 400
    """Optimiser steps."""
    device: DeviceName = "cpu"
    """Where it is trained."""
    card: bool = False
    """Print the card of the model that ships with the package, and train nothing."""

    def execute(self) -> Outcome:
        """Print the shipped card, or train, write and measure a model."""
        from secfpp.clip.pretraining.card import model_card, render_card

        if self.card:
            text = model_card()
            return Outcome(record={"card": text}, shown=(Markdown(text),))
        from secfpp.clip.pretraining.pretrain import pretrain
        from secfpp.experiment.progress import StepProgress

        with StepProgress("drawing images") as progress:
            report = pretrain(
                self.out, seed=self.seed, steps=self.steps, device=self.device, progress=progress
            )
        shown = (Markdown(render_card(report)), f"model: local-dir:{self.out}")
        return Outcome(record={"folder": str(self.out), **asdict(report)}, shown=shown)
