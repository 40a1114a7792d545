"""The result of a verb: a record for machines and a form for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich.console import RenderableType


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Result of one verb; `secfpp.cli.console` writes one of its two forms.

    Parameters
    ----------
    record
        The JSON object that `--json` prints; values must be serialisable.
    shown
        What people see on standard output, in order.
    exit_code
        Exit status of the command; 0 unless the verb sets another.
    """

    record: Mapping[str, object]
    shown: tuple[RenderableType, ...]
    exit_code: int = 0
