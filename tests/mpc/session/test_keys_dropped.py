"""Private keys live as long as what needs them: the session, the reception, the link."""

import gc
import json
import subprocess
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from mpc.errors import SessionError, TransportError
from mpc.net.frames import CONTROL
from mpc.net.handshake import Identity, Reception, listen
from mpc.session.local_group import ProcessGroup
from tests.mpc.ends import credentials, linked


@pytest.fixture
def little_garbage() -> Iterator[None]:
    """Let the collector look at what a test makes only, and not at all that was loaded before."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["open", "join"])
def test_after_a_session_no_key_can_be_reached(how: str) -> None:
    """Although the session itself can; while it is open there are some, so that they are found."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.mpc.programs.keys_left", how],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=Path(__file__).parents[3],
    )
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert counts["open"]["texts"] >= 1, counts
    assert counts["open"]["contexts"] >= 18, counts  # of nine roles at two parties each
    assert counts["open"]["keys"] >= (how == "open"), counts
    assert counts["closed"] == {"texts": 0, "keys": 0, "contexts": 0}


@pytest.mark.slow
def test_after_its_end_a_group_certifies_nobody() -> None:
    """And nobody is taken for one without TLS."""
    group = ProcessGroup(2, timeout_s=20)
    group.end()
    with pytest.raises(SessionError, match="client:3 is not certified any more"):
        group.connect("client:3", 0)


@pytest.mark.usefixtures("little_garbage")
def test_a_closed_reception_has_no_key_left() -> None:
    identity = Identity(role="party:0", session="a session", credentials=credentials("party:0"))
    reception = Reception(listen(), me=identity, admits=lambda role: True, timeout_s=5)
    context = weakref.ref(identity.context(server_side=True))
    del identity
    gc.collect()
    assert context() is not None
    reception.close()
    gc.collect()
    assert context() is None


@pytest.mark.usefixtures("little_garbage")
def test_a_closed_link_has_no_key_left_and_says_that_it_is_closed() -> None:
    with linked("tls") as (near, far):
        context = weakref.ref(near._channel._tls.context)  # type: ignore[attr-defined]
        near.close()
        gc.collect()
        assert context() is None
        assert near.hung_up()
        near.close()
        for use in (
            lambda: near.send(CONTROL, b"x"),
            lambda: near.recv(CONTROL, num_bytes=1),
        ):
            with pytest.raises(TransportError, match="the connection of client:3 to party:0 broke"):
                use()
        assert far.hung_up()
