"""The Python blocks of a page run, from its first to its last in one namespace."""

from pathlib import Path

import pytest

from tests.docs.markdown import blocks, name_of, pages

PAGES = [page for page in pages() if blocks(page, "python")]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_code_of_a_page_runs(page: Path) -> None:
    names: dict[str, object] = {"__name__": name_of(page)}
    for number, code in enumerate(blocks(page, "python"), start=1):
        exec(compile(code, f"{name_of(page)}, block {number}", "exec"), names)  # noqa: S102


def test_pages_with_code_are_found() -> None:
    assert {"README.md", "docs/quickstart.md"} <= {name_of(page) for page in PAGES}
