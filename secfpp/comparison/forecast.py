"""Estimate the remaining time of a comparison from measured rounds."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from secfpp.comparison.cells import Cell

__all__ = ["Forecast"]


class Forecast:
    """Remaining rounds, and seconds of a round of each method.

    Parameters
    ----------
    cells : sequence of Cell
        All cells of the comparison.
    done : mapping of str to mapping of str to int
        Rounds that were done before, by cell and method.
    """

    def __init__(self, cells: Sequence[Cell], done: Mapping[str, Mapping[str, int]]) -> None:
        self._left: dict[str, dict[str, int]] = {}
        self._seconds: dict[str, list[float]] = defaultdict(list)
        self.rounds_total = 0
        for cell in cells:
            before = done.get(cell.name, {})
            self._left[cell.name] = {
                name: max(0, rounds - before.get(name, 0)) for name, rounds in cell.rounds.items()
            }
            self.rounds_total += sum(cell.rounds.values())

    @property
    def rounds_done(self) -> int:
        """Rounds that are done or given up."""
        return self.rounds_total - sum(sum(left.values()) for left in self._left.values())

    def round_done(self, cell: str, method: str, seconds: float) -> None:
        """Count a round that took some seconds."""
        left = self._left[cell]
        left[method] = max(0, left.get(method, 0) - 1)
        self._seconds[method].append(seconds)

    def cell_over(self, cell: str) -> None:
        """Remove the remaining rounds of a cell."""
        self._left[cell] = {}

    def longest(self, cells: Sequence[Cell]) -> Cell:
        """Return the cell that will take longest; the first of equals."""
        return max(cells, key=lambda cell: self._expected(cell.name))

    def seconds_left(self, jobs: int) -> float | None:
        """Return the time left with that many workers; None before a round was measured.

        This is a lower bound for every schedule: all work is divided evenly, or one cell dominates.
        """
        if not self._seconds:
            return None
        expected = [self._expected(name) for name in self._left]
        return max(sum(expected) / jobs, max(expected, default=0.0))

    def _expected(self, cell: str) -> float:
        """Return the expected seconds of a cell; methods without measurements take the mean."""
        usual = self._mean([s for taken in self._seconds.values() for s in taken])
        return sum(
            rounds * (self._mean(self._seconds[name]) if self._seconds.get(name) else usual)
            for name, rounds in self._left[cell].items()
        )

    @staticmethod
    def _mean(seconds: Sequence[float]) -> float:
        """Return the mean; 1 without measurements, so that rounds are compared."""
        return sum(seconds) / len(seconds) if seconds else 1.0
