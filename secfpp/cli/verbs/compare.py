"""`secfpp compare`: mixes x methods x seeds x budgets in one table, by several processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self, get_args

import tyro
from rich.console import RenderableType
from rich.text import Text

from secfpp.cli.console import say
from secfpp.cli.outcome import Outcome
from secfpp.cli.verb import ConfigurableVerb
from secfpp.comparison.config import (
    ALL_METHODS,
    DEFAULT_EPSILONS,
    DEFAULT_SEEDS,
    CompareConfig,
    load_settings,
)
from secfpp.comparison.grid import Mix
from secfpp.config.partition import PartitionConfig, Scheme
from secfpp.config.privacy import PrivacyConfig
from secfpp.errors import ConfigError
from secfpp.experiment.config import RunConfig
from secfpp.methods.registry import MethodName

if TYPE_CHECKING:
    from secfpp.comparison.run import Comparison
    from secfpp.comparison.summary import Summary

EXIT_FAILED = 1
VALIDATION_NOTE = (
    "accuracies are on validation images (partition.score_on=validation): for choices, not to be "
    "reported"
)


def _defaults() -> RunConfig:
    """Return a run's settings with the methods and seeds of a comparison."""
    return RunConfig(methods=ALL_METHODS, seeds=DEFAULT_SEEDS)


