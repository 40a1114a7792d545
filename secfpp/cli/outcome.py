"""What a verb hands back: a record for machines and something to show to people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich.console import RenderableType


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Result of one verb; `secfpp.cli.console` writes one of its two faces.

    Parameters
    ----------
    record
        The JSON object that `--json` prints; values must be serialisable.
    shown
        What a person sees on standard output, in order.
    exit_code
        The status of the command: 0 unless the verb itself says otherwise.
    """

    record: Mapping[str, object]
    shown: tuple[RenderableType, ...]
    exit_code: int = 0
