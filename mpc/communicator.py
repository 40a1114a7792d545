"""CrypTen's communicator on a full mesh of our own links.

The protocols in use ask for `all_reduce`, `gather` and `scatter` on int64 tensors. All
parties run the same program, so in each call every party sends to every other at once: one round.
"""

import threading
from typing import Final

import numpy as np
import torch

from mpc._crypten import BXOR
from mpc.fixedpoint import Int64Array
from mpc.transport import MASKED, Link

_SMALL_BYTES: Final = 1 << 16
"""Frames up to this size fit the kernel's buffers, so both ends may send before receiving."""


class MeshCommunicator:
    """Exchange of ring elements between P computing parties.

    Parameters
    ----------
    rank : int
        This party, 0 .. P - 1.
    peers : dict of int to Link
        A link to every other party.
    """

    def __init__(self, rank: int, peers: dict[int, Link]) -> None:
        self.rank = rank
        self.peers = peers
        self.rounds = 0

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
        """Combine everybody's tensor by sum or xor; one round, also for a batch of tensors."""
        if isinstance(value, torch.Tensor):
            return self._combine(value, op)
        flat = torch.cat([tensor.reshape(-1) for tensor in value])
        parts = torch.split(self._combine(flat, op), [tensor.numel() for tensor in value])
        return [part.reshape(tensor.shape) for part, tensor in zip(parts, value, strict=True)]

    def gather(self, value: torch.Tensor, dst: int) -> list[torch.Tensor] | None:
        """Collect everybody's tensor at party `dst`; one round."""
        self.rounds += 1
        if self.rank != dst:
            self.peers[dst].send_ring(MASKED, value.numpy())
            return None
        shape = tuple(value.shape)
        return [
            value if rank == dst else torch.from_numpy(self.peers[rank].recv_ring(MASKED, shape))
            for rank in range(self.get_world_size())
        ]

    def scatter(
        self, values: list[torch.Tensor], src: int, size: torch.Size | None = None
    ) -> torch.Tensor:
        """Hand each party its tensor from party `src`; used by CrypTen's first-party provider."""
        self.rounds += 1
        if self.rank != src:
            shape = tuple(size if size is not None else values[self.rank].shape)
            return torch.from_numpy(self.peers[src].recv_ring(MASKED, shape))
        for rank, link in self.peers.items():
            link.send_ring(MASKED, values[rank].numpy())
        return values[src]

    def _combine(self, tensor: torch.Tensor, op: object) -> torch.Tensor:
        total = tensor.clone()
        for other in self._exchange(tensor.contiguous().numpy()):
            total = _apply(total, torch.from_numpy(other), op)
        return total

    def _exchange(self, mine: Int64Array) -> list[Int64Array]:
        """Send `mine` to every other party and receive theirs, of the same shape."""
        self.rounds += 1
        links = list(self.peers.values())
        if mine.nbytes <= _SMALL_BYTES:
            for link in links:
                link.send_ring(MASKED, mine)
            return [link.recv_ring(MASKED, mine.shape) for link in links]
        sender = _Sender(links, mine)
        received = [link.recv_ring(MASKED, mine.shape) for link in links]
        sender.finish()
        return received


class _Sender(threading.Thread):
    """Sends while the main thread receives: two ends that both send first would block."""

    def __init__(self, links: list[Link], array: Int64Array) -> None:
        super().__init__(daemon=True)
        self._links = links
        self._array = np.ascontiguousarray(array)
        self._error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            for link in self._links:
                link.send_ring(MASKED, self._array)
        except Exception as error:  # handed to the caller by finish()
            self._error = error

    def finish(self) -> None:
        """Wait for the sends; every one of them ends at its link's time-out."""
        self.join()
        if self._error is not None:
            raise self._error


def _apply(total: torch.Tensor, other: torch.Tensor, op: object) -> torch.Tensor:
    return total.bitwise_xor_(other) if op == BXOR else total.add_(other)
