"""Links between pages lead somewhere, in the repository as it is read on a forge."""

from pathlib import Path

import pytest

from docs.root_links import PAGES, from_docs
from tests.docs.markdown import ROOT, anchors, links, name_of, pages, slug


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_links_and_anchors_of_a_page_exist(page: Path) -> None:
    broken = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_anchors_are_made_as_the_site_makes_them() -> None:
    assert slug("Who learns what") == "who-learns-what"
    assert slug("`run`: a [link](x.md), 1/c") == "run-a-link-1c"


def test_links_of_included_files_are_rewritten() -> None:
    line = "[a](docs/gpu.md), [b](SECURITY.md#how), [c](https://x.example), [d](own.md)"
    assert from_docs(line) == (
        "[a](gpu.md), [b](security.md#how), [c](https://x.example), [d](own.md)"
    )
    assert [page for page in PAGES.values() if not (ROOT / "docs" / page).exists()] == []
