"""A Markdown extension: rewrite the links of included files.

Pages such as `docs/security.md` include files of the repository. Links of these files are relative
to the root of the repository, or to the folder `examples`; the pages stand in `docs/`.
"""

import re
from typing import Final

from markdown import Extension, Markdown
from markdown.preprocessors import Preprocessor

PAGES: Final = {
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
    "ARCHITECTURE.md": "architecture.md",
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "examples/README.md": "examples.md",
}
_AFTER_SNIPPETS: Final = 31  # pymdownx.snippets has priority 32
_LINK: Final = re.compile(r"\]\((?:\.\./)?(docs/|(?:examples/)?[A-Z]+\.md)")


def from_docs(line: str) -> str:
    """Return a line with its links as they are from inside `docs/`."""
    return _LINK.sub(lambda found: f"]({_place(found[1])}", line)


def _place(start: str) -> str:
    return "" if start == "docs/" else PAGES.get(start, start)


class RootLinks(Preprocessor):  # type: ignore[misc]  # no stubs
    """Rewrites the links of included files."""

    def run(self, lines: list[str]) -> list[str]:
        """Return the page with its links rewritten."""
        return [from_docs(line) for line in lines]


class RootLinksExtension(Extension):  # type: ignore[misc]  # no stubs
    """Puts `RootLinks` behind the inclusion of files."""

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 (the name is Markdown's)
        """Register the preprocessor."""
        md.preprocessors.register(RootLinks(md), "root_links", _AFTER_SNIPPETS)


def makeExtension(**settings: object) -> RootLinksExtension:  # noqa: N802 (the name is Markdown's)
    """Return the extension; Markdown calls this."""
    return RootLinksExtension(**settings)
