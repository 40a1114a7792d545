"""Parties that many tests use: started once, and ended when no test needs them any more."""

from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any, Final, TypeVar

T = TypeVar("T")

MOST: Final = 2
"""Groups open at once, at first."""
PATIENCE: Final = 20
"""Tests that need not use an open group, at first."""
_RESTARTS: Final = 4
"""After so many, one group more stays open."""


@dataclass
class _Open:
    value: Any
    ending: ExitStack
    unused_for: int = 0
    """Tests in a row."""


class Kept:
    """Groups of parties by name, each open while tests use it.

    Few are open at once: the one that was not used for the longest time ends before another starts.
    A group also ends when as many tests in a row as `patience` says have not used it. Each group
    that is started again makes this more generous. So tests in the order of their files hold one or
    two groups open, and tests in random order start each group a few times, not hundreds of times.
    """

    def __init__(self) -> None:
        self.starts = 0
        self.restarts = 0
        self._open: dict[Hashable, _Open] = {}
        self._ended: set[Hashable] = set()

    @property
    def most(self) -> int:
        """Groups that may be open at once."""
        return MOST + self.restarts // _RESTARTS

    @property
    def patience(self) -> int:
        """Tests in a row that need not use an open group."""
        return PATIENCE * (1 + self.restarts)

    def get(self, name: Hashable, start: Callable[[], AbstractContextManager[T]]) -> T:
        """Return what is open under a name; start it if it is not."""
        if name not in self._open:
            self.restarts += name in self._ended
            while len(self._open) >= self.most:
                self._end(max(self._open, key=lambda other: self._open[other].unused_for))
            with ExitStack() as ending:
                value = ending.enter_context(start())
                self._open[name] = _Open(value, ending.pop_all())
            self.starts += 1
        self._open[name].unused_for = 0
        found: T = self._open[name].value
        return found

    def test_done(self) -> None:
        """Count a test, and end what it and those before it did not use."""
        for name, kept in list(self._open.items()):
            kept.unused_for += 1
            if kept.unused_for > self.patience:
                self._end(name)

    def close(self) -> None:
        """End everything."""
        for name in list(self._open):
            self._end(name)

    def _end(self, name: Hashable) -> None:
        self._ended.add(name)
        self._open.pop(name).ending.close()
