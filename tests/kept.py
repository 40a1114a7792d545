"""Parties that many tests use: started once, and ended when no test needs them any more."""

from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any, Final, TypeVar

T = TypeVar("T")

PATIENCE: Final = 20
"""Tests."""


@dataclass
class _Open:
    value: Any
    ending: ExitStack
    unused_for: int = 0
    """Tests in a row."""


class Kept:
    """Groups of parties by name, each open while tests use it.

    A group ends once as many tests in a row as `patience` says did not use it. If a test needs it
    again, the patience doubles. So tests in the order of their files hold one or two groups open,
    and tests in random order start each group a few times, not hundreds of times.
    """

    def __init__(self, patience: int = PATIENCE) -> None:
        self.patience = patience
        self.starts = 0
        self._open: dict[Hashable, _Open] = {}
        self._ended: set[Hashable] = set()

    def get(self, name: Hashable, start: Callable[[], AbstractContextManager[T]]) -> T:
        """Return what is open under a name; start it if it is not."""
        if name not in self._open:
            if name in self._ended:
                self.patience *= 2
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
