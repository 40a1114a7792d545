"""The dealer: correlated randomness from seeds, in a process of its own that never gets a share.

Each party and the dealer share one AES stream. A party expands its own parts of every tuple from
it; the dealer expands everybody's, computes what the last part must be, and sends that correction
to party 0. It learns shapes and the number of operations only. It must not collude with a party.

Kinds of tuples (all additive shares mod 2^64 unless said otherwise):

========== =========================== =====================================================
triple     a, b, c = a * b or a @ b    one product
square     r, r^2                      one square
binary     a, b, c = a & b (xor)       one AND
wraps      r, wraps of its shares      CrypTen's truncation with three or more parties
bit        r in {0, 1}, both ways      xor share to additive share
truncation r, r >> m, top bit of r     exact truncation, see `mpc.compare.truncate`
========== =========================== =====================================================
"""

import json
import sys
from collections.abc import Sequence
from typing import Literal

import torch

from mpc.child import Bootstrap, serve_process
from mpc.errors import FrameError, PeerClosedError
from mpc.randomness import AesCtrStream, new_key
from mpc.transport import CORRECTION, DEALER_KEY, REQUEST, Link, accept

TupleKind = Literal["mul", "matmul", "square", "binary", "wraps", "bit", "truncation"]
Shape = tuple[int, ...]


class Expander:
    """The dealer's view of all parties' streams.

    Parameters
    ----------
    streams : sequence of AesCtrStream
        One a party, in rank order, in step with the party's own copy.
    """

    def __init__(self, streams: Sequence[AesCtrStream]) -> None:
        self._streams = streams

    def correction(self, kind: TupleKind, shapes: Sequence[Shape], shift: int) -> torch.Tensor:
        """Return party 0's last part of the next tuple.

        Parameters
        ----------
        kind : TupleKind
        shapes : sequence of shapes
            Of both factors for products, else of the one tensor.
        shift : int
            Bits cut off by a truncation; 0 for other kinds.

        Returns
        -------
        Tensor of int64
            Shape of the product; (2, ...) for a truncation.
        """
        if kind in ("mul", "matmul"):
            a, b = self._sum(shapes[0]), self._sum(shapes[1])
            c = torch.matmul(a, b) if kind == "matmul" else a * b
            return c - self._sum(c.shape, skip_first=True)
        if kind == "square":
            r = self._sum(shapes[0])
            return r * r - self._sum(shapes[0], skip_first=True)
        if kind == "binary":
            a, b = self._xor(shapes[0]), self._xor(shapes[1])
            c = a & b
            return c ^ self._xor(c.shape, skip_first=True)
        if kind == "wraps":
            parts = [torch.from_numpy(stream.ring(shapes[0])) for stream in self._streams]
            return _count_wraps(parts) - self._sum(shapes[0], skip_first=True)
        if kind == "bit":
            r = self._xor(shapes[0], bit_length=1)
            return r - self._sum(shapes[0], skip_first=True)
        return self._truncation(shapes[0], shift)

    def _truncation(self, shape: Shape, shift: int) -> torch.Tensor:
        pair = torch.stack(truncation_pair(self._sum(shape), shift))
        return pair - self._sum(pair.shape, skip_first=True)

    def _sum(self, shape: Sequence[int], *, skip_first: bool = False) -> torch.Tensor:
        total = torch.zeros(tuple(shape), dtype=torch.int64)
        for stream in self._streams[skip_first:]:
            total += torch.from_numpy(stream.ring(shape))
        return total

    def _xor(
        self, shape: Sequence[int], *, skip_first: bool = False, bit_length: int = 64
    ) -> torch.Tensor:
        total = torch.zeros(tuple(shape), dtype=torch.int64)
        for stream in self._streams[skip_first:]:
            drawn = stream.ring(shape) if bit_length == 64 else stream.bits(shape, bit_length)
            total ^= torch.from_numpy(drawn)
        return total


def truncation_pair(r: torch.Tensor, shift: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return r >> shift as a logical shift, and r's top bit; the shift is 1..63."""
    # int64 shifts arithmetically, so the copies of the sign are masked away.
    return (r >> shift) & ((1 << (64 - shift)) - 1), (r >> 63) & 1


def _count_wraps(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    """Count how often the signed sum of the parts wraps around, with sign."""
    total, wraps = torch.zeros_like(parts[0]), torch.zeros_like(parts[0])
    for part in parts:
        new = total + part
        wraps += ((total > 0) & (part > 0) & (new < 0)).long()
        wraps -= ((total < 0) & (part < 0) & (new >= 0)).long()
        total = new
    return wraps


def serve(links: dict[str, Link]) -> None:
    """Hand every party its key, then answer party 0's requests until it hangs up."""
    ranks = sorted(links, key=lambda role: int(role.split(":")[1]))
    keys = [new_key() for _ in ranks]
    for role, key in zip(ranks, keys, strict=True):
        links[role].send(DEALER_KEY, key)
    expander = Expander([AesCtrStream(key) for key in keys])
    client = links["party:0"]
    while True:
        client.wait_readable()
        try:
            request = json.loads(client.recv(REQUEST))
        except PeerClosedError:
            return
        try:
            shapes = [tuple(shape) for shape in request["shapes"]]
            correction = expander.correction(request["kind"], shapes, request["shift"])
        except (KeyError, TypeError, RuntimeError) as error:
            raise FrameError(f"dealer cannot serve a request of party:0: {error}") from error
        client.send_ring(CORRECTION, correction.numpy())


def main() -> None:
    """Run the dealer's process; see `mpc.launch`."""

    def body(start: Bootstrap) -> None:
        torch.set_num_threads(1)
        roles = [f"party:{rank}" for rank in range(start.num_parties)]
        links = accept(
            start.listener,
            me="dealer",
            token=start.token,
            expected=roles,
            timeout_s=start.timeout_s,
        )
        serve(links)

    sys.exit(serve_process("dealer", body))


if __name__ == "__main__":
    main()
