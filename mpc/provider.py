"""A party's side of the dealer, in the shape of CrypTen's provider of correlated randomness.

Every party draws its own parts from the AES stream it shares with the dealer; only party 0 asks
the dealer, and gets the one correction that makes the parts fit. Others send and get nothing.
"""

import json
import time
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch

from mpc._crypten import ArithmeticSharedTensor, BinarySharedTensor, TrustedFirstParty
from mpc.communicator import MeshCommunicator
from mpc.dealer import Shape, TupleKind, truncation_pair
from mpc.randomness import KEY_BYTES, AesCtrStream
from mpc.transport import CORRECTION, DEALER_KEY, REQUEST, Link

Triple = tuple[Any, Any, Any]
Pair = tuple[Any, Any]


class TruncationSource(Protocol):
    """What `mpc.compare.truncate` needs beyond CrypTen's own provider."""

    def truncation(self, size: Sequence[int], shift: int) -> tuple[Any, Any, Any]:
        """Return shares of a uniform r, of r >> shift (logical) and of r's top bit."""
        ...


class DealerProvider:
    """Correlated randomness from a dealer in another process.

    Parameters
    ----------
    rank : int
        This party.
    link : Link
        To the dealer, whose first frame is this party's key.

    Notes
    -----
    Cost: one request and one reply between party 0 and the dealer a tuple, 8 bytes an element of
    the product. Leakage: the dealer learns shapes and the number of operations.
    """

    def __init__(self, rank: int, link: Link) -> None:
        self._rank = rank
        self._link = link
        self._stream = AesCtrStream(bytes(link.recv(DEALER_KEY, num_bytes=KEY_BYTES)))
        self.rounds = 0
        self.seconds = 0.0
        """Time spent waiting for the dealer."""

    def generate_additive_triple(
        self, size0: Sequence[int], size1: Sequence[int], op: TupleKind, device: object = None
    ) -> Triple:
        """Return shares of a, b and a op b, for op `mul` (broadcasting) or `matmul`."""
        if op not in ("mul", "matmul"):
            raise NotImplementedError(f"the dealer has no triples for {op!r}")
        a, b = self._draw(size0), self._draw(size1)
        c = self._last_part(op, [size0, size1], _product_shape(op, size0, size1))
        return _arithmetic(a), _arithmetic(b), _arithmetic(c)

    def square(self, size: Sequence[int], device: object = None) -> Pair:
        """Return shares of r and r^2."""
        r = self._draw(size)
        return _arithmetic(r), _arithmetic(self._last_part("square", [size], size))

    def generate_binary_triple(
        self, size0: Sequence[int], size1: Sequence[int], device: object = None
    ) -> Triple:
        """Return xor shares of a, b and a & b."""
        a, b = self._draw(size0), self._draw(size1)
        c = self._last_part(
            "binary", [size0, size1], np.broadcast_shapes(tuple(size0), tuple(size1))
        )
        return tuple(BinarySharedTensor.from_shares(part) for part in (a, b, c))

    def wrap_rng(self, size: Sequence[int], device: object = None) -> Pair:
        """Return shares of r and of the number of wraps in the sum of its shares."""
        r = self._draw(size)
        return _arithmetic(r), _arithmetic(self._last_part("wraps", [size], size))

    def B2A_rng(self, size: Sequence[int], device: object = None) -> Pair:  # noqa: N802
        """Return additive and xor shares of one random bit an element."""
        r_xor = torch.from_numpy(self._stream.bits(size, 1))
        r_add = self._last_part("bit", [size], size)
        return _arithmetic(r_add), BinarySharedTensor.from_shares(r_xor)

    def truncation(self, size: Sequence[int], shift: int) -> Triple:
        """Return shares of a uniform r, of r >> shift (logical) and of r's top bit."""
        r = self._draw(size)
        shifted, top = self._last_part("truncation", [size], (2, *size), shift=shift)
        return _arithmetic(r), _arithmetic(shifted), _arithmetic(top)

    def _draw(self, size: Sequence[int]) -> torch.Tensor:
        return torch.from_numpy(self._stream.ring(size))

    def _last_part(
        self, kind: TupleKind, sizes: Sequence[Sequence[int]], out: Sequence[int], shift: int = 0
    ) -> torch.Tensor:
        if self._rank != 0:
            return self._draw(out)
        started = time.perf_counter()
        request = {"kind": kind, "shapes": [tuple(size) for size in sizes], "shift": shift}
        self._link.send(REQUEST, json.dumps(request).encode())
        correction = self._link.recv_ring(CORRECTION, tuple(out))
        self.seconds += time.perf_counter() - started
        self.rounds += 1
        return torch.from_numpy(correction)


class FirstPartyProvider(TrustedFirstParty):  # type: ignore[misc]
    """CrypTen's TFP: party 0 draws every tuple and could unmask everything. For debugging only."""

    def __init__(self, communicator: MeshCommunicator, local: AesCtrStream) -> None:
        super().__init__()
        self._communicator = communicator
        self._local = local
        self.rounds = 0
        self.seconds = 0.0

    def truncation(self, size: Sequence[int], shift: int) -> Triple:
        """Return shares of a uniform r, of r >> shift (logical) and of r's top bit."""
        shape = torch.Size((3, *size))
        parts = None
        if self._communicator.rank == 0:
            r = torch.from_numpy(self._local.ring(size))
            whole = torch.stack([r, *truncation_pair(r, shift)])
            others = [
                torch.from_numpy(self._local.ring(shape))
                for _ in range(len(self._communicator.peers))
            ]
            parts = [whole - sum(others), *others]
        mine = self._communicator.scatter(parts or [], 0, shape)
        return tuple(_arithmetic(part) for part in mine)


def _arithmetic(share: torch.Tensor) -> Any:
    return ArithmeticSharedTensor.from_shares(share.clone(), precision=0)


def _product_shape(op: str, size0: Sequence[int], size1: Sequence[int]) -> Shape:
    if op == "mul":
        return np.broadcast_shapes(tuple(size0), tuple(size1))
    meta = torch.matmul(torch.empty(size0, device="meta"), torch.empty(size1, device="meta"))
    return tuple(meta.shape)
