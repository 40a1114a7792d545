"""The Python blocks of a page run, from its first to its last in one namespace.

Where a page opens a session, it gets parties that are open already; estimators start their own.
"""

from pathlib import Path

import pytest

from mpc import ClusterResult, SecureKMeans
from tests.docs.markdown import blocks, name_of, pages

PAGES = [page for page in pages() if blocks(page, "python")]


@pytest.mark.slow
@pytest.mark.usefixtures("parties_stay_open")
@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_code_of_a_page_runs(page: Path) -> None:
    names: dict[str, object] = {"__name__": name_of(page)}
    for number, code in enumerate(blocks(page, "python"), start=1):
        exec(compile(code, f"{name_of(page)}, block {number}", "exec"), names)  # noqa: S102
    if name_of(page) == "docs/clustering.md":
        check_the_guide(names)


def check_the_guide(names: dict[str, object]) -> None:
    """Look at what the guide to clustering leaves behind."""
    model, result = names["model"], names["result"]
    assert isinstance(model, SecureKMeans)
    assert isinstance(result, ClusterResult)
    assert len(model.labels_) == len(result.means_NM) == 60


def test_pages_with_code_are_found() -> None:
    assert {"README.md", "docs/quickstart.md"} <= {name_of(page) for page in PAGES}
