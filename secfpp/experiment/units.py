"""The units of a run, and the observers of their progress."""

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
    """Observes the progress of a run: a progress bar, a test."""

    def run_started(self, units: tuple[Unit, ...], rounds_total: int, rounds_done: int) -> None:
        """Note the number of rounds of all units, and of rounds done before.

        A method that does not train counts as one round.
        """

    def unit_started(self, unit: Unit) -> None:
        """Note that a unit begins."""

    def round_done(self, record: RoundRecord) -> None:
        """Note the result of a round."""

    def run_finished(self) -> None:
        """Note the end of the run, also after a failure."""


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
