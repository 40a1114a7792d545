"""Real parties in real processes: single operations, and whole sessions, for 2 and 3 parties."""

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import numpy as np
import pytest

from mpc.frames import CONTROL, OPENED, SHARE
from mpc.launch import ProcessGroup
from mpc.plain import PlainSession
from mpc.session import SecureSession, open_session
from mpc.sharing import reconstruct, split


class Parties:
    """Runs one operation of `tests.mpc.operations` on shares of an integer array."""

    def __init__(self, num_parties: int, provider: str = "dealer") -> None:
        self.group = ProcessGroup(
            num_parties, timeout_s=60, provider=provider, party_module="tests.mpc.operations"
        )
        self.links = [self.group.connect("server", rank) for rank in range(num_parties)]
        self.rounds = 0
        self.num_parties = num_parties

    def __call__(self, operation: str, x: np.ndarray) -> np.ndarray:
        x = np.asarray(x, dtype=np.int64)
        for link, share in zip(self.links, split(x, len(self.links)), strict=True):
            link.send_json(CONTROL, {"operation": operation, "shape": list(x.shape)})
            link.send_ring(SHARE, share)
        shares = []
        for link in self.links:
            reply = link.recv_json(CONTROL)
            shares.append(link.recv_ring(OPENED, reply["shape"]))
        self.rounds = reply["rounds"]
        return reconstruct(shares)

    def close(self) -> None:
        for link in self.links:
            link.close()
        self.group.end()


@pytest.fixture(scope="session", params=[2, 3], ids=["2-party", "3-party"])
def parties(request: pytest.FixtureRequest) -> Iterator[Parties]:
    group = Parties(request.param)
    yield group
    group.close()


@pytest.fixture(scope="session")
def opened() -> Iterator[Callable[[int], SecureSession]]:
    """Open a session of some parties once, and end all of them after the tests."""
    with ExitStack() as stack:
        yield functools.cache(lambda parties: stack.enter_context(open_session(parties)))


@pytest.fixture(scope="session", params=[2, 3], ids=["2-party", "3-party"])
def secure_session(
    request: pytest.FixtureRequest, opened: Callable[[int], SecureSession]
) -> SecureSession:
    return opened(request.param)


@pytest.fixture(scope="session", params=[0, 2, 3], ids=["plain", "2-party", "3-party"])
def session(
    request: pytest.FixtureRequest, opened: Callable[[int], SecureSession]
) -> PlainSession | SecureSession:
    return opened(request.param) if request.param else PlainSession()
