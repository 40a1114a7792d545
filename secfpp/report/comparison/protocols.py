"""The table of the protocols, if `python benchmarks/protocols.py` has written one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from secfpp.report.kit.fields import Fields

__all__ = ["FILE_NAME", "ProtocolTable", "protocol_table"]

FILE_NAME = "protocols.json"
"""File in the folder of a comparison."""


@dataclass(frozen=True, kw_only=True)
class ProtocolTable:
    """Protocols that can compute the clusters, measured on the same jobs."""

    columns: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    note: str


def protocol_table(found: Fields) -> ProtocolTable | None:
    """Return the table of a file; None if there is none, or it has no line of all columns."""
    columns = found.texts("columns")
    lines = tuple(line.texts("cells") for line in found.children("lines"))
    whole = tuple(cells for cells in lines if len(cells) == len(columns))
    if not (columns and whole):
        return None
    return ProtocolTable(columns=columns, lines=whole, note=found.text("note"))
