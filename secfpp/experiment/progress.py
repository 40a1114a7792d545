"""Progress on the terminal: rounds of a run, steps of a training, or a spinner.

Progress goes to standard error. Nothing is shown if that is not a terminal.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

if TYPE_CHECKING:
    from secfpp.experiment.units import Unit
    from secfpp.federation.round import RoundRecord

SPEED_WINDOW_S = 30.0  # remaining time is estimated from the last half minute


def _bar(console: Console | None, unit: str) -> Progress:
    """Return a bar with elapsed and remaining time, drawn only on a terminal."""
    console = console or Console(file=sys.stderr)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
        speed_estimate_period=SPEED_WINDOW_S,
    )


@contextmanager
def working(text: str, console: Console | None = None) -> Iterator[None]:
    """Show a spinner with `text` while work without known length runs."""
    console = console or Console(file=sys.stderr)
    if not console.is_terminal:
        yield
        return
    with console.status(text):
        yield


@contextmanager
def counting(
    unit: str, console: Console | None = None
) -> Iterator[Callable[[str, int, int], None]]:
    """Draw a bar of work that says itself what it does and how far it is.

    Parameters
    ----------
    unit
        What is counted.
    console
        Where to draw; standard error by default. Nothing is drawn if it is not a terminal.

    Yields
    ------
    callable
        To be called with a description, what is done, and the total.
    """
    with _bar(console, unit) as bar:
        task = bar.add_task("loading data and model", total=None)
        yield lambda text, done, total: bar.update(
            task, description=text, completed=done, total=total
        )


class StepProgress:
    """A callable that draws a bar over the steps of one training while it is entered.

    Parameters
    ----------
    text
        Shown until the first step is done.
    console
        Where to draw; standard error by default. Nothing is drawn if it is not a terminal.
    """

    def __init__(self, text: str, console: Console | None = None) -> None:
        self._bar = _bar(console, "steps")
        self._task = self._bar.add_task(text, total=None)

    def __enter__(self) -> Self:
        """Start drawing."""
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop drawing and leave the terminal as it was."""
        self._bar.stop()

    def __call__(self, done: int, total: int, loss: float) -> None:
        """Show that `done` of `total` steps are done, and the loss."""
        self._bar.update(self._task, completed=done, total=total, description=f"loss {loss:.3f}")


class TerminalProgress:
    """An observer of a run that draws a bar while it is entered.

    Parameters
    ----------
    console
        Where to draw; standard error by default. Nothing is drawn if it is not a terminal.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._bar = _bar(console, "rounds")
        self._task: TaskID | None = None
        self._unit = ""

    def __enter__(self) -> Self:
        """Start drawing."""
        self._bar.start()
        self._task = self._bar.add_task("loading data and model", total=None)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop drawing and leave the terminal as it was."""
        self._bar.stop()

    def run_started(self, units: tuple[Unit, ...], rounds_total: int, rounds_done: int) -> None:
        """Note the number of rounds, and of rounds done before."""
        self._update(total=rounds_total, completed=rounds_done)

    def unit_started(self, unit: Unit) -> None:
        """Note that a method begins on a seed."""
        self._unit = f"{unit.method}, seed {unit.seed}"
        self._update(description=self._unit)

    def round_done(self, record: RoundRecord) -> None:
        """Note the result of a round."""
        accuracies = f"own mix {100 * record.own_mix:.1f} uniform {100 * record.uniform:.1f}"
        self._update(advance=1, description=f"{self._unit}: {accuracies}")

    def run_finished(self) -> None:
        """Stop drawing."""
        self._bar.stop()

    def _update(
        self,
        *,
        total: int | None = None,
        completed: int | None = None,
        advance: int | None = None,
        description: str | None = None,
    ) -> None:
        """Update the bar; None leaves a value as it is."""
        if self._task is not None:
            self._bar.update(
                self._task,
                total=total,
                completed=completed,
                advance=advance,
                description=description,
            )
