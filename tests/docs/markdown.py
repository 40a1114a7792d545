"""Markdown pages as the tests see them: code blocks, headings, links."""

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
ROOT_PAGES: Final = (
    "README.md",
    "ARCHITECTURE.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
)
_FENCE: Final = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_HEADING: Final = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_LINK: Final = re.compile(r"\]\(([^)\s]+)\)")
_SNIPPET: Final = re.compile(r'^--8<-- "([^"]+)"$', re.MULTILINE)


def pages() -> list[Path]:
    """Return all pages: those of `docs/` and those at the root."""
    return [*(ROOT / name for name in ROOT_PAGES), *sorted((ROOT / "docs").rglob("*.md"))]


def name_of(page: Path) -> str:
    """Return a page's path inside the repository."""
    return str(page.relative_to(ROOT))


def blocks(page: Path, language: str) -> list[str]:
    """Return the code blocks of a page that have a language; "" is none.

    Those of included programs are not among them: tests/examples runs the programs.
    """
    found = _FENCE.findall(page.read_text("utf-8"))
    return [code for of, code in found if of == language and not _SNIPPET.search(code)]


def prose(page: Path) -> str:
    """Return a page, with what it includes, without its code blocks."""
    text = page.read_text("utf-8")
    text = _SNIPPET.sub(lambda found: (ROOT / found[1]).read_text("utf-8"), text)
    return _FENCE.sub("", text)


def links(page: Path) -> list[str]:
    """Return the targets of a page's own links and pictures that lie in the repository."""
    text = _FENCE.sub("", page.read_text("utf-8"))
    return [link for link in _LINK.findall(text) if "://" not in link]


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and Python-Markdown make them."""
    return {slug(heading) for heading in _HEADING.findall(prose(page))}


def slug(heading: str) -> str:
    """Return the anchor of a heading."""
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", words.strip().lower()))
