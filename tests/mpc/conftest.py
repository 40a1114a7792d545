"""Real parties in real processes: single operations, and whole sessions, for 2 and 3 parties."""

from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

import numpy as np
import pytest

from mpc.errors import TransportError
from mpc.jobs.comparisons import Comparisons
from mpc.net.frames import CONTROL, OPENED, SHARE
from mpc.reference.session import PlainSession
from mpc.session.data_owner import reconstruct, split
from mpc.session.local_group import ProcessGroup
from mpc.session.session import SecureSession
from tests.kept import Kept


@pytest.fixture
def short_farewell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who ends waits for others to read its last words; here they are in the same process."""
    monkeypatch.setattr("mpc.net.link._LINGER_S", 0.0)


class Parties:
    """Runs one operation of `tests.mpc.programs.operations` on shares of integer arrays."""

    def __init__(self, num_parties: int, provider: str = "dealer") -> None:
        self.group = ProcessGroup(
            num_parties,
            timeout_s=60,
            provider=provider,
            party_module="tests.mpc.programs.operations",
        )
        self.links = [self.group.connect("server", rank) for rank in range(num_parties)]
        self.num_parties = num_parties
        self.provider = provider
        self.rounds = 0
        """Of the last operation."""
        self.bytes_sent = 0
        """From party 0 to the other parties in the last operation."""
        self.last_shares: list[np.ndarray] = []
        """Of the last result, one a party."""

    def __call__(
        self,
        operation: str,
        *inputs: np.ndarray,
        comparisons: Comparisons = "auto",
        **options: object,
    ) -> np.ndarray:
        """Return what the parties' shares of the result add up to.

        Options are public: plain values that go to the operation as keywords.
        """
        given = [np.asarray(x, dtype=np.int64) for x in inputs]
        request = {"operation": operation, "comparisons": comparisons, "options": options}
        try:
            return self._do(given, request | {"shapes": [x.shape for x in given]})
        except TransportError:
            self.group.raise_if_dead()  # says what a party said before it ended
            raise

    def _do(self, given: Sequence[np.ndarray], request: dict[str, object]) -> np.ndarray:
        for link in self.links:
            link.send_json(CONTROL, request)
        for x in given:
            for link, share in zip(self.links, split(x, len(self.links)), strict=True):
                link.send_ring(SHARE, share)
        shares = []
        for link in self.links:
            reply: dict[str, Any] = link.recv_json(CONTROL)
            shares.append(link.recv_ring(OPENED, reply["shape"]))
            if link is self.links[0]:
                self.rounds, self.bytes_sent = reply["rounds"], reply["bytes_sent"]
        self.last_shares = shares
        return reconstruct(shares)

    def close(self) -> None:
        for link in self.links:
            link.close()
        self.group.end()


@pytest.fixture
def met(kept: Kept) -> Callable[[int, str], Parties]:
    """Return the parties for single operations; start them if they are not there."""
    return lambda parties, provider: kept.get(
        ("operations", parties, provider), lambda: closing(Parties(parties, provider))
    )


# Which parties a test has is a parameter of the session: pytest runs tests of the same together.


@pytest.fixture(scope="session", params=[2, 3], ids=["2-party", "3-party"])
def which_parties(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def parties(which_parties: int, met: Callable[[int, str], Parties]) -> Parties:
    return met(which_parties, "dealer")


@pytest.fixture(
    scope="session",
    params=[(2, "dealer"), (3, "dealer"), pytest.param((2, "tfp"), marks=pytest.mark.slow)],
    ids=["2-party", "3-party", "tfp"],
)
def which_of_any(request: pytest.FixtureRequest) -> tuple[int, str]:
    parties, provider = request.param
    return parties, provider


@pytest.fixture
def any_parties(which_of_any: tuple[int, str], met: Callable[[int, str], Parties]) -> Parties:
    return met(*which_of_any)


every_method = pytest.mark.parametrize(
    ("which_of_any", "comparisons"),
    [
        pytest.param((2, "dealer"), "fss", id="2-party-fss"),
        pytest.param((2, "dealer"), "lut", id="2-party-lut"),
        pytest.param((2, "dealer"), "boolean", id="2-party-boolean", marks=pytest.mark.slow),
        pytest.param((3, "dealer"), "lut", id="3-party-lut"),
        pytest.param((3, "dealer"), "boolean", id="3-party-boolean", marks=pytest.mark.slow),
        pytest.param((2, "tfp"), "boolean", id="tfp", marks=pytest.mark.slow),
    ],
    indirect=["which_of_any"],
    scope="session",
)
"""All ways to compare: three parties have digits in place of keys, and tfp has circuits only."""


@pytest.fixture(scope="session", params=[2, 3], ids=["2-party", "3-party"])
def which_session(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def secure_session(which_session: int, opened: Callable[[int], SecureSession]) -> SecureSession:
    return opened(which_session)


@pytest.fixture(scope="session", params=[0, 2, 3], ids=["plain", "2-party", "3-party"])
def which_or_plain(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def session(
    which_or_plain: int, opened: Callable[[int], SecureSession]
) -> PlainSession | SecureSession:
    return opened(which_or_plain) if which_or_plain else PlainSession()
