"""A computing party that holds all it draws against its schedule: `python -m` this.

The provider itself looks at what the dealer sends. What the dealer only notes, and what others than
party 0 draw, nobody would miss until a result is wrong. The environment can make a party forget a
tuple of its schedule, so that a test can see that it is missed.
"""

import os
import sys
from collections.abc import Sequence
from typing import Any, Final, NoReturn

import torch

import mpc.roles.party
from mpc.engine.correlations import SignKeys
from mpc.net.frames import TupleKind
from mpc.preprocessing.fss_keys import sign_requests
from mpc.preprocessing.provider import DealerProvider
from mpc.preprocessing.requests import TupleRequest
from mpc.preprocessing.schedule import Schedule
from mpc.roles.bootstrap import Start, serve_process

FORGET: Final = "SCHEDULE_FORGETS"
"""Name of a step whose first tuple is not expected."""


def _end_with(words: str) -> NoReturn:
    """End at once, so that nobody else ends before for want of this one."""
    sys.stderr.write(f"{words}\n")
    sys.stderr.flush()
    os._exit(70)


class Checking(DealerProvider):
    """Compares every use with the next tuple of the step, by kind, shapes, names and formula."""

    _left: list[TupleRequest] = []
    _now = ""

    def expect(self, job: int, schedule: Schedule) -> None:
        self._expected = schedule
        super().expect(job, schedule)

    def begin(self, job: int, step: str) -> None:
        last = self._now.startswith("iteration") and not step.startswith("iteration")
        if not last:  # the one that finds that nothing has changed ends in the middle
            self._check_all_used()
        self._left, self._now = list(self._expected.tuples_of(step)), step
        if os.environ.get(FORGET) == step:
            del self._left[0]
        super().begin(job, step)

    def finish(self) -> Any:
        self._check_all_used()
        self._now = ""
        return super().finish()

    def _check_all_used(self) -> None:
        if self._left:
            _end_with(f"{self._now} left {self._left} unused")

    def _check(self, request: TupleRequest) -> None:
        planned = self._left.pop(0) if self._left else None
        if planned != request:
            _end_with(f"{self._now} drew {request} where {planned} was planned")

    def _note(self, request: TupleRequest) -> None:
        self._check(request)

    def _last_part(self, request: TupleRequest) -> torch.Tensor:
        self._check(request)
        return super()._last_part(request)

    def _expanded(self, size: Sequence[int], bit_length: int) -> torch.Tensor:
        self._check(TupleRequest("point", (tuple(size),), bit_length))
        return super()._expanded(size, bit_length)

    def _sign_keys(
        self, kind: TupleKind, count: int, num_bits: int, blocks: tuple[int, ...]
    ) -> SignKeys:
        for request in sign_requests(kind, count, num_bits, blocks):
            self._check(request)
        return super()._sign_keys(kind, count, num_bits, blocks)


def run(start: Start) -> None:
    mpc.roles.party.DealerProvider = Checking  # type: ignore[attr-defined]
    mpc.roles.party.run_party(start)


def main() -> NoReturn:
    serve_process("party", run)


if __name__ == "__main__":
    main()
