"""Wheel and sdist of the whole: what is in them, and that the wheel's command runs."""

import tarfile
from pathlib import Path
from zipfile import ZipFile

import pytest

import secfpp
from tests.packaging.checkouts import CHECKOUT, Environment, build, copy_of_checkout, run

pytestmark = pytest.mark.slow

VERSION = secfpp.__version__


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Build as `make dist` does: the sdist, and the wheel from the sdist."""
    sdist, wheel = sorted(
        build(copy_of_checkout(tmp_path_factory.mktemp("whole") / "checkout")),
        key=lambda path: path.suffix,
    )
    return sdist, wheel


def test_names_say_the_version(built: tuple[Path, Path]) -> None:
    assert [path.name for path in built] == [
        f"secfpp-{VERSION}.tar.gz",
        f"secfpp-{VERSION}-py3-none-any.whl",
    ]


def test_the_wheel_has_every_file_of_both_packages_and_no_others(
    built: tuple[Path, Path],
) -> None:
    with ZipFile(built[1]) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == {
        str(path.relative_to(CHECKOUT))
        for package in ("mpc", "secfpp")
        for path in (CHECKOUT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {"mpc/py.typed", "secfpp/py.typed", "secfpp/report/templates/page.css"} <= names
    assert "secfpp/assets/digits-clip/open_clip_model.safetensors" in names


def test_the_sdist_has_no_tests_and_all_that_builds(built: tuple[Path, Path]) -> None:
    with tarfile.open(built[0]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "LICENSE", "README.md", "SECURITY.md", "CHANGELOG.md"} <= names
    assert not [name for name in names if name.startswith(("tests", "benchmarks", "runs"))]


def test_the_wheel_runs(built: tuple[Path, Path], tmp_path: Path) -> None:
    """With what the running Python has, and nothing of the checkout."""
    other = Environment(tmp_path / "other")
    other.borrow_everything()
    other.install(built[1])
    place = "import secfpp, mpc; print(secfpp.__file__, mpc.__file__)"
    for file in other.python_says(place).split():
        assert Path(file).is_relative_to(other.packages)
    assert run(other.scripts / "secfpp", "--version", cwd=tmp_path) == f"secfpp {VERSION}\n"
    (tmp_path / "x.csv").write_text("0,0\n0,1\n9,9\n9,8\n")
    words = ("cluster", "--input", "x.csv", "--k", "2", "--plain", "--min-cluster-size", "1")
    assert "4 points of 2 dimensions" in run(other.scripts / "secfpp", *words, cwd=tmp_path)
    model = "from secfpp.clip.model import load_clip; load_clip('embedded', device='cpu')"
    other.python_says(model)
