"""`import mpc` loads next to nothing, and has every name all the same."""

import importlib
import subprocess
import sys

import pytest

import mpc

HEAVY = ("torch", "sklearn", "crypten", "scipy", "numpy", "cryptography")


def loaded_after(program: str) -> list[str]:
    """Return which heavy packages a new process has imported."""
    look = f"import sys\n{program}\nprint(*(name for name in {HEAVY} if name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, check=True, timeout=120
    )
    return done.stdout.split()


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_after("import mpc") == []


@pytest.mark.parametrize("name", ["ClusterJob", "ClusterResult", "MpcError", "Traffic"])
def test_what_a_data_owner_uses_takes_numpy_and_cryptography_at_most(name: str) -> None:
    assert set(loaded_after(f"from mpc import {name}")) <= {"numpy", "cryptography"}


def test_a_data_owners_modules_take_numpy_and_cryptography_at_most() -> None:
    modules = ("session.data_owner", "jobs.rows", "jobs.bounds", "net.handshake")
    program = "import " + ", ".join(f"mpc.{module}" for module in modules)
    assert set(loaded_after(program)) == {"numpy", "cryptography"}


def test_every_name_is_there_and_listed() -> None:
    assert mpc.__all__ == sorted(mpc._MODULES)
    assert set(mpc.__all__) <= set(dir(mpc))
    for name in mpc.__all__:
        found = getattr(mpc, name)
        assert found is getattr(importlib.import_module(found.__module__), name)


@pytest.mark.slow
def test_names_are_imported_by_a_star_and_scikit_learn_only_then() -> None:
    program = (
        "import mpc, sys\nassert 'sklearn' not in sys.modules\n"
        "from mpc import *\nassert SecureKMeans is mpc.SecureKMeans and open_session"
    )
    assert "sklearn" in loaded_after(program)


def test_other_names_are_not_there() -> None:
    with pytest.raises(AttributeError, match="'mpc' has no attribute 'SecureKMeanss'"):
        mpc.SecureKMeanss  # noqa: B018
    assert not hasattr(mpc, "__path_of_nothing__")
    assert not hasattr(mpc, "KMeans")
