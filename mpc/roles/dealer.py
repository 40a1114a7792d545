"""The dealer: correlated randomness from seeds, in a process of its own that never gets a share.

Each party and the dealer share one key, from which the key of every segment's stream is derived
(`mpc.preprocessing.segments`). A party expands its own parts of every tuple from that; the dealer
expands everybody's, computes what the last part must be, and sends that correction to party 0,
which asks for it ahead of need. The dealer learns shapes and the number of operations only. It must
not collude with a party. A segment is dealt once, and only if its tuples are such as a job may need
(`mpc.preprocessing.request_rules`): whatever else party 0 asks for ends the session.

Kinds of tuples (all additive shares mod 2^64 unless said otherwise):

========== =========================== =====================================================
mul        a, b, c = a * b             one elementwise product
matmul     a, b, c = a @ b             one matrix product
square     r, r^2                      one square
binary     a, b, c = a & b (xor)       one AND
wraps      r, wraps of its shares      CrypTen's truncation with three or more parties
bit        r in {0, 1}, both ways      xor share to additive share
truncation r, r >> m, top bit of r     two limbs of a number, see `mpc.protocols.division`
lookup     r, one-hot row of r mod 2^d look-up in a public table, see `mpc.protocols.lookup`
point      r, keys for the same row    the same for two parties, where keys are shorter
sign       r, keys for [z - r < 0]     comparison in one round, two parties only, see `mpc.fss`;
                                       or r, keys for all pairs of [(z - r)_i < (z - r)_j]
digits     truth tables for [z - a <   comparison in two rounds of what a mask a hides, or of all
           0], products of flips       pairs inside groups; see `mpc.gates.lut_comparison`
mask       a                           one opening, reused by products; see `mpc.engine.openings`
product    f(a, b) of two such masks   any bilinear map of what they mask, no further opening
========== =========================== =====================================================

Masks are noted under names, until the next job or another mask of the name. A named truncation
notes r, its shifted part and its top bit as `name`, `name shifted` and `name top`. `rename` moves
a mask to another name.
"""

import contextlib
import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final, NoReturn

import numpy as np

from mpc.errors import FrameError, PeerClosedError, TransportError
from mpc.fss import generate_point, generate_sign
from mpc.gates import lut_comparison
from mpc.net.frames import (
    CORRECTIONS,
    DEALER_KEY,
    DEALER_REPORT,
    DIGIT_KINDS,
    FAILED,
    REQUEST,
    SIGN_KINDS,
    Chain,
)
from mpc.net.handshake import Reception
from mpc.net.link import MAX_CONTROL_BYTES, Link, raw_view
from mpc.net.link_meter import LinkMeter
from mpc.preprocessing.request_rules import check_requests
from mpc.preprocessing.requests import (
    TupleRequest,
    integer,
    job_of,
    matmul_shape,
    place_of,
    requests_of,
)
from mpc.preprocessing.segments import DealtOnce, digest_of, stream_of
from mpc.ring.bilinear import Formula, bilinear
from mpc.ring.fixedpoint import Int64Array
from mpc.ring.randomness import AesCtrStream, new_key
from mpc.roles.bootstrap import Start, serve_process

Masks = dict[str, Int64Array]
"""By name: masks that the dealer has noted, the sum of all parties' parts."""

_SMALL_PRODUCT: Final = 1 << 24
"""Multiplications up to which NumPy's integer product (1 ns each) beats loading torch (2 s)."""


