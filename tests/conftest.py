"""What every test relies on is set here, and not inherited from whoever started the tests."""

import os
import signal

from hypothesis import HealthCheck, settings

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is loaded: workers must not fight over the cores
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


def pytest_configure() -> None:
    """Hear SIGINT, here and so in children: in the background of a shell it is ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
