"""A data owner's distribution: what is in it, what it needs, that it works alone."""

import json
import re
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

import secfpp
from tests.packaging.checkouts import CHECKOUT, Environment, build, copy_of_checkout, run

pytestmark = pytest.mark.slow

PROJECT = Path("packaging") / "data-owner"
NEEDED = ("numpy", "cryptography")
SOME = {"mpc.errors", "mpc.jobs.rows", "mpc.net.link", "mpc.ring.randomness", "mpc.fss.sign"}
LEFT_OUT = ("estimator", "roles", "clustering", "protocols", "engine", "preprocessing", "costs")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    checkout = copy_of_checkout(tmp_path_factory.mktemp("owner") / "checkout")
    (built,) = build(checkout / PROJECT, "--wheel")
    return built


def test_it_needs_numpy_and_cryptography_as_the_whole_does(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        text = archive.read(metadata).decode()
    needed = re.findall(r"^Requires-Dist: (.*)$", text, re.MULTILINE)
    whole = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert sorted(needed) == sorted(line for line in whole if line.startswith(NEEDED))
    assert len(needed) == len(NEEDED)
    assert f"Version: {secfpp.__version__}\n" in text


def test_it_has_a_part_of_mpc_only(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = archive.namelist()
    assert "mpc/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert {name.partition("/")[0] for name in names if "dist-info" not in name} == {"mpc"}
    assert not [name for name in names if any(part in name for part in LEFT_OUT)]
    assert [name for name in names if name.startswith("mpc/session/")] == [
        "mpc/session/__init__.py",
        "mpc/session/data_owner.py",
    ]


def test_it_works_where_nothing_else_is(wheel: Path, tmp_path: Path) -> None:
    alone = Environment(tmp_path / "alone")
    for name in NEEDED:
        alone.borrow(name)
    alone.install(wheel)
    program = Path(__file__).with_name("owner_program.py")
    record = json.loads(run(alone.python, "-I", program, cwd=tmp_path))
    assert record["done"] == {"come back": True, "travel": True, "compare": True}
    assert set(record["modules"]) >= SOME
    assert record["heavy"] == []
    assert record["refusal"].endswith("install secfpp")
