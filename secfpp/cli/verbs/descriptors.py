"""`secfpp descriptors`: how well each descriptor of a client shows its domain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import tyro
from rich.console import RenderableType

from secfpp.cli.outcome import Outcome
from secfpp.cli.tables import table
from secfpp.cli.verb import Verb
from secfpp.config.partition import PartitionConfig
from secfpp.config.training import TrainingConfig
from secfpp.config.workload import DeviceName
from secfpp.report.kit.text import NOTHING, PLUS_MINUS, decimal

if TYPE_CHECKING:
    from secfpp.analysis.descriptor_report import DescriptorScore
    from secfpp.experiment.config import RunConfig


@dataclass(frozen=True, kw_only=True)
class Descriptors(Verb):
    """Compare descriptors of clients: ARI against the domains, and the chosen k.

    Taken in the clear after the first local steps, before any averaging: a simulation.
    """

    data: str = "digits"
    """`digits`, the embedded domains, or a folder `domain/class/*.jpg|png`."""
    model: str = "embedded"
    """`embedded`, an open_clip name, or `local-dir:PATH`."""
    pretrained: str | None = None
    """Weights of an open_clip name."""
    seeds: int = 3
    """How many seeds."""
    first_seed: int = 0
    """The first of them."""
    device: DeviceName = "auto"
    """Where prompts are trained."""
    partition: Annotated[PartitionConfig, tyro.conf.arg(name="")] = field(
        default_factory=PartitionConfig
    )
    """How images are partitioned among clients."""
    training: Annotated[TrainingConfig, tyro.conf.arg(name="")] = field(
        default_factory=TrainingConfig
    )
    """How prompts are trained; only the first round is run."""

    def execute(self) -> Outcome:
        """Train the first round on every seed and score each descriptor."""
        from secfpp.analysis.descriptor_report import descriptor_report
        from secfpp.config.tree import to_json
        from secfpp.experiment.progress import working

        with working("training prompts and clustering descriptors"):
            scores = descriptor_report(self._settings())
        record = {"descriptors": [to_json(score) for score in scores]}
        return Outcome(record=record, shown=(_table(scores),))

    def _settings(self) -> RunConfig:
        """Return settings of a run with the same first round."""
        from secfpp.experiment.config import RunConfig

        return RunConfig(
            data=self.data,
            model=self.model,
            pretrained=self.pretrained,
            seeds=self.seeds,
            first_seed=self.first_seed,
            device=self.device,
            partition=self.partition,
            training=self.training,
        )


def _table(scores: Sequence[DescriptorScore]) -> RenderableType:
    """Return one line a descriptor."""
    seeds = scores[0].seeds if scores else ()
    title = f"Descriptors after the first local steps, seeds {', '.join(map(str, seeds))}"
    drawn = table(title, "descriptor", "numbers shared", "ARI", "k if none is given")
    for score in scores:
        error = score.ari.standard_error
        ari = decimal(score.ari.mean) + (f" {PLUS_MINUS} {error:.2f}" if error is not None else "")
        drawn.add_row(score.name, str(score.dimensions), ari, _choices(score.chosen_k))
    return drawn


def _choices(chosen: Sequence[int]) -> str:
    """Return how often each k was chosen, the most frequent first."""
    counted = Counter(chosen).most_common()
    return ", ".join(f"{k} ({times}x)" for k, times in counted) or NOTHING
