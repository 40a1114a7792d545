"""Rows of numbers from a csv file: its separator, its line of headings, its index column.

The file decides where it is clear, and a note names the decision. An ambiguous file is refused: a
row that is taken for headings would shift all others.

* Cells are separated by a semicolon, a tab, a bar or a comma, whichever of these the first line
  has, or by spaces. Where it is not the comma, numbers may have a decimal comma.
* The first line is headings when none of its cells is a number, or when it counts the columns
  0, 1, ... as pandas writes columns without names.
* The first column is an index, and dropped, when its heading is empty or absent.

Shape letters: N points, D dimensions.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mpc.jobs.job import MAX_POINTS
from mpc.ring.fixedpoint import FloatArray
from secfpp.errors import DataError

Headings = Literal["auto", "yes", "no"]
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars", ",": "commas", " ": "spaces"}
INDEX_HEADINGS = ("", "Unnamed: 0")
COUNTED_COLUMNS = 4  # whole numbers 0, 1, 2 may be a point; 0, 1, 2, 3 hardly
COUNTED_ROWS = 3
LARGEST = 1 << 30  # bytes; ten times that in memory
_QUOTED = re.compile(r'"[^"]*"')
_WITH_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+([eE][+-]?[0-9]+)?")
_WITH_POINT = re.compile(_WITH_COMMA.pattern.replace(",", r"\.", 1))


@dataclass(frozen=True)
class Line:
    """The cells of one line, and its number in the file, from 1."""

    number: int
    cells: tuple[str, ...]


@dataclass(frozen=True)
class CsvRows:
    """What a csv file holds."""

    rows_ND: FloatArray
    notes: tuple[str, ...]
    """Decisions that the user may not have meant."""


def read_csv(content: bytes, headings: Headings = "auto", most_rows: int = MAX_POINTS) -> CsvRows:
    """Read numbers, a row a line.

    Parameters
    ----------
    content : bytes
        UTF-8, or UTF-16 with its mark. Lines that are empty or begin with ``#`` are skipped.
    headings : {"auto", "yes", "no"}
        Whether the first line is headings.
    most_rows : int
        More rows are refused.

    Raises
    ------
    DataError
        Names the line and the separator.
    """
    if len(content) > LARGEST:
        raise DataError(f"more than {LARGEST >> 30} GiB of text; save it with numpy.save")
    text = _decoded(content)
    separator = _separator(text)
    lines = list(_lines(text, separator, most_rows))
    if not lines:
        raise DataError("holds no numbers: the file is empty")
    lines, about_commas = _with_points(lines, separator)
    has_headings, notes = _has_headings(lines, headings)
    names, lines = (lines[0].cells, lines[1:]) if has_headings else (None, lines)
    if not lines:
        raise DataError("holds no numbers: it has a line of headings and nothing else")
    lines, about_index = _without_index(names, lines)
    _check_widths(names, lines, separator)
    return CsvRows(
        rows_ND=_numbers(lines, separator),
        notes=(*about_commas, *notes, *about_index, *_about_counts(names, lines)),
    )


def _decoded(content: bytes) -> str:
    """Return the text. Bytes that are not text are replaced: headings may have them, cells not."""
    marked = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    if b"\0" in content and not marked:
        raise DataError("is no text: it has bytes of zero; export it as csv")
    return content.decode("utf-16" if marked else "utf-8-sig", errors="replace")


def _separator(text: str) -> str:
    """Return the separator of the first line; of several candidates the least ambiguous."""
    first = next((line for line in text.splitlines() if _counts(line)), "")
    for separator in SEPARATORS:
        if separator in _QUOTED.sub("", first).strip(" "):
            return separator
    return ","


def _counts(line: str) -> bool:
    """Return whether a line has content."""
    return bool(line.strip()) and not line.startswith("#")


def _lines(text: str, separator: str, most_rows: int) -> Iterator[Line]:
    """Yield the lines that have content."""
    raw = text.splitlines(keepends=True)
    if separator == " ":
        raw = [line.strip(" \r\n") for line in raw]
    reader = csv.reader(raw, delimiter=separator, skipinitialspace=True)
    count = 0
    try:
        for cells in reader:
            if not cells or cells[0].startswith("#") or not (any(cells) or len(cells) > 1):
                continue
            count += 1
            if count > most_rows + 1:
                raise DataError(f"more than {most_rows} rows, the most points that are possible")
            yield Line(reader.line_num, tuple(cell.strip() for cell in cells))
    except csv.Error as error:
        raise DataError(f"line {reader.line_num}: {error}") from error


def _has_headings(lines: Sequence[Line], headings: Headings) -> tuple[bool, tuple[str, ...]]:
    """Decide whether the first line is headings."""
    first = lines[0]
    named = [cell for cell in first.cells if cell and not _is_number(cell)]
    if headings != "auto":
        return headings == "yes", ()
    if _names_index_and_columns(lines):
        return True, ()
    if not named:
        return _counted_columns(lines) if _counts_from_0(first.cells) else (False, ())
    if len(named) < sum(cell != "" for cell in first.cells):
        raise DataError(
            f"line {first.number} has both numbers and text ({_shown(named[0])}): a point with a "
            "bad cell, or headings? Mend it, or say --headings yes or no"
        )
    return True, ()


def _names_index_and_columns(lines: Sequence[Line]) -> bool:
    """Tell whether the first line is what pandas writes above an index and unnamed columns."""
    first = lines[0].cells
    counted = [line.cells[0] for line in lines[1:] if line.cells]
    return (
        _counts_from_0(first[1:])
        and not _is_number(first[0])
        and (len(first) > 2 or _counts_from_0(counted))
    )


def _counted_columns(lines: Sequence[Line]) -> tuple[bool, tuple[str, ...]]:
    """Decide on a first line 0, 1, 2, ...: it counts the columns, unless it may be a point."""
    below = (cell for line in lines[1:] for cell in line.cells)
    width = len(lines[0].cells)
    are_headings = width >= COUNTED_COLUMNS or not all(map(_is_whole, below))
    columns = "0" if width == 1 else f"0 to {width - 1}"
    taken, other = ("headings", "no") if are_headings else ("a point", "yes")
    return are_headings, (
        f"line {lines[0].number}, which is {columns}, is taken for {taken}; if that is wrong, say "
        f"--headings {other}",
    )


def _without_index(
    names: Sequence[str] | None, lines: list[Line]
) -> tuple[list[Line], tuple[str, ...]]:
    """Drop a first column without a heading if the others have one."""
    if names is None or len(lines[0].cells) < 2:
        return lines, ()
    unnamed = names[0] in INDEX_HEADINGS and len(names) == len(lines[0].cells) and any(names[1:])
    shorter = len(names) == len(lines[0].cells) - 1
    if not (unnamed or shorter):
        return lines, ()
    cut = [Line(line.number, line.cells[1:]) for line in lines]
    return cut, (
        "the first column, which has no heading, is taken for an index and left out; give it a "
        "heading to keep it",
    )


def _check_widths(names: Sequence[str] | None, lines: Sequence[Line], separator: str) -> None:
    """Refuse lines of different lengths, and a last column that is empty throughout."""
    width = len(lines[0].cells)
    for line in lines:
        if len(line.cells) != width:
            raise DataError(
                f"line {line.number} has {len(line.cells)} cells, line {lines[0].number} has "
                f"{width}; {_separated(separator)}"
            )
    if width > 1 and not any(line.cells[-1] for line in lines):
        raise DataError(
            f"column {width} is empty in every line: remove it, and what separates it from the "
            f"others; {_separated(separator)}"
        )


def _with_points(lines: list[Line], separator: str) -> tuple[list[Line], tuple[str, ...]]:
    """Turn decimal commas into points if commas cannot be separators."""
    cells = [cell for line in lines for cell in line.cells]
    if separator == "," or not any(map(_WITH_COMMA.fullmatch, cells)):
        return lines, ()
    if any(map(_WITH_POINT.fullmatch, cells)):
        return lines, ()
    turned = [Line(line.number, tuple(map(_with_point, line.cells))) for line in lines]
    return turned, (f"commas are taken for decimal points, since {_separated(separator)}",)


def _with_point(cell: str) -> str:
    return cell.replace(",", ".") if _WITH_COMMA.fullmatch(cell) else cell


def _about_counts(names: Sequence[str] | None, lines: Sequence[Line]) -> tuple[str, ...]:
    """Return a note on a first column that counts the rows and is kept."""
    if len(lines) < COUNTED_ROWS or len(lines[0].cells) < 2:
        return ()
    counted = [line.cells[0] for line in lines]
    for start in (0, 1):
        if counted == [str(start + row) for row in range(len(lines))]:
            name = f" ({_shown(names[0])})" if names else ""
            return (
                f"the first column{name} counts the rows and is clustered like the others; cut it "
                "out if it is an index",
            )
    return ()


def _numbers(lines: Sequence[Line], separator: str) -> FloatArray:
    """Turn cells into numbers."""
    rows_ND = np.empty((len(lines), len(lines[0].cells)))
    for row, line in enumerate(lines):
        for column, cell in enumerate(line.cells):
            rows_ND[row, column] = _number(cell, line.number, column, separator)
    bad_N = ~np.isfinite(rows_ND).all(axis=1)
    if bad_N.any():
        first = lines[int(np.flatnonzero(bad_N)[0])].number
        raise DataError(
            f"an empty cell, NaN or infinity in {int(bad_N.sum())} of {len(lines)} rows, first in "
            f"line {first}; remove or fill them"
        )
    return rows_ND


def _number(cell: str, line: int, column: int, separator: str) -> float:
    """Return a cell's number, NaN of an empty one."""
    if cell and not _is_number(cell):
        raise DataError(
            f"line {line}, column {column + 1}: {_shown(cell)} is no number; "
            f"{_separated(separator)}"
        )
    return float(cell) if cell else math.nan


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell


def _is_whole(cell: str) -> bool:
    return cell.removeprefix("-").isdecimal()


def _counts_from_0(cells: Sequence[str]) -> bool:
    return bool(cells) and list(cells) == [str(column) for column in range(len(cells))]


def _shown(cell: str) -> str:
    """Return a cell for a message, cut if it is long."""
    return repr(cell if len(cell) <= 40 else f"{cell[:40]}...")


def _separated(separator: str) -> str:
    return f"cells are separated by {SEPARATORS[separator]}"
