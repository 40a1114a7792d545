"""What is attacked: each method of a run or of a comparison, on all its seeds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Final

from secfpp.comparison.cells import list_cells
from secfpp.comparison.folder import CompareFolder
from secfpp.config.workload import WorkloadConfig
from secfpp.errors import RunFolderError
from secfpp.experiment.config import RunConfig
from secfpp.experiment.run_folder import RunFolder
from secfpp.experiment.units import Unit
from secfpp.federation.cohort import Cohort
from secfpp.federation.workload import Workload, load_workload
from secfpp.methods.registry import METHODS
from secfpp.seeds import Seeds

__all__ = ["Prepared", "Target", "check_finished", "list_targets", "reference_of"]

REFERENCES: Final = ("secfpp", "secfpp-plain", "oracle", "one-cluster", "promptfl")
"""Methods on which settings of others are tried, too, the first that is there."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """One method, with its settings and all its seeds."""

    unit_folders: tuple[tuple[Path, Unit], ...]
    """A run folder and a unit in it for each seed."""
    config: RunConfig
    mix: str = ""
    variant: str = ""

    @property
    def method(self) -> str:
        """Name of the method."""
        return self.unit_folders[0][1].method

    @property
    def epsilon(self) -> float | None:
        """Budget of the method, if it has one."""
        return self.config.privacy.epsilon if METHODS[self.method].statement else None

    @property
    def key(self) -> str:
        """Name of the target in messages and in the record."""
        budget = "" if self.epsilon is None else f"epsilon {self.epsilon:g}"
        return ", ".join(word for word in (self.method, self.variant, budget) if word)


def list_targets(folder: Path) -> tuple[Target, ...]:
    """List the methods of a run or a comparison; of a grid, in its first mix.

    Raises
    ------
    RunFolderError, ConfigError
        If the folder is neither, or its settings cannot be read.
    """
    if (folder / "compare.json").is_file():
        return tuple(_of_comparison(CompareFolder(folder)))
    run = RunFolder(folder)
    config = run.config()
    return tuple(
        Target(
            unit_folders=tuple((folder, Unit(method=m, seed=seed)) for seed in config.seed_list),
            config=config,
        )
        for m in config.methods
    )


def _of_comparison(comparison: CompareFolder) -> Iterator[Target]:
    """Yield the methods of a comparison in its first mix, all seeds together."""
    found: dict[tuple[str, str, float | None], Target] = {}
    for cell in list_cells(comparison.config):
        mixes = comparison.config.mixes
        if cell.mix != ("" if mixes[0] is None else mixes[0].name):
            continue
        for method in cell.settings.methods:
            place = (comparison.cell(cell), Unit(method=method, seed=cell.seed))
            key = (method, cell.variant, cell.epsilon)
            if key in found:
                known = found[key]
                found[key] = replace(known, unit_folders=(*known.unit_folders, place))
            else:
                found[key] = Target(
                    unit_folders=(place,),
                    config=cell.settings,
                    mix=cell.mix,
                    variant=cell.variant,
                )
    yield from found.values()


def reference_of(targets: Sequence[Target]) -> Target | None:
    """Return the target on which settings of other methods are tried, too."""
    for name in REFERENCES:
        for target in targets:
            if target.method == name and not target.variant:
                return target
    return None


class Prepared:
    """Loads data and model once, and makes the clients of a seed once.

    Parameters
    ----------
    workload : Workload, optional
        Data and model of all targets, if they are loaded already.
    """

    def __init__(self, workload: Workload | None = None) -> None:
        self._given = workload
        self._workloads: dict[str, Workload] = {}
        self._cohorts: dict[str, Cohort] = {}

    def workload(self, config: RunConfig) -> Workload:
        """Return data and model of a run's settings."""
        if self._given is not None:
            return self._given
        common = {entry.name: getattr(config, entry.name) for entry in fields(WorkloadConfig)}
        key = f"{common} {config.training.num_context}"
        if key not in self._workloads:
            self._workloads.clear()
            self._cohorts.clear()
            self._workloads[key] = load_workload(config, num_context=config.training.num_context)
        return self._workloads[key]

    def cohort(self, config: RunConfig, seed: int, *, with_patches: bool) -> Cohort:
        """Return the clients of a seed."""
        workload = self.workload(config)
        key = f"{config.partition} {seed} {with_patches}"
        if key not in self._cohorts:
            self._cohorts[key] = workload.cohort(
                config.partition, Seeds(seed), with_patches=with_patches
            )
        return self._cohorts[key]


def check_finished(target: Target) -> None:
    """Refuse a target that is not finished.

    Raises
    ------
    RunFolderError
        A seed has no saved prompts, or too few rounds.
    """
    for folder, unit in target.unit_folders:
        wanted = target.config.training.rounds
        state = RunFolder(folder).load_state(unit.key)
        if state is None or 0 < state.rounds_done < wanted:
            done = 0 if state is None else state.rounds_done
            raise RunFolderError(
                f"{folder}: {unit.key} has {done} of {wanted} rounds; finish it with --resume first"
            )
