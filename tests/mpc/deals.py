"""A dealer and the providers of several parties, joined in this process."""

import contextlib
import socket
from collections.abc import Callable, Sequence

import torch

from mpc.engine.correlations import Share
from mpc.errors import PeerClosedError
from mpc.net.frames import REQUEST, RoundClock
from mpc.preprocessing.provider import DealerProvider
from mpc.preprocessing.requests import TupleRequest
from mpc.preprocessing.schedule import Schedule
from mpc.ring.fixedpoint import Int64Array
from mpc.roles.dealer import Dealer
from tests.mpc.ends import concurrently, linked

Parts = list[tuple[Int64Array, ...]]
Use = Callable[[DealerProvider], object]


class Deal:
    """Providers of P parties, who use what the dealer deals them, each in a thread."""

    def __init__(self, stack: contextlib.ExitStack, num_parties: int) -> None:
        self.clock = RoundClock()
        pairs = [
            stack.enter_context(linked("plain", me=f"party:{i}", peer="dealer", timeout_s=5))
            for i in range(num_parties)
        ]
        self.at_dealer = [far for _, far in pairs]
        self.dealer = Dealer(self.at_dealer)
        self.providers = [
            DealerProvider(rank, near, self.clock, num_parties=num_parties)
            for rank, (near, _) in enumerate(pairs)
        ]
        self.at_parties = [near for near, _ in pairs]
        self.first = self.at_parties[0]

    def say_last(self, request: dict[str, object]) -> None:
        """Let party 0 ask for something, and all parties nothing more; they go on listening."""
        self.first.send_json(REQUEST, request)
        for link in self.at_parties:
            link._channel.sock.shutdown(socket.SHUT_WR)

    def parts(self, schedule: Schedule, use: Use) -> list[object]:
        """Let every party use the tuples of step `distances` of job 1, the dealer serving."""

        def begin_and_use(provider: DealerProvider) -> object:
            provider.expect(1, schedule)
            provider.begin(1, "distances")
            return use(provider)

        served, *got = self.run(begin_and_use)
        assert not isinstance(served, Exception), served
        return got

    def run(self, use: Use) -> list[object]:
        """Let every party do something, the dealer serving; return how all of them ended."""

        def party(provider: DealerProvider) -> object:
            try:
                return use(provider)
            finally:
                if provider is self.providers[0]:
                    self.first._channel.sock.shutdown(2)

        return concurrently([self._serve, *(lambda p=p: party(p) for p in self.providers)])

    def _serve(self) -> None:
        with contextlib.suppress(PeerClosedError):
            self.dealer.serve()


def shares(tuple_: Sequence[torch.Tensor | Share]) -> tuple[Int64Array, ...]:
    """Return a party's parts, which are tensors or have one as their share."""
    tensors = (part if isinstance(part, torch.Tensor) else part.share for part in tuple_)
    return tuple(tensor.numpy().copy() for tensor in tensors)


def dealt(num_parties: int, requests: Sequence[TupleRequest], use: Use) -> Parts:
    """Return each party's parts of the tuples that it uses."""
    with contextlib.ExitStack() as stack:
        got = Deal(stack, num_parties).parts(Schedule(once={"distances": tuple(requests)}), use)
    assert not any(isinstance(entry, Exception) for entry in got), got
    return [shares(entry) for entry in got]  # type: ignore[arg-type]


def added(parts: Sequence[Int64Array]) -> Int64Array:
    return sum(parts[1:], start=parts[0].copy())


def xored(parts: Sequence[Int64Array]) -> Int64Array:
    total = parts[0].copy()
    for part in parts[1:]:
        total ^= part
    return total
