"""Settings of a comparison: mixes x methods x seeds x budgets, and the settings of all cells.

`compare.json` holds a `CompareConfig`. Its `base` has no settings that each cell has of its own.
"""

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from secfpp.comparison.grid import OF_EACH_CELL, Mix, Variant, patched, slug
from secfpp.config.presets import read_start
from secfpp.config.tree import JsonValue, from_json, to_json
from secfpp.errors import ConfigError
from secfpp.experiment.config import RunConfig
from secfpp.methods.registry import METHODS, MethodName

__all__ = [
    "ALL_METHODS",
    "TUNED_ON_PARTS",
    "TUNED_ON_SEEDS",
    "CompareConfig",
    "first_conflict",
    "load_settings",
]

ALL_METHODS: Final[tuple[MethodName, ...]] = tuple(METHODS)
TUNED_ON_SEEDS: Final = (100, 101, 102)
"""Seeds on which the defaults of all methods were chosen; reported results must not use them."""
TUNED_ON_PARTS: Final[tuple[str, ...]] = ("development", "reporting")
"""Parts of the domains whose images these choices saw. A choice that is made with
`partition.score_on=validation` sees development images only."""

DEFAULT_EPSILONS: Final = (0.1, 1.0, 8.0)
DEFAULT_SEEDS: Final = 3
MOST_THREADS: Final = 10_000
_OF_COMPARISONS: Final = ("base", "grid", "variants", "epsilons", "reference", "jobs", "threads")


