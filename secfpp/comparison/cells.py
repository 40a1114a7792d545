"""The cells of a comparison: each is an ordinary run of some methods in one mix on one seed.

Methods without differential privacy are run once for each mix and seed. Differentially private
methods are run once for each mix, seed and budget. Every variant of a method has cells of its own.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from secfpp.comparison.config import CompareConfig
from secfpp.comparison.grid import Mix, Variant, slug
from secfpp.errors import ConfigError
from secfpp.experiment.config import RunConfig
from secfpp.methods.registry import METHODS, MethodName
from secfpp.seeds import Seeds

__all__ = ["Cell", "is_private", "list_cells", "steps_of"]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """Some methods on one seed, with one budget if they are private."""

    name: str
    """Name of its folder under cells/."""
    settings: RunConfig
    epsilon: float | None
    """Budget of its methods; None for methods without a guarantee."""
    mix: str = ""
    """Name of its mix; empty without a grid."""
    variant: str = ""
    """Label of the variant that it runs; empty for methods as the settings have them."""

    @property
    def seed(self) -> int:
        """Its only seed."""
        return self.settings.first_seed

    @property
    def rounds(self) -> Mapping[MethodName, int]:
        """Rounds of each method; 1 for a method that is only evaluated."""
        return {
            name: self.settings.training.rounds if steps_of(self.settings, name) else 1
            for name in self.settings.methods
        }

    def inside(self, folder: Path) -> RunConfig:
        """Return the settings of its run, in a folder of its own."""
        return replace(self.settings, out=folder)


def list_cells(config: CompareConfig) -> tuple[Cell, ...]:
    """Return all cells of a comparison, seed by seed, so that first results are of every mix.

    Raises
    ------
    ConfigError
        If the reference is private, because it would have a row for each budget.
    """
    if is_private(config.reference):
        raise ConfigError(
            f"reference={config.reference} has a row for each epsilon; choose a method without one"
        )
    private = tuple(name for name in config.methods if is_private(name))
    plain = tuple(name for name in config.methods if not is_private(name))
    cells = []
    for seed, mix in itertools.product(config.seed_list, config.mixes):
        settings = config.settings_of(mix)
        name = f"seed{seed}" if mix is None else f"{mix.name}-seed{seed}"
        place = _Place(name=name, mix="" if mix is None else mix.name, seed=seed)
        tuned = () if mix is None else tuple(m for m in config.methods if m in mix.tuned)
        of_mix = [tuple(m for m in some if m not in tuned) for some in (plain, private)]
        cells += _cells(place, settings, of_mix[0], of_mix[1], config.epsilons)
        for method in tuned:
            own = config.settings_of(mix, method=method)
            cells += _cells_of_one(replace(place, name=f"{name}-{method}"), own, method, config)
        for variant in config.variants:
            cells += _cells_of_variant(config, place, mix, variant)
    return tuple(cells)


@dataclass(frozen=True, kw_only=True)
class _Place:
    """What the cells of one mix, seed and variant have in common."""

    name: str
    mix: str
    seed: int
    variant: str = ""


def _cells_of_variant(
    config: CompareConfig, place: _Place, mix: Mix | None, variant: Variant
) -> list[Cell]:
    """Make the cells of one variant in one mix and seed."""
    own = replace(
        place,
        name=f"{place.name}-{variant.method}-{slug(variant.label)}",
        variant=variant.label,
    )
    return _cells_of_one(own, config.settings_of(mix, variant), variant.method, config)


def _cells_of_one(
    place: _Place, settings: RunConfig, method: MethodName, config: CompareConfig
) -> list[Cell]:
    """Make the cells of a single method."""
    private = is_private(method)
    plain = () if private else (method,)
    return _cells(place, settings, plain, (method,) if private else (), config.epsilons)


def _cells(
    place: _Place,
    settings: RunConfig,
    plain: tuple[MethodName, ...],
    private: tuple[MethodName, ...],
    epsilons: tuple[float, ...],
) -> list[Cell]:
    """Make a cell of the methods without a guarantee, and one for each budget of the others."""
    found = [_cell(place, settings, plain, None)] if plain else []
    if private:
        found += [_cell(place, settings, private, epsilon) for epsilon in epsilons]
    return found


def is_private(name: MethodName) -> bool:
    """Tell whether a method guarantees differential privacy, with a budget to choose."""
    return METHODS[name].statement is not None


def steps_of(settings: RunConfig, name: MethodName) -> int:
    """Return local steps in a round; 0 for a method that does not train."""
    method = METHODS[name]
    return method.trainer(settings.settings_of(method), Seeds(settings.first_seed)).steps


def _cell(
    place: _Place, settings: RunConfig, methods: tuple[MethodName, ...], epsilon: float | None
) -> Cell:
    """Make one cell."""
    settings = replace(settings, methods=methods, seeds=1, first_seed=place.seed)
    name = place.name
    if epsilon is not None:
        name += f"-epsilon{repr(epsilon).removesuffix('.0')}"
        settings = replace(settings, privacy=replace(settings.privacy, epsilon=epsilon))
    return Cell(name=name, settings=settings, epsilon=epsilon, mix=place.mix, variant=place.variant)
