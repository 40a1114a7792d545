"""`secfpp methods`: the card of every method."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from secfpp.cli.outcome import Outcome
from secfpp.cli.verb import Verb

if TYPE_CHECKING:
    from secfpp.methods.interface import AnyMethod


@dataclass(frozen=True, kw_only=True)
class Methods(Verb):
    """List all methods: what a client sends, gets and keeps, what hides its update, the paper."""

    def execute(self) -> Outcome:
        """Return the cards."""
        from secfpp.methods.registry import METHODS

        record = {
            str(name): {
                **asdict(method.card),
                "differentially_private": method.statement is not None,
            }
            for name, method in METHODS.items()
        }
        shown = [part for method in METHODS.values() for part in _card(method)]
        return Outcome(record=record, shown=tuple(shown))


def _card(method: AnyMethod) -> tuple[RenderableType, ...]:
    """Draw one card."""
    card = method.card
    lines = Table(box=None, show_header=False, pad_edge=False)
    lines.add_column()
    lines.add_column(overflow="fold")
    for name in ("sends", "gets", "keeps", "privacy", "source"):
        lines.add_row(name, Text(getattr(card, name)))
    if method.statement is not None:
        lines.add_row("budget", Text("--epsilon of a run, --epsilons of a comparison"))
    return Text(f"{card.name}: {card.title}", style="bold"), Padding(
        lines, (0, 0, 1, 2), expand=False
    )