class Expander:
    """The dealer's view of all parties' streams, in one segment.

    Parameters
    ----------
    streams : sequence of AesCtrStream
        One a party, in rank order, in step with the party's own copy.
    masks : dict of str to ndarray of int64, optional
        Noted earlier in the job; what is noted now is added.
    """

    def __init__(self, streams: Sequence[AesCtrStream], masks: Masks | None = None) -> None:
        self._streams = streams
        self._masks: Masks = {} if masks is None else masks

    def note(self, request: TupleRequest) -> None:
        """Do what a request without an answer asks: note a mask, or move one to another name."""
        name = request.names[0]
        if request.kind == "mask":
            self._masks[name] = self._sum(request.shapes[0])
        else:
            self._masks[request.names[1]] = self._noted(name)
            del self._masks[name]

    def _noted(self, name: str) -> Int64Array:
        if name not in self._masks:
            raise ValueError(f"no mask {name!r} was noted")
        return self._masks[name]

    def correction(self, request: TupleRequest) -> Int64Array:
        """Return party 0's last part of the next tuple, of `request.out_shape`."""
        shapes, kind = request.shapes, request.kind
        if kind in ("mul", "matmul"):
            a, b = self._sum(shapes[0]), self._sum(shapes[1])
            c = ring_matmul(a, b) if kind == "matmul" else a * b
            return c - self._sum(c.shape, skip_first=True)
        if kind == "binary":
            a, b = self._xor(shapes[0]), self._xor(shapes[1])
            c = a & b
            return c ^ self._xor(c.shape, skip_first=True)
        if kind == "product":
            c = self._product(request)
            return c - self._sum(c.shape, skip_first=True)
        if kind in DIGIT_KINDS:
            return self._digits(request)
        return self._unary(request) - self._sum(request.out_shape, skip_first=True)

    def _digits(self, request: TupleRequest) -> Int64Array:
        """Return party 0's tables and products, flat."""
        masks = request.compared(self._noted(request.names[0])).view(np.uint64)
        if len(masks) != request.num_signs:
            raise ValueError(f"mask {request.names[0]!r} has not so many rows")
        plan, count = request.plan, len(masks)
        flips = plan.flips(self._xor((plan.flips_size(count),)), count)
        others = [stream.ring(request.out_shape) for stream in self._streams[1:]]
        return lut_comparison.fitting(plan, lut_comparison.make(plan, masks, flips), others).view(
            np.int64
        )

    def _product(self, request: TupleRequest) -> Int64Array:
        shapes = zip(request.names, request.shapes, strict=True)
        a, b = (self._noted(name).reshape(shape) for name, shape in shapes)
        if not request.out_shape:
            raise ValueError(f"no such formula {request.formula!r}")
        formula: Formula = request.formula  # type: ignore[assignment]
        product: Int64Array = bilinear(formula, a, b, ring_matmul)
        return product

    def sign_keys(self, request: TupleRequest) -> memoryview:
        """Return the correction words of signs, the same for both parties."""
        self._check_two()
        numbers = request.compared(self._sum(request.shapes[0])).view(np.uint64)
        seeds_0, seeds_1 = (stream.ring((len(numbers), 2)) for stream in self._streams)
        words = generate_sign(
            numbers,
            seeds_0,
            seeds_1,
            num_bits=request.bits,
            ring_bits=SIGN_KINDS[request.kind],
        )
        return words.flat.data

    def point_keys(self, request: TupleRequest) -> memoryview:
        """Return the correction words of point functions, the same for both parties."""
        self._check_two()
        points = self._sum(request.shapes[0]).reshape(-1) & ((1 << request.bits) - 1)
        seeds_0, seeds_1 = (stream.ring((len(points), 2)) for stream in self._streams)
        words = generate_point(points.view(np.uint64), seeds_0, seeds_1, num_bits=request.bits)
        return words.flat.data

    def _check_two(self) -> None:
        if len(self._streams) != 2:
            raise FrameError(f"keys are for 2 parties, not {len(self._streams)}")

    def _unary(self, request: TupleRequest) -> Int64Array:
        """Draw r and return what of it is to be shared."""
        shape = request.shapes[0]
        if request.kind == "square":
            r = self._sum(shape)
            return r * r
        if request.kind == "wraps":
            return count_wraps([stream.ring(shape) for stream in self._streams])
        if request.kind == "bit":
            return self._xor(shape, bit_length=1)
        if request.kind == "lookup":
            return one_hot_rows(self._sum(shape), request.bits)
        r = self._sum(shape)
        if request.kind == "division":
            return np.stack(division_pair(r, request.bits))
        shifted, top = truncation_pair(r, request.bits)
        for name in request.names:
            self._masks |= {name: r, f"{name} shifted": shifted, f"{name} top": top}
        return np.stack([shifted, top])

    def _sum(self, shape: Sequence[int], *, skip_first: bool = False) -> Int64Array:
        total = np.zeros(tuple(shape), dtype=np.int64)
        for stream in self._streams[skip_first:]:
            total += stream.ring(shape)
        return total

    def _xor(
        self, shape: Sequence[int], *, skip_first: bool = False, bit_length: int = 64
    ) -> Int64Array:
        total = np.zeros(tuple(shape), dtype=np.int64)
        for stream in self._streams[skip_first:]:
            total ^= stream.ring(shape) if bit_length == 64 else stream.bits(shape, bit_length)
        return total


def ring_matmul(a: Int64Array, b: Int64Array) -> Int64Array:
    """Multiply matrices mod 2^64; torch is loaded when the product is large enough to pay."""
    if math.prod(matmul_shape(a.shape, b.shape)) * a.shape[-1] <= _SMALL_PRODUCT:
        small: Int64Array = np.matmul(a, b)
        return small
    import torch  # seconds to load: most dealers never need it

    torch.set_num_threads(1)
    product: Int64Array = torch.matmul(torch.from_numpy(a), torch.from_numpy(b)).numpy()
    return product


def truncation_pair(r: Int64Array, shift: int) -> tuple[Int64Array, Int64Array]:
    """Return r >> shift as a logical shift, and r's top bit; the shift is 1..63."""
    # int64 shifts arithmetically, so the copies of the sign are masked away.
    return (r >> shift) & np.int64((1 << (64 - shift)) - 1), (r >> 63) & 1


