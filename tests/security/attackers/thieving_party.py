"""Parties of which number 0 asks the dealer for more than it should: `python -m` this.

Party 0 is malicious. It wants the others' shares of the first mask of a job, with which it reads
what that mask hides. Everybody writes down what it really drew, so that a test can judge. How the
thief goes about it, and where all write to, is in the environment.
"""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NoReturn

import numpy as np
import torch

import mpc.preprocessing.provider
import mpc.roles.party
from mpc.engine.context import Party
from mpc.engine.correlations import Truncation
from mpc.errors import MpcError
from mpc.preprocessing.mask_refs import MaskRef
from mpc.preprocessing.provider import DealerProvider
from mpc.preprocessing.request_rules import MASKS_OF
from mpc.preprocessing.requests import TupleRequest
from mpc.roles.bootstrap import Start, serve_process
from tests.security.attackers.gullible_dealer import UNBOUND, unbound

FOLDER: Final = "THIEF_FOLDER"
ATTACK: Final = "THIEF_ATTACK"
PARTIES: Final = "THIEF_PARTIES"
LOOKED_UP_BITS: Final = 4
"""Of the look-up whose one-hot row hides all but one of 16 numbers badly."""

Requests = tuple[TupleRequest, ...]


def number_of_masks(requests: Requests) -> int:
    return sum(MASKS_OF.get(request.kind, 0) for request in requests)


def of_zero_size(honest: Requests) -> Requests:
    """Ask for a product that is zero: what makes the parts fit is minus the others' last parts."""
    count = int(np.prod(honest[0].shapes[0]))
    number = 0 if os.environ[ATTACK].endswith("instead") else number_of_masks(honest)
    left, right = MaskRef("norms", number), MaskRef("norms", number + 1)
    return (
        TupleRequest("mask", ((count, 0),)),
        TupleRequest("mask", ((0, 1),)),
        TupleRequest("product", ((count, 0), (0, 1)), 0, (left, right), "ij,jk->ik"),
    )


def look_up(honest: Requests) -> Requests:
    """Ask for something that jobs do ask for: all but one of a one-hot row's numbers are zero."""
    return (TupleRequest("lookup", ((1,),), LOOKED_UP_BITS),)


EXTRA: Final[dict[str, Callable[[Requests], Requests]]] = {
    "zero": of_zero_size,
    "look-up": look_up,
}
"""What to ask for; the word behind it in the environment says when: after the honest list, or
instead of it."""


class Recording(DealerProvider):
    """Writes down its share of the first mask of a job, under which points are cut."""

    def truncation(self, size: Sequence[int], shift: int) -> Truncation:
        parts = super().truncation(size, shift)
        self.save("mask", parts.whole.share)
        return parts

    def save(self, what: str, value: torch.Tensor) -> None:
        path = Path(os.environ[FOLDER]) / f"{what}-{self._rank}.npy"
        if not path.exists():
            np.save(path, value.numpy())


class Thieving(Recording):
    """Asks for more, or something else, in the first step that begins with that mask."""

    _extra: Requests = ()

    def _ask(self, segment: int, requests: Sequence[TupleRequest]) -> None:
        honest = tuple(requests)
        if self._extra and os.environ[ATTACK].endswith("instead"):
            return  # the dealer would miss masks
        if self._extra or not (honest and honest[0].kind == "truncation"):
            super()._ask(segment, honest)
            return
        what, when = os.environ[ATTACK].split()
        self._extra = EXTRA[what](honest)
        for each in (honest, self._extra) if when == "after" else (self._extra,):
            super()._ask(segment, each)

    def _read_next(self) -> None:
        if not self._unread:  # nothing honest was asked for
            self.wait_for_the_others()
            raise MpcError("the thief has what it came for")
        segment, request = self._unread[0]
        super()._read_next()
        if any(request is extra for extra in self._extra):
            _, sent = self._arrived[segment].pop()
            self.save("stolen", torch.from_numpy(-np.frombuffer(sent, np.int64)))

    def wait_for_the_others(self) -> None:
        """Let every other party draw its mask, which ends with this party's session."""
        folder = Path(os.environ[FOLDER])
        deadline = time.monotonic() + 15.0
        missing = [folder / f"mask-{rank}.npy" for rank in range(1, int(os.environ[PARTIES]))]
        while time.monotonic() < deadline and not all(path.exists() for path in missing):
            time.sleep(0.02)
        time.sleep(0.2)  # until they are written

    def steal_now(self, opened: list[torch.Tensor]) -> None:
        self.save("opened", opened[0])
        if os.environ[ATTACK].endswith("instead"):
            while self._unread:
                self._read_next()
            raise MpcError("the thief has what it came for")


def run(start: Start) -> None:
    thief = start.rank == 0
    if os.environ.get(UNBOUND):
        mpc.preprocessing.provider.stream_of = unbound  # type: ignore[attr-defined]
    mpc.roles.party.DealerProvider = Thieving if thief else Recording  # type: ignore[attr-defined]
    if thief:
        open_masked = Party.open_masked

        def listening(party: Party, masked: Sequence[torch.Tensor]) -> list[torch.Tensor]:
            opened = open_masked(party, masked)
            if isinstance(party.provider, Thieving):  # and not that of a dry run
                party.provider.steal_now(opened)
            return opened

        Party.open_masked = listening  # type: ignore[assignment]
    mpc.roles.party.run_party(start)


def main() -> NoReturn:
    serve_process("party", run)


if __name__ == "__main__":
    main()
