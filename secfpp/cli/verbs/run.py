"""`secfpp run`: run methods, print one table."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

import tyro
from rich.console import RenderableType
from rich.text import Text

from secfpp.cli.console import say
from secfpp.cli.outcome import Outcome
from secfpp.cli.verb import ConfigurableVerb
from secfpp.config.privacy import PrivacyConfig
from secfpp.errors import ConfigError
from secfpp.experiment.config import RunConfig, load_config

if TYPE_CHECKING:
    from secfpp.experiment.experiment import RunSummary


@dataclass(frozen=True, kw_only=True)
class Run(ConfigurableVerb):
    """Run methods on clients' images, clustering and averaging their prompts under secret shares.

    Prints the result table and the path of the run folder. Ctrl-C saves finished rounds.
    """

    config: Path | None = None
    """Settings to start from: a JSON file such as config.json of a run folder, or `preset:NAME` of
    `secfpp presets`; flags override."""
    settings: Annotated[RunConfig, tyro.conf.arg(name="")] = field(default_factory=RunConfig)
    """Settings of the run."""
    dp_epsilon: float | None = None
    """Run SecFPP with differential privacy inside the secure sum, with this budget: dp-secfpp in
    place of secfpp. `--dp-guarantee` says what is covered. None: secfpp as it is."""
    estimate: bool = False
    """Say what the run will take, and do not run: images to encode, memory, seconds by method, and
    rounds and bytes of the secure part. Takes short probes on the device at hand."""
    beyond_memory: bool = False
    """Run although the memory needed exceeds what there is."""

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Return the verb with the settings of a file as its defaults; `out` is reset."""
        return cls(config=path, settings=replace(load_config(path), out=None, resume=None))

    def execute(self) -> Outcome:
        """Run, with a progress bar, and return the table."""
        from secfpp.analysis.estimate.check import check_memory
        from secfpp.cli.estimating import estimated, resumed
        from secfpp.experiment.experiment import run_experiment
        from secfpp.experiment.progress import TerminalProgress

        settings = with_budget(self.settings, self.dp_epsilon)
        if self.estimate:
            return estimated(resumed(settings))
        _warn_of_ignored_flags(settings)
        check = None if self.beyond_memory else check_memory
        with TerminalProgress() as progress:
            summary = run_experiment(settings, progress, check=check)
        return _outcome(summary)


def with_budget(settings: RunConfig, dp_epsilon: float | None) -> RunConfig:
    """Return settings with dp-secfpp in place of secfpp, or as a further method.

    Raises
    ------
    ConfigError
        If the budget is out of range, or another one is given by `--epsilon`.
    """
    if dp_epsilon is None:
        return settings
    if settings.privacy.epsilon not in (PrivacyConfig().epsilon, dp_epsilon):
        raise ConfigError(
            f"--dp-epsilon {dp_epsilon:g} but privacy.epsilon={settings.privacy.epsilon:g}; all "
            "methods of a run have one budget: give one of the two"
        )
    named = ("dp-secfpp" if name == "secfpp" else name for name in settings.methods)
    return replace(
        settings,
        methods=tuple(dict.fromkeys((*named, "dp-secfpp"))),
        privacy=replace(settings.privacy, epsilon=dp_epsilon),
    )


def _warn_of_ignored_flags(settings: RunConfig) -> None:
    """Warn that a resumed run keeps its own settings if others are given."""
    if settings.resume is not None and replace(settings, resume=None) != RunConfig():
        say(f"secfpp: the settings of {settings.resume} are used; other flags are ignored")


def _outcome(summary: RunSummary) -> Outcome:
    """Return the table and the run folder, for machines and for people."""
    from secfpp.cli.result_tables import cost_table, result_table
    from secfpp.config.tree import to_json

    record = {
        "folder": str(summary.folder),
        "results": {row.name: to_json(row) for row in summary.results},
    }
    reasons = dict.fromkeys(reason for row in summary.results for reason in row.insecure)
    shown: tuple[RenderableType, ...] = (
        *(Text(f"not secure: {reason}", style="bold red") for reason in reasons),
        result_table(summary.results),
        *(f"{row.title}: {row.privacy_in_words}" for row in summary.results if row.epsilon),
        "",
        cost_table(summary.results),
        "",
        f"run folder: {summary.folder}",
        f"page: secfpp report {summary.folder}",
    )
    return Outcome(record=record, shown=shown)