def division_pair(r: Int64Array, divisor: int) -> tuple[Int64Array, Int64Array]:
    """Return r over a divisor, rounded down, and r's top bit; r is taken without a sign."""
    return (r.view(np.uint64) // np.uint64(divisor)).view(np.int64), (r >> 63) & 1


def one_hot_rows(r: Int64Array, bit_length: int) -> Int64Array:
    """Return rows of length 2^bit_length with a 1 at r mod 2^bit_length; r is of any shape."""
    size = 1 << bit_length
    rows: Int64Array = ((r & (size - 1))[..., None] == np.arange(size)).astype(np.int64)
    return rows


def count_wraps(parts: Sequence[Int64Array]) -> Int64Array:
    """Count how often the signed sum of the parts wraps around, with sign."""
    total, wraps = np.zeros_like(parts[0]), np.zeros_like(parts[0])
    for part in parts:
        new = total + part
        wraps += (total > 0) & (part > 0) & (new < 0)
        wraps -= ((total < 0) & (part < 0) & (new >= 0)).astype(np.int64)
        total = new
    return wraps


class Dealer:
    """Serves party 0's requests with everybody's keys.

    Parameters
    ----------
    links : sequence of Link
        To each party, in rank order.

    Notes
    -----
    Cost: a key to each party; then one request a segment and 8 bytes an element of each tuple's
    last part, to party 0. Leakage: the dealer sees kinds and shapes of tuples.
    """

    def __init__(self, links: Sequence[Link]) -> None:
        self._client = links[0]
        self._links = links
        self._meter = LinkMeter(role="dealer", phase="offline")
        self._keys = [new_key() for _ in links]
        self._sent = dict.fromkeys(links, 0)
        self._seconds = 0.0
        self._job = 0
        self._dealt = DealtOnce()
        self._masks: Masks = {}
        for link, key in zip(links, self._keys, strict=True):
            link.send(DEALER_KEY, key)
            link.start_counting()

    def serve(self) -> None:
        """Answer until party 0 hangs up; who asks for what is not dealt ends the session.

        Raises
        ------
        FrameError
            Names party 0, and what it asked for; every party is told.
        """
        try:
            self._serve()
        except FrameError as error:
            for link in self._links:
                with contextlib.suppress(TransportError):  # it may be gone
                    link.say_last(FAILED, str(error).encode())
            raise

    def _serve(self) -> None:
        while True:
            self._client.readable_within(None)
            try:
                header, payload = self._client.recv_any(max_bytes=MAX_CONTROL_BYTES)
            except PeerClosedError:
                return
            if header.tag == DEALER_REPORT:
                self._report()
                continue
            self._client.check(header, REQUEST, header.number, header.length)
            self._deal(_segment_in(payload))

    def _deal(self, wanted: tuple[int, list[TupleRequest]]) -> None:
        segment, requests = wanted
        self._dealt.enter(segment)
        if job_of(segment) != self._job:
            self._job, self._masks = job_of(segment), {}
        noted = {name: mask.shape for name, mask in self._masks.items()}
        check_requests(requests, noted, len(self._links))
        digest = digest_of(requests)
        streams = [stream_of(key, segment, digest) for key in self._keys]
        expander = Expander(streams, self._masks)
        for request in requests:
            started = time.perf_counter()
            try:
                payload, links = self._made(expander, request)
            except (ValueError, IndexError) as error:
                raise FrameError(f"dealer cannot serve a request of party:0: {error}") from None
            self._seconds += time.perf_counter() - started
            for link in links:
                self._sent[link] += 1
                link.send(CORRECTIONS[request.kind], payload, number=self._sent[link])

    def _made(self, expander: Expander, request: TupleRequest) -> tuple[memoryview, Sequence[Link]]:
        """Return what is to be sent, and to whom."""
        if not request.is_sent:
            expander.note(request)
            return memoryview(b""), ()
        if request.kind in SIGN_KINDS:
            return expander.sign_keys(request), self._links
        if request.kind == "point":
            return expander.point_keys(request), self._links
        return raw_view(expander.correction(request)), self._links[:1]

    def _report(self) -> None:
        seconds, self._seconds = self._seconds, 0.0
        role, operations = self._meter.since_last(self._links, seconds)
        report = {"role": asdict(role), "operations": [asdict(entry) for entry in operations]}
        self._client.send_json(DEALER_REPORT, report)


def _segment_in(payload: bytearray) -> tuple[int, list[TupleRequest]]:
    try:
        request = json.loads(payload)
        segment = integer(request["segment"])
        place_of(segment)
        return segment, requests_of(request["tuples"])
    except (ValueError, KeyError, TypeError, RecursionError, FrameError) as error:
        raise FrameError(f"dealer got a malformed request of party:0: {error}") from None


def serve(start: Start) -> None:
    """Let every party in, then deal until party 0 hangs up."""
    roles = [f"party:{rank}" for rank in range(start.num_parties)]
    chain = Chain()
    reception = Reception(
        start.listener,
        me=start.identity,
        admits=lambda role: role in roles,
        timeout_s=start.job_timeout_s,  # party 0 may be waiting for data owners
        chain_of=lambda role: chain,
    )
    try:
        links = reception.wait_for(roles, timeout_s=start.start_timeout_s)
        Dealer([links[role] for role in roles]).serve()
    finally:
        reception.close()


def main() -> NoReturn:
    """Run the dealer's process; see `mpc.session.local_group`."""
    serve_process("dealer", serve)


if __name__ == "__main__":
    main()
