"""What leaves the parties passes the door, and nothing that leaves is a share as it was."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import mpc
from mpc.engine.context import Party
from mpc.engine.reveal import (
    DISTANCES,
    EVALUATION,
    LABELS,
    OWN_MEAN,
    Audience,
    Opening,
    PartyRevealer,
)
from mpc.jobs.job import ClusterJob
from mpc.net.frames import OPENED
from mpc.ring.fixedpoint import Int64Array
from mpc.ring.randomness import AesCtrStream, new_key
from mpc.roles.dry_run import RecordingProvider, SilentCommunicator
from mpc.session.data_owner import reconstruct, split

SECRET = np.arange(12).reshape(4, 3)
OUTLETS = [
    (OWN_MEAN, "own-mean"),
    (EVALUATION, "own-mean"),
    (LABELS, "assignments"),
    (DISTANCES, "distances"),
]


class Outside:
    """A link to somebody who keeps what comes."""

    def __init__(self) -> None:
        self.got: list[Int64Array] = []

    def send_ring(self, tag: bytes, array: Int64Array, *, number: int) -> None:
        assert tag == OPENED
        self.got.append(array)


def leaving(
    num_parties: int, shares: list[Int64Array], opening: tuple[Audience, Opening], reveal: str
) -> list[Int64Array]:
    """Return what each party lets out of its share, whoever gets it."""
    job = ClusterJob(k=2, reveal=reveal, evaluate=True)  # type: ignore[arg-type]
    keys = [new_key() for _ in range(num_parties)]  # of each party and the one after it
    silent, provider = SilentCommunicator(num_parties), RecordingProvider(num_parties)
    left = []
    for rank, share in enumerate(shares):
        server, owners = Outside(), (Outside(), Outside())
        rows = dict(zip(owners, ([0, 2], [1, 3]), strict=True))
        party = Party(
            communicator=silent,
            provider=provider,
            previous=AesCtrStream(keys[rank - 1]),
            following=AesCtrStream(keys[rank]),
        )
        revealer = PartyRevealer(server, rows, job)  # type: ignore[arg-type]
        pending = revealer.reveal(party.holds(share), opening, why="a test")
        whole = np.empty_like(share)
        if owners[0].got:
            for owner, held in rows.items():
                (whole[held],) = owner.got
        else:
            (whole,) = server.got or [pending.masked.numpy()]
        left.append(whole)
    return left


@pytest.mark.parametrize("num_parties", [2, 3])
@pytest.mark.parametrize(("opening", "reveal"), OUTLETS, ids=lambda value: str(value))
def test_every_share_that_leaves_is_re_randomised(
    num_parties: int, opening: tuple[Audience, Opening], reveal: str
) -> None:
    shares = split(SECRET, num_parties)
    first, second = (leaving(num_parties, shares, opening, reveal) for _ in range(2))
    for left in (first, second):
        assert np.array_equal(reconstruct(left), SECRET)
    for seen in zip(shares, first, second, strict=True):
        for one, other in ((0, 1), (0, 2), (1, 2)):
            assert not (seen[one] == seen[other]).any()


def test_nothing_but_the_door_sends_what_is_opened() -> None:
    """And all the rest that goes over links is named here: a new kind of message is to be seen."""
    assert senders(r"\bsend_ring\(OPENED\b") == {"engine/reveal.py"}
    assert senders(r"\.send_ring\((?!self\b)") == {
        "engine/reveal.py",  # what is opened
        "session/data_owner.py",  # an owner's shares, to parties
        "engine/communicator.py",  # CrypTen's gather and scatter between parties
        "net/exchange.py",  # what parties open to one another under masks
        "secpc/client_process.py",  # a client's coded answers, to the server; results, to its owner
    }


def senders(pattern: str) -> set[str]:
    found: Callable[[str], object] = re.compile(pattern).search
    folder = Path(mpc.__file__).parent
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.py")
        if found(path.read_text())
    }
