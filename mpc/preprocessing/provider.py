"""A party's provider of correlated randomness, with CrypTen's interface.

Every party draws its parts from AES streams that it shares with the dealer, one stream per segment
of a job. The key of a stream depends on all tuples of its segment (`mpc.preprocessing.segments`),
which each party knows from its own dry run. Only party 0 sends requests to the dealer, ahead of
need, and receives the corrections. The other parties send nothing, and receive only keys of
function secret sharing.
"""

import math
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from mpc.engine._crypten import ArithmeticSharedTensor, BinarySharedTensor
from mpc.engine.correlations import Mask, Share, SignKeys, Truncation
from mpc.engine.mask_id import MaskId
from mpc.errors import PartyError
from mpc.fss import CorrectionWords, PointKeys, point_layout
from mpc.gates.comparison_choice import Comparing
from mpc.gates.lut_comparison import Bits, Words
from mpc.jobs.job import Comparisons
from mpc.net.frames import (
    CORRECTIONS,
    DEALER_KEY,
    DEALER_REPORT,
    KEY_KINDS,
    REQUEST,
    RUN_BYTES,
    RoundClock,
    TupleKind,
)
from mpc.net.link import Link
from mpc.preprocessing.fss_keys import (
    DealtSignKeys,
    SignsPart,
    by_points,
    digit_requests,
    sign_requests,
)
from mpc.preprocessing.mask_refs import MaskCounter
from mpc.preprocessing.requests import TupleRequest, segment_of
from mpc.preprocessing.schedule import Schedule
from mpc.preprocessing.segments import stream_of
from mpc.ring.bilinear import Formula
from mpc.ring.randomness import KEY_BYTES, AesCtrStream
from mpc.traffic import OperationTraffic, RoleTraffic


