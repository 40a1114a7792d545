"""As many sockets as the system allows are opened, and no more are asked for."""

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mpc.errors import InputError
from mpc.net.link import allow_open_files

FEW = 256


@pytest.fixture
def limit() -> Iterator[tuple[int, int]]:
    """Give the soft limit back, which tests change."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield soft, hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def with_few_files(num_owners: int) -> str:
    """Return what a process says that may open 256 files, as may its children."""
    program = f"ulimit -n {FEW}; exec {sys.executable} -m tests.mpc.programs.few_files {num_owners}"
    done = subprocess.run(
        ["bash", "-c", program],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=Path(__file__).parents[3],
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_what_fits_the_limit_is_done() -> None:
    """Ninety owners have 180 sockets at two parties; a second job needs no more of them."""
    assert with_few_files(90) == "done for 90\n"


@pytest.mark.slow
def test_what_does_not_fit_is_refused_with_the_numbers_and_the_session_goes_on() -> None:
    said = with_few_files(130)
    assert said.startswith("260 sockets more are needed and ")
    assert f"but only {FEW} may be" in said
    assert "raise `ulimit -Hn`" in said
    assert said.endswith("; then 4 owners\n")


def test_the_soft_limit_is_raised_by_what_is_open_and_what_is_needed(
    limit: tuple[int, int],
) -> None:
    now_open = len(os.listdir("/dev/fd"))
    for count in (0, 1, 100):
        resource.setrlimit(resource.RLIMIT_NOFILE, (now_open + 8, limit[1]))
        allow_open_files(count)
        allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        assert allowed >= now_open + (count + 32 if count else 8)
    allow_open_files(5)
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == allowed  # never lowered


def test_more_than_the_hard_limit_is_refused(limit: tuple[int, int]) -> None:
    if limit[1] == resource.RLIM_INFINITY:
        pytest.skip("there is no hard limit")
    now_open = len(os.listdir("/dev/fd"))
    with pytest.raises(InputError, match=f"only {limit[1]} may be"):
        allow_open_files(limit[1] - now_open)
    allow_open_files(limit[1] - now_open - 40)
