"""Every `__all__` says what its module exports: in packages exactly what they import for users."""

import ast
import importlib
from collections import Counter
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]


def names_of(file: Path) -> list[str]:
    """Return the entries of a file's `__all__`, without importing it."""
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    return []


def imported_from(package: str, file: Path) -> list[str]:
    """Return the names that a package imports from our modules, for types only or not."""
    root = package.partition(".")[0]
    nodes = ast.walk(ast.parse(file.read_text()))
    ours = [node for node in nodes if isinstance(node, ast.ImportFrom)]
    ours = [node for node in ours if f"{node.module}.".startswith(f"{root}.")]
    return sorted(alias.asname or alias.name for node in ours for alias in node.names)


FILES = {
    ".".join(file.relative_to(CHECKOUT).with_suffix("").parts).removesuffix(".__init__"): file
    for package in ("mpc", "secfpp")
    for file in sorted((CHECKOUT / package).rglob("*.py"))
    if names_of(file)
}
PACKAGES = [name for name, file in FILES.items() if file.name == "__init__.py"]


@pytest.mark.parametrize("name", FILES)
def test_what_is_listed_is_there_once(name: str) -> None:
    listed = names_of(FILES[name])
    if name.startswith("secfpp.integrations.flower."):
        pytest.importorskip("flwr", reason="needs Flower: pip install 'secfpp[flower]'")
    module = importlib.import_module(name)
    assert [each for each in listed if not hasattr(module, each)] == []
    assert [each for each, times in Counter(listed).items() if times > 1] == []


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_lists_all_that_it_imports_in_order(name: str) -> None:
    assert names_of(FILES[name]) == imported_from(name, FILES[name])


def test_the_packages_for_users_are_among_them() -> None:
    assert {"mpc", "mpc.fss", "secfpp.cli"} <= set(PACKAGES)