@dataclass(frozen=True, kw_only=True)
class Compare(ConfigurableVerb):
    """Compare methods over label mixes, seeds and privacy budgets: one table, means, paired tests.

    Cells run in parallel if there are cores. `--out` makes a folder and `--resume` continues one:
    compare.json, table.csv, summary.json, and a run folder a cell. Ctrl-C saves finished rounds.
    """

    config: Path | None = None
    """Settings to start from: compare.json of a comparison, a grid of mixes and variants like
    benchmarks/grids/reduced.json, config.json of a run, or `preset:NAME` of `secfpp presets`; flags
    override."""
    settings: Annotated[RunConfig, tyro.conf.arg(name="")] = field(default_factory=_defaults)
    """Settings of every seed."""
    label_mixes: tuple[str, ...] = ()
    """Run everything in each of these mixes: a Dirichlet concentration, or the name of a scheme.
    Replaces the mixes of the file."""
    epsilons: tuple[float, ...] = DEFAULT_EPSILONS
    """Budgets of differentially private methods; each is run with each."""
    reference: MethodName = "secfpp"
    """Method that the others are compared with, seed by seed."""
    jobs: int | None = None
    """Worker processes. None: processors / threads, at most one a cell."""
    threads: int = 1
    """Threads of torch in each worker; another number may change last digits."""

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Return the verb with the settings of a file as its defaults."""
        found = _read(path)
        return cls(
            config=path,
            settings=replace(
                found.base, methods=found.methods, seeds=found.seeds, first_seed=found.first_seed
            ),
            epsilons=found.epsilons,
            reference=found.reference,
            threads=found.threads,
        )

    def execute(self) -> Outcome:
        """Run all cells, with progress, and return the tables."""
        file = CompareConfig() if self.config is None else _read(self.config)
        asked = CompareConfig.of(
            self.settings,
            grid=mixes_of(self.label_mixes, self.settings.partition) or file.grid,
            variants=file.variants,
            epsilons=self.epsilons,
            reference=self.reference,
            jobs=self.jobs,
            threads=self.threads,
        )
        _warn(asked)
        from secfpp.comparison.run import run_compare

        found = run_compare(asked, out=self.settings.out, resume=self.settings.resume)
        return _outcome(found)


@cache
def _read(path: Path) -> CompareConfig:
    """Read a file of settings once, for it may be a pipe."""
    return load_settings(path)


def mixes_of(words: Sequence[str], partition: PartitionConfig) -> tuple[Mix, ...]:
    """Return the mixes that words of `--label-mixes` name.

    Raises
    ------
    ConfigError
        If a word is neither a number nor a scheme.
    """
    return tuple(_mix_of(word, partition) for word in words)


def _mix_of(word: str, partition: PartitionConfig) -> Mix:
    """Return the mix that one word names; numbers keep a Dirichlet scheme that is set."""
    if word in get_args(Scheme):
        return Mix(name=word, settings={"partition": {"scheme": word}})
    try:
        concentration = float(word)
    except ValueError as error:
        raise ConfigError(
            f"--label-mixes {word}: give a number or one of {', '.join(get_args(Scheme))}"
        ) from error
    schemes = [scheme for scheme in get_args(Scheme) if "dirichlet" in scheme]
    scheme = partition.scheme if partition.scheme in schemes else schemes[0]
    return Mix(
        name=f"dirichlet-{concentration:g}",
        settings={"partition": {"scheme": scheme, "label_mix": concentration}},
    )


def _warn(asked: CompareConfig) -> None:
    """Warn of unused and misleading settings."""
    if asked.base.privacy.epsilon != PrivacyConfig().epsilon:
        budgets = " ".join(f"{epsilon:g}" for epsilon in asked.epsilons)
        say(f"secfpp: --epsilon is not used here; budgets are --epsilons {budgets}")
    if asked.base.partition.score_on == "validation":
        say(f"secfpp: {VALIDATION_NOTE}")
    if asked.tuned_on:
        seeds = ", ".join(map(str, asked.tuned_on))
        say(
            f"secfpp: defaults were chosen on seeds {seeds}: results on them are optimistic; "
            "report others (--first-seed)"
        )


def _outcome(found: Comparison) -> Outcome:
    """Return the summary and the tables, for machines and for people."""
    from secfpp.config.tree import to_json

    summary = found.summary
    record = {
        "folder": str(found.folder),
        "table": str(found.folder / "table.csv"),
        "summary": to_json(summary),
    }
    return Outcome(
        record=record,
        shown=(*_shown(summary), *_endings(found)),
        exit_code=_exit_code(summary),
    )


def _shown(summary: Summary) -> tuple[RenderableType, ...]:
    """Return the tables and their notes."""
    from secfpp.cli.compare_tables import (
        LEGEND,
        accuracy_table,
        cost_table,
        guarantees,
        mixes_shown,
        overview_table,
    )

    reasons = dict.fromkeys(line.insecure for line in summary.methods if line.insecure)
    reported = ", ".join(map(str, summary.reported_and_tuned_on))
    return (
        *(Text(f"not secure: {reason}", style="bold red") for reason in reasons),
        *([Text(VALIDATION_NOTE, style="bold")] if summary.score_on == "validation" else []),
        *([f"defaults were chosen on seeds {reported}: not to be reported"] if reported else []),
        *((overview_table(summary), "") if len(summary.mixes) > 1 else ()),
        *(shown for mix in mixes_shown(summary) for shown in (accuracy_table(summary, mix), "")),
        LEGEND,
        *guarantees(summary),
        "",
        *_differences(summary),
        cost_table(summary, mixes_shown(summary)[0]),
        "",
    )


def _differences(summary: Summary) -> Iterator[RenderableType]:
    """Yield the paired differences of every mix, and how their p values are corrected."""
    from secfpp.cli.compare_tables import correction, difference_table, mixes_shown

    if not any(line.paired for line in summary.methods):
        if not any(line.method == summary.reference for line in summary.methods):
            yield (
                f"no paired differences: {summary.reference}, the reference, is not among the "
                "methods"
            )
            yield ""
        return
    for mix in mixes_shown(summary):
        yield difference_table(summary, mix)
        yield ""
    yield correction(summary)
    yield ""


def _endings(found: Comparison) -> tuple[RenderableType, ...]:
    """Return the failures, the folder, and the next commands."""
    failed = found.summary.failed
    return (
        *(Text(f"failed: {one.cell}: {one.error}", style="bold red") for one in failed),
        *([f"go on: secfpp compare --resume {found.folder}"] if failed else []),
        f"comparison: {found.folder}",
        f"page: secfpp report {found.folder}",
    )


def _exit_code(summary: Summary) -> int:
    """Return 0, the code that all failures share, or that of a failed run."""
    codes = {failure.exit_code for failure in summary.failed}
    if not codes:
        return 0
    return codes.pop() if len(codes) == 1 else EXIT_FAILED
