"""The lock file pins all that the project and its tools ask for; `make lock` writes it."""

import re
import tomllib

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.packaging.checkouts import CHECKOUT

LOCK = CHECKOUT / "requirements" / "lock.txt"
PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([0-9][A-Za-z0-9.]*)")


def pins() -> dict[str, str]:
    """Return the version of each package; a host, a path or a local version is no pin."""
    lines = [line for line in LOCK.read_text().splitlines() if not line.startswith("#")]
    found = [PIN.fullmatch(line) for line in lines]
    assert all(found), [line for line, pin in zip(lines, found, strict=True) if not pin]
    return {canonicalize_name(pin[1]): pin[2] for pin in found if pin}


def test_every_line_is_a_pin() -> None:
    assert len(pins()) > 100


def test_what_pyproject_asks_for_is_pinned() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    versions = pins()
    extras = project["optional-dependencies"]
    for requirement in map(
        Requirement, [*project["dependencies"], *extras["dev"], *extras["docs"]]
    ):
        if requirement.name == project["name"]:
            continue  # the extra for documentation
        assert versions[canonicalize_name(requirement.name)] in requirement.specifier


def test_the_project_itself_is_not_pinned() -> None:
    assert not [name for name in pins() if name.startswith("secfpp")]


def test_comments_name_no_host_and_no_path() -> None:
    comments = [line for line in LOCK.read_text().splitlines() if line.startswith("#")]
    assert not re.findall(r"https?:|\.(?:com|org|io)\b|(?:^|\s)/\w", "\n".join(comments))
