"""The cells of a comparison: each is an ordinary run of some methods on one seed.

Methods without differential privacy are run once for each seed. Differentially private methods are
run once for each seed and budget.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from secfpp.comparison.config import CompareConfig
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
    """Return all cells of a comparison, seed by seed.

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
    for seed in config.seed_list:
        if plain:
            cells.append(_cell(config, seed, plain, None))
        if private:
            cells.extend(_cell(config, seed, private, epsilon) for epsilon in config.epsilons)
    return tuple(cells)


def is_private(name: MethodName) -> bool:
    """Tell whether a method guarantees differential privacy, with a budget to choose."""
    return METHODS[name].statement is not None


def steps_of(settings: RunConfig, name: MethodName) -> int:
    """Return local steps in a round; 0 for a method that does not train."""
    method = METHODS[name]
    return method.trainer(settings.settings_of(method), Seeds(settings.first_seed)).steps


def _cell(
    config: CompareConfig, seed: int, methods: tuple[MethodName, ...], epsilon: float | None
) -> Cell:
    """Make one cell."""
    settings = replace(config.base, methods=methods, seeds=1, first_seed=seed)
    if epsilon is None:
        return Cell(name=f"seed{seed}", settings=settings, epsilon=None)
    shown = repr(epsilon).removesuffix(".0")
    settings = replace(settings, privacy=replace(settings.privacy, epsilon=epsilon))
    return Cell(name=f"seed{seed}-epsilon{shown}", settings=settings, epsilon=epsilon)
