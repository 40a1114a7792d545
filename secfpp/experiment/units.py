"""The units that a run is made of, and who hears of them."""

from dataclasses import dataclass
from typing import Protocol

from secfpp.experiment.config import RunConfig
from secfpp.federation.round import RoundRecord
from secfpp.methods.registry import MethodName

__all__ = ["Observer", "Silence", "Unit", "list_units"]


@dataclass(frozen=True, kw_only=True)
class Unit:
    """One method on one seed."""

    method: MethodName
    seed: int

    @property
    def key(self) -> str:
        """Name of the unit in files."""
        return f"{self.method}/seed{self.seed}"


def list_units(config: RunConfig) -> tuple[Unit, ...]:
    """Return the units of a run in the order in which they are run: seed by seed."""
    return tuple(Unit(method=m, seed=seed) for seed in config.seed_list for m in config.methods)


class Observer(Protocol):
    """Whoever wants to know how far a run is: a progress bar, a test."""

    def run_started(self, units: tuple[Unit, ...], rounds_total: int, rounds_done: int) -> None:
        """Hear how many rounds there are over all units, and how many were done before.

        A method that does not train counts as one round.
        """

    def unit_started(self, unit: Unit) -> None:
        """Hear that a unit begins."""

    def round_done(self, record: RoundRecord) -> None:
        """Hear the result of a round."""

    def run_finished(self) -> None:
        """Hear that nothing more comes, for whatever reason."""


class Silence:
    """An observer that does nothing."""

    def run_started(self, units: tuple[Unit, ...], rounds_total: int, rounds_done: int) -> None:
        """Do nothing."""

    def unit_started(self, unit: Unit) -> None:
        """Do nothing."""

    def round_done(self, record: RoundRecord) -> None:
        """Do nothing."""

    def run_finished(self) -> None:
        """Do nothing."""
