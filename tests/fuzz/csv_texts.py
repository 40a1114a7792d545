"""Text that is called csv."""

from __future__ import annotations

from random import Random

CELLS = (
    *("1", "2", "3.5", "-4", "0", "1e3", "+1", ".5", "5.", "1e400", "-0", "007", "1_000", "１"),
    *("1,5", "1.000,5", "1 000", "", " ", '""', '"1"', '"1', '1"', '"a;b"', "a", "größe", "nan"),
    *("inf", "-inf", "NaN", "NA", "?", "#N/A", "None", "true", "0x10", "1j", "1d", "½", "\u22121"),
    *("\0", "\x1b[31m", "\x85", "\u2028", "\ufeff", "1" * 400, "9" * 5000, "٣", "²", "infinity"),
)
SEPARATORS = (",", ",", ";", "\t", "|", " ", ", ", "  ", ":", "\x1f")
ENDS = ("\n", "\n", "\r\n", "\r", "\n\n", "\x0b", "\x0c", "\x85", "\u2028", "\n\r")
ENCODINGS = ("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-be", "latin-1", "utf-7")


def csv_text(random: Random) -> bytes:
    """Return rows of numbers, most of them right, as spreadsheets and editors write them."""
    width, height = random.choice([1, 2, 3, 3, 40]), random.choice([0, 1, 2, 4, 12])
    oddness = random.choice([0.0, 0.02, 0.1, 0.5])
    separator, end = random.choice(SEPARATORS), random.choice(ENDS)
    lines = []
    for _ in range(height):
        cells = [_cell(random, oddness) for _ in range(width + (random.random() < oddness / 4))]
        lines.append(random.choice([separator] * 20 + [",", ";"]).join(cells))
    if random.random() < 0.4:
        headings = ["", *"abcdefg"] if random.random() < 0.5 else [str(i) for i in range(width)]
        lines.insert(0, separator.join((headings * 6)[:width]))
    if random.random() < 0.1:
        lines.insert(0, random.choice(["# made by hand", "sep=;", '"', "'", "#", "\ufeff", " "]))
    if random.random() < 0.05:
        lines.append('"' + "1" * random.choice([10, 140_000, 200_000]))
    text = end.join(lines) + random.choice([end, end, "", "\x1a"])
    return text.encode(random.choice(ENCODINGS), "replace")


def _cell(random: Random, oddness: float) -> str:
    if random.random() < oddness:
        return random.choice(CELLS)
    return str(random.choice([random.randrange(9), round(random.uniform(-9, 9), 2)]))
