"""What every test relies on is set here, and not inherited from whoever started the tests."""

import functools
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, settings

from mpc.session.session import SecureSession, open_session

settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


def pytest_configure() -> None:
    """Hear SIGINT, here and so in children: in the background of a shell it is ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def opened() -> Iterator[Callable[[int], SecureSession]]:
    """Open a session of some parties once, and end all of them after the tests."""
    with ExitStack() as stack:
        yield functools.cache(lambda parties: stack.enter_context(open_session(parties)))
