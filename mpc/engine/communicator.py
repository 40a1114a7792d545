"""CrypTen's communicator on a full mesh of links.

The protocols use `all_reduce`, `gather` and `scatter` on int64 tensors. All parties run the same
program, so every party sends to all others at the same time in each call, which is one round.
"""

from collections.abc import Sequence
from typing import Final

import torch

from mpc.engine._crypten import BXOR
from mpc.net.exchange import exchange
from mpc.net.frames import GATHERED, MASKED_SUM, MASKED_XOR, SCATTERED, RoundClock
from mpc.net.link import Link

SPIN_S: Final = 100e-6
"""How long a party polls before it sleeps: about one round between two cores of one machine."""


class MeshCommunicator:
    """Exchange of ring elements between P computing parties.

    Parameters
    ----------
    rank : int
        This party, 0 .. P - 1.
    peers : dict of int to Link
        A link to every other party; all of them record depths in `clock`.
    clock : RoundClock
        Clock of the messages between parties.
    """

    def __init__(self, rank: int, peers: dict[int, Link], clock: RoundClock) -> None:
        self.rank = rank
        self.peers = peers
        self._links = list(peers.values())
        self._clock = clock
        self._calls = 0
        for link in self._links:
            link.set_spin(SPIN_S)

    @property
    def rounds(self) -> int:
        """The longest chain of dependent messages since `begin` that this party knows of."""
        return self._clock.depth

    def begin(self) -> None:
        """Start counting rounds."""
        self._clock.depth = 0

    def get_rank(self) -> int:
        """Return this party's number."""
        return self.rank

    def get_world_size(self) -> int:
        """Return the number of computing parties P."""
        return len(self.peers) + 1

    def all_reduce(
        self,
        value: torch.Tensor | list[torch.Tensor],
        op: object = None,
        batched: bool = False,
    ) -> torch.Tensor | list[torch.Tensor]:
        """Combine all parties' tensors by sum or xor; one round, also for a batch of tensors."""
        if isinstance(value, torch.Tensor):
            return self._combine(value, op)
        return self._combine_all(value, op)

    def add_up(self, parts: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Return the sums of all parties' tensors; one round for the whole batch."""
        return self._combine_all(parts, None)

    def xor_up(self, part: torch.Tensor) -> torch.Tensor:
        """Return the xor of all parties' tensors; one round."""
        return self._combine(part, BXOR)

    def _combine_all(self, parts: Sequence[torch.Tensor], op: object) -> list[torch.Tensor]:
        flat = torch.cat([tensor.reshape(-1) for tensor in parts])
        whole = torch.split(self._combine(flat, op), [tensor.numel() for tensor in parts])
        return [of.reshape(tensor.shape) for of, tensor in zip(whole, parts, strict=True)]

    def gather(self, value: torch.Tensor, dst: int) -> list[torch.Tensor] | None:
        """Collect all parties' tensors at party `dst`; one round."""
        number = self._next_call()
        if self.rank != dst:
            self.peers[dst].send_ring(GATHERED, value.numpy(), number=number)
            return None
        shape = tuple(value.shape)
        return [
            value if rank == dst else self._receive(rank, GATHERED, shape, number)
            for rank in range(self.get_world_size())
        ]

    def scatter(
        self, values: list[torch.Tensor], src: int, size: torch.Size | None = None
    ) -> torch.Tensor:
        """Send each party its tensor from party `src`; used by CrypTen's first-party provider."""
        number = self._next_call()
        if self.rank != src:
            shape = tuple(size if size is not None else values[self.rank].shape)
            return self._receive(src, SCATTERED, shape, number)
        for rank, link in self.peers.items():
            link.send_ring(SCATTERED, values[rank].numpy(), number=number)
        return values[src]

    def _receive(self, rank: int, tag: bytes, shape: tuple[int, ...], number: int) -> torch.Tensor:
        return torch.from_numpy(self.peers[rank].recv_ring(tag, shape, number=number))

    def _combine(self, tensor: torch.Tensor, op: object) -> torch.Tensor:
        tag, merge = (MASKED_XOR, torch.bitwise_xor) if op == BXOR else (MASKED_SUM, torch.add)
        mine = tensor.contiguous().numpy()
        for other in exchange(self._links, tag, mine, number=self._next_call()):
            tensor = merge(tensor, torch.from_numpy(other))
        return tensor

    def _next_call(self) -> int:
        self._calls += 1
        return self._calls
