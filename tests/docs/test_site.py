"""The site builds strictly, its links lead somewhere, and it needs nothing from the network."""

import importlib.util
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest

from tests.docs.markdown import ROOT, ROOT_PAGES

MISSING = [tool for tool in ("zensical", "mkdocstrings") if importlib.util.find_spec(tool) is None]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {MISSING}; pip install '.[docs]'"),
]
LOADED = {"link": "href", "script": "src", "img": "src", "iframe": "src", "source": "src"}


class Page(HTMLParser):
    """What a page links to, what it loads, and which anchors it has."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = {""}
        self.feed(file.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note one element."""
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if LOADED.get(tag) in given:
            self.loaded.append(given[LOADED[tag]])


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with what the site is made from."""
    folder = tmp_path_factory.mktemp("site")
    for name in (*ROOT_PAGES, "zensical.toml"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=shutil.ignore_patterns("__pycache__"))
    for package in ("mpc", "secfpp", "examples"):
        (folder / package).symlink_to(ROOT / package)
    return folder


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    """Build the site in a folder."""
    command = [sys.executable, "-m", "zensical", "build", "--strict"]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture(scope="module")
def site(build: Path) -> dict[Path, Page]:
    """Build the site and return its pages."""
    done = run(build)
    assert done.returncode == 0, done.stdout + done.stderr
    return {file: Page(file) for file in (build / "site").rglob("*.html") if file.stem != "404"}


def test_links_and_pictures_lead_somewhere(site: dict[Path, Page]) -> None:
    broken = []
    for file, page in site.items():
        for link in [*page.links, *page.loaded]:
            path, anchor = urldefrag(link)
            if urlsplit(link).scheme or urlsplit(link).netloc:
                continue
            target = (file.parent / unquote(path)).resolve() if path else file
            target = target / "index.html" if target.is_dir() else target
            known = not anchor or target not in site or anchor in site[target].anchors
            if not target.exists() or not known:
                broken.append((file.parent.name, link))
    assert broken == []


def test_nothing_is_loaded_from_elsewhere(site: dict[Path, Page]) -> None:
    elsewhere = [link for page in site.values() for link in page.loaded if urlsplit(link).netloc]
    assert elsewhere == []
    assert len(site) > 15


def test_a_broken_link_ends_the_build(site: dict[Path, Page], build: Path) -> None:
    page = build / "docs" / "quickstart.md"
    page.write_text(page.read_text("utf-8") + "\n[nowhere](concepts.md#no-such-heading)\n", "utf-8")
    done = run(build)
    assert done.returncode != 0
    assert "anchor does not exist" in done.stdout + done.stderr
