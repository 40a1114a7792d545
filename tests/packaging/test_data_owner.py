"""A data owner's distribution: what is in it, what it needs, and that it works with parties."""

import json
import re
import subprocess
import tarfile
import tomllib
from contextlib import ExitStack
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

import secfpp
from mpc import ClusterJob
from mpc.consent.chain import read_ledger
from mpc.consent.compare import differences
from mpc.jobs.result import ELSEWHERE
from mpc.session.session import join_session
from tests.mpc.deployment import ROLES, hand_out, ledger_of, make_credentials, running
from tests.packaging.checkouts import CHECKOUT, Environment, build, copy_of_checkout
from tests.packaging.owner_program import PATIENCE_S

pytestmark = pytest.mark.slow

PROJECT = Path("packaging") / "data-owner"
NEEDED = ("numpy", "cryptography")
ALL_INSTALLED = {*NEEDED, "cffi", "pycparser", "secfpp-data-owner"}
MODULES = {
    *("mpc.errors", "mpc.traffic", "mpc.whole_file"),
    *("mpc.consent", "mpc.jobs", "mpc.net", "mpc.ring"),
    *("mpc.session", "mpc.session.data_owner", "mpc.session.owner", "mpc.session.owner_links"),
}
ROWS_ND = np.array([[0.0, 1.0], [0.5, 1.0], [1.0, 4.0], [9.0, 8.0], [9.5, 9.0], [10.0, 7.0]])
MEANS_KD = np.array([[0.5, 2.0], [9.5, 8.0]])
JOB = ClusterJob(k=2, norm_bound=16.0, value_bound=16.0, payload_bound=16.0)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Build as `make dist` does: the sdist, and the wheel from the sdist."""
    checkout = copy_of_checkout(tmp_path_factory.mktemp("owner") / "checkout")
    sdist, wheel = sorted(build(checkout / PROJECT), key=lambda path: path.suffix)
    return sdist, wheel


@pytest.fixture(scope="module")
def alone(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Make an environment with the wheel, NumPy and `cryptography`."""
    environment = Environment(tmp_path_factory.mktemp("owner") / "alone")
    for name in NEEDED:
        environment.borrow(name)
    environment.install(built[1])
    return environment


def metadata_of(wheel: Path) -> str:
    with ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        return archive.read(name).decode()


def test_it_needs_numpy_and_cryptography_as_the_whole_does(built: tuple[Path, Path]) -> None:
    text = metadata_of(built[1])
    needed = re.findall(r"^Requires-Dist: (.*)$", text, re.MULTILINE)
    whole = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert sorted(needed) == sorted(line for line in whole if line.startswith(NEEDED))
    assert len(needed) == len(NEEDED)
    assert f"Version: {secfpp.__version__}\n" in text


def test_it_has_a_part_of_mpc_only(built: tuple[Path, Path]) -> None:
    sdist, wheel = built
    with ZipFile(wheel) as archive:
        files = {name for name in archive.namelist() if ".dist-info/" not in name}
        assert any(name.endswith("licenses/LICENSE") for name in archive.namelist())
    assert {name for name in files if name.startswith("mpc/session/")} == {
        "mpc/session/__init__.py",
        "mpc/session/data_owner.py",
        "mpc/session/owner.py",
        "mpc/session/owner_links.py",
    }
    assert {name.split("/")[1] for name in files if name.count("/") > 1} == {
        *("consent", "jobs", "net", "ring", "session")
    }
    for name in files:
        assert (CHECKOUT / name).is_file()
    with tarfile.open(sdist) as archive:
        in_sdist = {member.name.partition("/")[2]: member for member in archive.getmembers()}
    assert {name for name in in_sdist if in_sdist[name].isfile()} >= {*files, "LICENSE"}


def test_nothing_else_is_in_its_environment(alone: Environment) -> None:
    listed = alone.python_says(
        "from importlib.metadata import distributions as found\n"
        "print(*(each.name for each in found()))"
    )
    assert set(listed.split()) == ALL_INSTALLED


def test_all_of_it_can_be_imported(alone: Environment) -> None:
    listed = alone.python_says(
        "import importlib, pkgutil, mpc\n"
        "for module in pkgutil.walk_packages(mpc.__path__, 'mpc.'):\n"
        "    print(importlib.import_module(module.name).__name__)"
    )
    assert set(listed.split()) > MODULES


def test_what_it_lacks_is_refused_with_a_remedy(alone: Environment) -> None:
    said = alone.python_says(
        "import mpc\ntry:\n    mpc.open_session\nexcept ImportError as error:\n    print(error)"
    )
    remedy = "open_session is not part of a data owner's distribution; install secfpp\n"
    assert said == remedy


def test_data_owners_send_shares_and_get_their_means(alone: Environment, tmp_path: Path) -> None:
    """Parties and dealer are of the whole installation, each owner is alone."""
    program = Path(__file__).with_name("owner_program.py")
    folder = make_credentials(tmp_path / "credentials", clients=len(ROWS_ND))
    owners = [f"client:{row}" for row in range(len(ROWS_ND))]
    with running(folder), ExitStack() as stack:
        started = []
        for name, row_D in zip(owners, ROWS_ND, strict=True):
            place = hand_out(folder, name, tmp_path / name.replace(":", "-"))
            words: list[str | Path] = [alone.python, "-I", program, place, name, *map(str, row_D)]
            process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=place)
            started.append(stack.enter_context(process))
            stack.callback(process.kill)
        with join_session(folder / "network.json", folder) as session:
            rows = {name: [row] for row, name in enumerate(owners)}
            dim = ROWS_ND.shape[1]
            result = session.order(JOB, rows, dim=dim, payload=dim)
            said = [json.loads(process.communicate(timeout=PATIENCE_S)[0]) for process in started]
    assert np.isnan(result.means_NM).all()
    assert set(result.sizes_N) == {ELSEWHERE}
    means_ND = np.array([each["mean"] for each in said])
    np.testing.assert_allclose(means_ND, np.repeat(MEANS_KD, 3, axis=0), atol=1e-4)
    assert [each["size"] for each in said] == [3] * len(ROWS_ND)
    kept = [ledger_of(folder, role) for role in ROLES]
    kept += [tmp_path / name.replace(":", "-") / "ledger.jsonl" for name in owners]
    ledgers = [read_ledger(path) for path in kept]
    assert [ledger.role for ledger in ledgers] == [*ROLES, *owners]
    assert list(differences(ledgers)) == []
