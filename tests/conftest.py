"""What every test relies on is set here, and not inherited from whoever started the tests."""

import gc
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext

import pytest
from hypothesis import HealthCheck, settings

from mpc.session.session import SecureSession, open_session
from tests.kept import Kept

settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


def pytest_configure() -> None:
    """Hear SIGINT, here and so in children: in the background of a shell it is ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Let no later collection look at the modules and tests, which stay."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup() -> None:
    """Let processes have the same environment in all tests, as in any program of a user's.

    A loader of parties serves one session after another while the environment stays as it is.
    """
    os.environ.pop("PYTEST_CURRENT_TEST", None)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call() -> None:
    """Do so in the test itself, too."""
    os.environ.pop("PYTEST_CURRENT_TEST", None)


@pytest.fixture(scope="session")
def kept() -> Iterator[Kept]:
    """Parties that are open; all end after the tests."""
    with closing(Kept()) as kept:
        yield kept


@pytest.fixture(autouse=True)
def _counted(kept: Kept) -> Iterator[None]:
    """Let parties end that no test has used for a while."""
    yield
    kept.test_done()


@pytest.fixture
def opened(kept: Kept) -> Callable[[int], SecureSession]:
    """Return the open session of some parties; open it if it is not."""
    return lambda parties: kept.get(("session", parties), lambda: open_session(parties))


@pytest.fixture
def parties_stay_open(
    opened: Callable[[int], SecureSession], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let `open_session` give two parties that are open already; other numbers start their own."""

    def open_or_opened(
        num_parties: int = 2, *, provider: str = "dealer", **given: object
    ) -> AbstractContextManager[SecureSession]:
        if (num_parties, provider) == (2, "dealer"):
            return nullcontext(opened(num_parties))
        return open_session(num_parties, provider=provider, **given)  # type: ignore[arg-type]

    # The lazy name first: looked up later, it would be taken, and kept, from the replaced one.
    for place in ("mpc.open_session", "mpc.session.session.open_session"):
        monkeypatch.setattr(place, open_or_opened)
