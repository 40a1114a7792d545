"""Every file under deploy/ is checked by a program made for its kind, and finds nothing."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mpc.consent.policy import read_policy
from mpc.net.addresses import read_addresses
from secfpp.deployment.config import load_federation
from tests.deploy.files import KUBERNETES, UNITS, deployed, program, said
from tests.packaging.checkouts import CHECKOUT

Check = Callable[[Path], None]


def _by(*words: str) -> Check:
    """Return a check by a program, which must succeed and say nothing."""

    def check(path: Path) -> None:
        found = program(words[0])
        if found is None:
            pytest.skip(f"{words[0]} is not installed; the extra dev has it")
        assert said(found, *words[1:], path) == (0, "")

    return check


def _settings(path: Path) -> None:
    readers: dict[str, Callable[[Path], object]] = {
        "federation.json": load_federation,
        "network.json": read_addresses,
        "policy.json": read_policy,
    }
    assert json.loads(path.read_text())
    readers[path.name](path)


YAML = _by("yamllint", "--strict", "--config-file", str(CHECKOUT / ".yamllint"))
COMPOSE = _by("check-jsonschema", "--quiet", "--builtin-schema", "vendor.compose-spec")
PYTHON = (_by("ruff", "check", "--quiet"), _by("ruff", "format", "--quiet", "--check"))


def checks_of(path: Path) -> tuple[Check, ...]:
    """Return what checks a file; nothing if nobody thought of its kind."""
    if path.name == "Dockerfile":
        return (_by("hadolint", "--failure-threshold", "info"),)
    if path.name == "compose.yaml":
        return YAML, COMPOSE
    if path.suffix == ".yaml" and KUBERNETES in path.parents:
        return (YAML,)  # and test_kubernetes.py
    if path in UNITS:
        return (_names_its_documentation,)  # and test_systemd.py
    if path.suffix == ".sh":
        return (_by("shellcheck"),)
    if path.suffix == ".py":
        return PYTHON
    return (_settings,) if path.suffix == ".json" else ()


def _names_its_documentation(path: Path) -> None:
    assert "Documentation=" in path.read_text()


@pytest.mark.parametrize("path", deployed(), ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_a_file_has_linters_that_find_nothing(path: Path) -> None:
    checks = checks_of(path)
    assert checks, f"no linter is known for {path}: add it to checks_of"
    for check in checks:
        check(path)


def test_a_file_of_an_unknown_kind_is_noticed() -> None:
    assert checks_of(Path("deploy/notes.toml")) == ()