@dataclass(frozen=True, kw_only=True)
class CompareConfig:
    """Everything that decides what a comparison computes."""

    base: RunConfig = field(default_factory=RunConfig)
    """Settings of every cell; `CompareConfig.of` resets those that each cell has of its own."""
    methods: tuple[MethodName, ...] = ALL_METHODS
    """Methods, in the order of the table."""
    seeds: int = DEFAULT_SEEDS
    """Number of seeds."""
    first_seed: int = 0
    """The first seed; the others follow by one."""
    grid: tuple[Mix, ...] = ()
    """Mixes, in the order of the tables; every method and variant is run in each. None: `base`."""
    variants: tuple[Variant, ...] = ()
    """Methods with settings of their own, besides `methods`."""
    epsilons: tuple[float, ...] = DEFAULT_EPSILONS
    """Budgets of differentially private methods; each method is run with each budget."""
    reference: MethodName = "secfpp"
    """Method that the others are compared with, seed by seed."""
    jobs: int | None = None
    """Worker processes. None: processors / threads."""
    threads: int = 1
    """Threads of torch in each worker; another number may change last digits."""

    def __post_init__(self) -> None:
        """Refuse values out of range or in contradiction."""
        replace(self.base, methods=self.methods, seeds=self.seeds, first_seed=self.first_seed)
        for epsilon in self.epsilons:
            if not (math.isfinite(epsilon) and epsilon > 0):
                raise ConfigError(
                    f"epsilons: {epsilon!r} but a budget must be finite and above 0; "
                    "change --epsilons"
                )
        if not self.epsilons or len(set(self.epsilons)) != len(self.epsilons):
            raise ConfigError(f"epsilons={self.epsilons!r} but each must be named, and once")
        for name in ("jobs", "threads"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"{name}={value} but it must be at least 1; change --{name}")
        if self.threads > MOST_THREADS:
            raise ConfigError(
                f"threads={self.threads} but it must be at most {MOST_THREADS}; change --threads"
            )
        if self.base.secure.network is not None:
            raise ConfigError(
                "a comparison starts computing parties of its own, one set for each worker; drop "
                "--network and --certs"
            )
        self._check_grid()

    def _check_grid(self) -> None:
        """Refuse mixes and variants of the same name, or whose settings cannot be used."""
        names = [mix.name for mix in self.grid]
        names += [f"{variant.method}, {slug(variant.label)}" for variant in self.variants]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(f"{name!r} stands for two mixes or variants; rename one")
        for mix in self.mixes:
            for variant in self.variants:
                self.settings_of(mix, variant)
            for method in () if mix is None else mix.tuned:
                self.settings_of(mix, method=method)
            self.settings_of(mix)

    @classmethod
    def of(
        cls,
        settings: RunConfig,
        *,
        grid: tuple[Mix, ...] = (),
        variants: tuple[Variant, ...] = (),
        epsilons: tuple[float, ...] = DEFAULT_EPSILONS,
        reference: MethodName = "secfpp",
        jobs: int | None = None,
        threads: int = 1,
    ) -> "CompareConfig":
        """Make a comparison with the settings, methods and seeds of a run."""
        plain = RunConfig()
        base = replace(settings, **{name: getattr(plain, name) for name in OF_EACH_CELL})
        return cls(
            base=base,
            methods=settings.methods,
            seeds=settings.seeds,
            first_seed=settings.first_seed,
            grid=grid,
            variants=variants,
            epsilons=epsilons,
            reference=reference,
            jobs=jobs,
            threads=threads,
        )

    @property
    def seed_list(self) -> tuple[int, ...]:
        """The seeds, in order."""
        return tuple(range(self.first_seed, self.first_seed + self.seeds))

    @property
    def tuned_on(self) -> tuple[int, ...]:
        """Seeds on which defaults were also chosen: reported results on them are optimistic.

        Results on validation images are not to be reported, so none is named for them.
        """
        if self.base.partition.score_on == "validation":
            return ()
        return tuple(seed for seed in self.seed_list if seed in TUNED_ON_SEEDS)

    @property
    def mixes(self) -> tuple[Mix | None, ...]:
        """The mixes; one None where there is no grid."""
        return self.grid or (None,)

    def settings_of(
        self, mix: Mix | None, variant: Variant | None = None, method: MethodName | None = None
    ) -> RunConfig:
        """Return the settings of a mix, of a method in it, or of a method's variant."""
        method = method if variant is None else variant.method
        settings = self.base
        if mix is not None:
            settings = patched(settings, mix.settings, owner=f"mix {mix.name!r}")
            if method is not None and method in mix.tuned:
                owner = f"{method} in mix {mix.name!r}"
                settings = patched(settings, mix.tuned[method], owner=owner)
        if variant is not None:
            owner = f"variant {variant.label!r} of {variant.method}"
            settings = patched(settings, variant.settings, owner=owner)
        return settings

    def jobs_for(self, num_cells: int) -> int:
        """Return how many workers to start, at most one for each cell."""
        processors = len(os.sched_getaffinity(0))
        wanted = self.jobs or max(1, processors // self.threads)
        return max(1, min(wanted, num_cells))

    def as_json(self) -> dict[str, JsonValue]:
        """Return the content of compare.json."""
        value = to_json(self)
        if not isinstance(value, dict) or not isinstance(base := value["base"], dict):
            raise TypeError("settings do not make a JSON object")
        value["base"] = {k: v for k, v in base.items() if k not in OF_EACH_CELL}
        return value


def load_settings(path: Path) -> CompareConfig:
    """Read compare.json, settings of a run, or `preset:NAME`.

    Missing fields take the defaults of a comparison.

    Raises
    ------
    ConfigError
        If the file cannot be read, is not JSON, or has unknown keys or wrong values.
    """
    value = read_start(path)
    if isinstance(value, dict) and not value.keys().isdisjoint(_OF_COMPARISONS):
        return from_json(CompareConfig, value)
    if isinstance(value, dict):
        value = {"methods": list(ALL_METHODS), "seeds": DEFAULT_SEEDS, **value}
    return CompareConfig.of(from_json(RunConfig, value))


def first_conflict(asked: CompareConfig, kept: CompareConfig) -> str | None:
    """Return the first setting that conflicts with a folder's settings, or None.

    A setting with its default never conflicts. The number of workers may always change.
    """
    defaults = dict(_leaves(CompareConfig().as_json()))
    found = dict(_leaves(kept.as_json()))
    for name, value in _leaves(asked.as_json()):
        if name != "jobs" and value != defaults.get(name) and value != found.get(name):
            return f"{name} is {found.get(name)!r} there and {value!r} here"
    return None


def _leaves(value: Mapping[str, JsonValue], place: str = "") -> Iterator[tuple[str, JsonValue]]:
    """Yield dotted names and values of all settings."""
    for name, item in value.items():
        if isinstance(item, dict):
            yield from _leaves(item, f"{place}{name}.")
        else:
            yield place + name, item