class TupleProvider:
    """Correlated randomness in CrypTen's format; subclasses define its source."""

    def generate_additive_triple(
        self, size0: Sequence[int], size1: Sequence[int], op: TupleKind, device: object = None
    ) -> tuple[Share, Share, Share]:
        """Return shares of a, b and a op b, for op `mul` (broadcasting) or `matmul`."""
        if op not in ("mul", "matmul"):
            raise NotImplementedError(f"the dealer has no triples for {op!r}")
        request = TupleRequest(op, (tuple(size0), tuple(size1)))
        a, b = self._draw(size0), self._draw(size1)
        return _arithmetic(a), _arithmetic(b), _arithmetic(self._last_part(request))

    def square(self, size: Sequence[int], device: object = None) -> tuple[Share, Share]:
        """Return shares of r and r^2."""
        r = self._draw(size)
        return _arithmetic(r), _arithmetic(self._last_part(TupleRequest("square", (tuple(size),))))

    def generate_binary_triple(
        self, size0: Sequence[int], size1: Sequence[int], device: object = None
    ) -> tuple[Share, Share, Share]:
        """Return xor shares of a, b and a & b."""
        request = TupleRequest("binary", (tuple(size0), tuple(size1)))
        parts = self._draw(size0), self._draw(size1), self._last_part(request)
        a, b, c = (_binary(part) for part in parts)
        return a, b, c

    def wrap_rng(self, size: Sequence[int], device: object = None) -> tuple[Share, Share]:
        """Return shares of r and of the number of wraps in the sum of its shares."""
        r = self._draw(size)
        return _arithmetic(r), _arithmetic(self._last_part(TupleRequest("wraps", (tuple(size),))))

    def B2A_rng(self, size: Sequence[int], device: object = None) -> tuple[Share, Share]:  # noqa: N802
        """Return additive and xor shares of one random bit per element."""
        r_xor = self._draw_bits(size)
        r_add = self._last_part(TupleRequest("bit", (tuple(size),)))
        return _arithmetic(r_add), _binary(r_xor)

    def mask(self, size: Sequence[int]) -> Mask:
        """Return a uniform mask that the dealer keeps."""
        self._note(TupleRequest("mask", (tuple(size),)))
        return self._kept(self._draw(size))

    def _kept(self, share: torch.Tensor) -> Mask:
        return Mask(id=self._masks.next(), share=share)

    def product(
        self, formula: Formula, masks: tuple[MaskId, MaskId], shapes: tuple[Sequence[int], ...]
    ) -> torch.Tensor:
        """Return a share of a bilinear map of two masks, taken in these shapes."""
        of = tuple(self._masks.refer(mask) for mask in masks)
        in_shapes = tuple(tuple(shape) for shape in shapes)
        return self._last_part(TupleRequest("product", in_shapes, 0, of, formula))

    def truncation(self, size: Sequence[int], shift: int) -> Truncation:
        """Return a uniform mask, its high part and its top bit; the dealer keeps all three."""
        r = self._draw(size)
        shifted, top = self._last_part(TupleRequest("truncation", (tuple(size),), shift))
        return Truncation(*map(self._kept, (r, shifted, top)))

    def division(
        self, size: Sequence[int], divisor: int
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return shares of a uniform r, of r over a divisor (rounded down) and of r's top bit."""
        r = self._draw(size)
        quotient, top = self._last_part(TupleRequest("division", (tuple(size),), divisor))
        return r, quotient, top

    def lookup(self, size: Sequence[int], bit_length: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return shares of a uniform r and of the one-hot rows of r mod 2^bit_length."""
        r = self._draw(size)
        if by_points(math.prod(size), bit_length, self.has_keys):
            return r, self._expanded(size, bit_length)
        return r, self._last_part(TupleRequest("lookup", (tuple(size),), bit_length))

    def _expanded(self, size: Sequence[int], bit_length: int) -> torch.Tensor:
        """Return one-hot rows, expanded from keys of point functions."""
        count = math.prod(size)
        seeds = self._draw((count, 2)).numpy()
        request = TupleRequest("point", (tuple(size),), bit_length)
        layout = point_layout(count, num_bits=bit_length)
        words = CorrectionWords.from_bytes(layout, self._keys(request))
        rows = PointKeys(party=self._party, seeds=seeds, words=words).expand()
        return torch.from_numpy(rows.view(np.int64).reshape(*size, -1))

    def signs(self, count: int, num_bits: int) -> SignKeys:
        """Return keys for signs of `num_bits`-bit numbers, mod 2^64; two parties only."""
        return self._sign_keys("sign64", count, num_bits, ())

    def pair_signs(self, batch: int, blocks: tuple[int, ...], num_bits: int) -> SignKeys:
        """Return keys for all pairs inside blocks of candidates, mod 256."""
        return self._sign_keys("sign8", batch, num_bits, blocks)

    def digits(
        self,
        kind: TupleKind,
        count: int,
        num_bits: int,
        mask: MaskId,
        blocks: tuple[int, ...] = (),
    ) -> Iterator[tuple[TupleRequest, Bits, Words]]:
        """Yield truth tables for masked numbers, chunk by chunk; each is received on use."""
        for request in digit_requests(kind, count, num_bits, blocks, self._masks.refer(mask)):
            plan, size = request.plan, request.num_signs
            flips = plan.flips(self._draw((plan.flips_size(size),)).numpy(), size)
            yield request, flips, self._last_part(request).numpy().view(np.uint64)

    def _sign_keys(
        self, kind: TupleKind, count: int, num_bits: int, blocks: tuple[int, ...]
    ) -> SignKeys:
        parts = []
        for request in sign_requests(kind, count, num_bits, blocks):
            masks, seeds = self._draw(request.shapes[0]), self._draw((request.num_signs, 2))
            parts.append(SignsPart(request, masks, seeds))
        return DealtSignKeys(party=self._party, parts=tuple(parts), words_of=self._keys)

    _party: int
    _masks: MaskCounter
    has_keys: bool
    """Whether the dealer can send keys: only to two parties."""
    comparing: Comparing
    """Comparison methods of this job."""

    def compare_by(self, comparisons: Comparisons) -> None:
        """Set the comparison method of a job."""
        self.comparing = Comparing(self.comparing.num_parties, comparisons)

    def _draw(self, size: Sequence[int]) -> torch.Tensor:
        raise NotImplementedError

    def _draw_bits(self, size: Sequence[int]) -> torch.Tensor:
        raise NotImplementedError

    def _last_part(self, request: TupleRequest) -> torch.Tensor:
        raise NotImplementedError

    def _keys(self, request: TupleRequest) -> bytes | bytearray:
        raise NotImplementedError

    def _note(self, request: TupleRequest) -> None:
        """Do nothing: the dealer knows the masks from the schedule."""


class DealerProvider(TupleProvider):
    """Correlated randomness from a dealer in another process.

    Parameters
    ----------
    rank : int
        This party.
    link : Link
        Link to the dealer, whose first frame is this party's key.
    clock : RoundClock
        Clock of the messages between party 0 and the dealer.

    Notes
    -----
    Cost: party 0 sends one request a segment and gets 8 bytes an element of each tuple's last part.
    A scheduled iteration is requested during the one before, so up to two remain unused when a job
    ends early. Leakage: the dealer learns kinds and shapes of tuples.
    """

    def __init__(self, rank: int, link: Link, clock: RoundClock, *, num_parties: int) -> None:
        self._rank = self._party = rank
        self.has_keys = num_parties == 2
        self.comparing = Comparing(num_parties)
        self._link = link
        self._clock = clock
        given = bytes(link.recv(DEALER_KEY, num_bytes=KEY_BYTES + RUN_BYTES))
        self._key, run = given[:KEY_BYTES], given[KEY_BYTES:]
        self.run = run.hex()
        """Random name of this run of parties and dealer."""
        link.start_counting()
        self._schedule = Schedule()
        self._job = 0
        self._masks = MaskCounter()
        self._begun: set[int] = set()
        self._unread: deque[tuple[int, TupleRequest]] = deque()
        self._arrived: dict[int, deque[tuple[TupleRequest, bytearray]]] = {}
        self._asked: set[int] = set()
        self._corrections = 0
        self._stream: AesCtrStream | None = None
        self._segment = 0
        self._step = ""
        self.seconds = 0.0
        """Time spent on expanding and on waiting for the dealer."""

    @property
    def rounds(self) -> int:
        """The longest chain of messages to and from the dealer so far."""
        return self._clock.depth

    def expect(self, job: int, schedule: Schedule) -> None:
        """Request the first steps of a job from the dealer.

        Parameters
        ----------
        job : int
            Number of the job, greater than any before.
        schedule : Schedule
        """
        self._schedule, self._job = schedule, job
        self._begun.clear()
        for step in schedule.at_first:
            self._ask(segment_of(job, step), schedule.tuples_of(step))

    def begin(self, job: int, step: str) -> None:
        """Enter a step of a job, and draw from its stream from now on.

        Raises
        ------
        PartyError
            The step has begun before, and its masks must not be used twice; or the dry run had no
            such step.
        TransportError
            The dealer has ended the session; the message has its last words.
        """
        segment = segment_of(job, step)
        if segment in self._begun or job < self._job:
            raise PartyError(f"party:{self._rank} would use the masks of {step!r} twice")
        self._check_dealer()
        self._job = job
        self._begun.add(segment)
        self._masks.begin(step)
        self._segment = segment
        self._stream = stream_of(self._key, segment, self._digest_of(step))
        self._step = step

    def _digest_of(self, step: str) -> bytes:
        try:
            return self._schedule.digest_of(step)
        except LookupError:
            raise PartyError(f"party:{self._rank} has no schedule of {step!r}") from None

    def _check_dealer(self) -> None:
        """Raise the dealer's last error if it has ended; most parties never read its link."""
        if self._link.hung_up():
            while True:  # until it is all read
                self._link.recv_any(max_bytes=sys.maxsize)

    def look_ahead(self) -> None:
        """Request the next iteration's tuples from the dealer, if there may be one."""
        following = self._schedule.after(self._step)
        if following is not None:
            self._ask(segment_of(self._job, following), self._schedule.tuples_of(following))

    def forget(self) -> None:
        """Await nothing of this job from the dealer: party 0 has not asked for anything."""
        self._unread.clear()

    def finish(self) -> tuple[RoleTraffic, list[OperationTraffic]] | None:
        """Discard unused tuples; party 0 returns the dealer's counts.

        Returns
        -------
        RoleTraffic and list of OperationTraffic, or None
            The dealer's traffic since its last report; None at other parties.
        """
        self._arrived.clear()
        self._asked.clear()
        self._schedule = Schedule()
        while self._unread:
            self._read_next()
        self._arrived.clear()
        if self._rank != 0:
            return None
        self._link.send(DEALER_REPORT, b"")
        report = self._link.recv_json(DEALER_REPORT)
        operations = [OperationTraffic(**entry) for entry in report["operations"]]  # type: ignore[attr-defined]
        return RoleTraffic(**report["role"]), operations  # type: ignore[arg-type]

    def _draw(self, size: Sequence[int]) -> torch.Tensor:
        started = time.perf_counter()
        drawn = torch.from_numpy(self._own.ring(size))
        self.seconds += time.perf_counter() - started
        return drawn

    def _draw_bits(self, size: Sequence[int]) -> torch.Tensor:
        return torch.from_numpy(self._own.bits(size, 1))

    @property
    def _own(self) -> AesCtrStream:
        if self._stream is None:
            raise PartyError(f"party:{self._rank} would draw masks before any step has begun")
        return self._stream

    def _last_part(self, request: TupleRequest) -> torch.Tensor:
        if self._rank != 0:
            return self._draw(request.out_shape)
        sent = np.frombuffer(self._keys(request), dtype=np.int64)
        return torch.from_numpy(sent.reshape(request.out_shape))

    def _keys(self, request: TupleRequest) -> bytearray:
        """Return the dealer's message for the next tuple of this step."""
        started = time.perf_counter()
        planned, sent = self._next_of(self._segment, request)
        if planned != request:
            raise PartyError(f"the dealer was asked for {planned} where {request} is needed")
        self.seconds += time.perf_counter() - started
        return sent

    def _next_of(self, segment: int, request: TupleRequest) -> tuple[TupleRequest, bytearray]:
        """Return the dealer's next message for a segment, and its request."""
        if segment not in self._asked:
            # The dealer's streams would restart with every further request for a segment.
            raise PartyError(
                f"nothing was asked of the dealer for this step, but {request} is needed"
            )
        while not self._arrived.get(segment):
            self._read_next()
        return self._arrived[segment].popleft()

    def _ask(self, segment: int, requests: Sequence[TupleRequest]) -> None:
        self._asked.add(segment)
        if self._rank == 0:
            message = {"segment": segment, "tuples": [request.as_json() for request in requests]}
            self._link.send_json(REQUEST, message)
        for request in requests:
            if request.is_sent and (self._rank == 0 or request.kind in KEY_KINDS):
                self._unread.append((segment, request))

    def _read_next(self) -> None:
        if not self._unread:
            raise PartyError("the schedule has no more tuples for this step")
        segment, request = self._unread.popleft()
        self._corrections += 1
        num_bytes = request.key_bytes or 8 * math.prod(request.out_shape)
        sent = self._link.recv(
            CORRECTIONS[request.kind], num_bytes=num_bytes, number=self._corrections
        )
        self._arrived.setdefault(segment, deque()).append((request, sent))


def _arithmetic(share: torch.Tensor) -> Share:
    tensor: Share = ArithmeticSharedTensor.from_shares(share.clone(), precision=0)
    return tensor


def _binary(share: torch.Tensor) -> Share:
    tensor: Share = BinarySharedTensor.from_shares(share)
    return tensor
