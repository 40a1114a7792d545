"""The glossary has every public name and every flag, and nothing that is not in the program."""

import re

import mpc
from docs.generate_cli import commands, help_text
from tests.docs.markdown import ROOT

GLOSSARY = (ROOT / "docs" / "glossary.md").read_text("utf-8")
_FLAG = re.compile(r"^\s+(?:-\w, )?(--[a-z][a-z0-9-]*)", re.MULTILINE)


def rows_of(section: str) -> list[list[str]]:
    """Return the rows of a section's table, without its head."""
    body = GLOSSARY.split(f"\n## {section}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split(" | ") for line in body.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def test_every_public_name_and_no_other_is_explained() -> None:
    assert [row[0] for row in rows_of("Names")] == [f"`{name}`" for name in sorted(mpc.__all__)]


def test_every_flag_and_no_other_is_explained() -> None:
    flags = {flag for words in commands() for flag in _FLAG.findall(help_text(words))}
    assert len(flags) > 80
    assert [row[0] for row in rows_of("Flags")] == [f"`{flag}`" for flag in sorted(flags)]


def test_every_explanation_is_a_sentence() -> None:
    sections = ("Names", "Flags")
    assert [row for name in sections for row in rows_of(name) if not row[1].endswith(".")] == []


def test_every_term_has_one_meaning_and_a_source() -> None:
    sections = ["Secret sharing", "Clustering", "Differential privacy"]
    rows = [row for name in [*sections, "Prompts and federated learning"] for row in rows_of(name)]
    assert [row for row in rows if len(row) != 3 or not all(row)] == []
    terms = [term for row in rows for term in row[0].split(", ")]
    assert sorted(terms) == sorted(set(terms))
