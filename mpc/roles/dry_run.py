"""A job run through on zero shares, alone and silently, to learn which tuples it will need.

The sequence of tuples depends on public settings and shapes only, and it is CrypTen's protocols
that decide it: running them says more surely than a formula what they ask for.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch

from mpc.clustering.pipeline import Decision, cluster_shares
from mpc.engine.communicator import MeshCommunicator
from mpc.engine.context import Party, SharedTensor
from mpc.engine.correlations import SignKeys
from mpc.engine.openings import DeferredOpening, resolved
from mpc.engine.reveal import Audience, Opening
from mpc.fss.correction_words import RingArray
from mpc.gates.comparison_choice import Comparing
from mpc.jobs.job import ClusterJob, Comparisons
from mpc.net.frames import SIGN_KINDS, RoundClock, TupleKind
from mpc.preprocessing.fss_keys import sign_requests
from mpc.preprocessing.mask_refs import MaskCounter
from mpc.preprocessing.provider import TupleProvider
from mpc.preprocessing.requests import TupleRequest, matmul_shape
from mpc.preprocessing.schedule import Schedule, Tuples, schedule_of
from mpc.ring.fixedpoint import Int64Array
from mpc.ring.randomness import AesCtrStream, new_key

_ITERATIONS = 3
"""The first starts from chosen points, the second has none before to be compared with."""


class SilentCommunicator(MeshCommunicator):
    """One party of P, with no links: what it would hear is as if the others' shares were zero."""

    def __init__(self, num_parties: int) -> None:
        super().__init__(0, {}, RoundClock())
        self._num_parties = num_parties

    def get_world_size(self) -> int:
        """Return the number of computing parties P."""
        return self._num_parties

    def gather(self, value: torch.Tensor, dst: int) -> list[torch.Tensor] | None:
        """Return as many tensors as there are parties."""
        return [value] * self._num_parties

    def scatter(
        self, values: list[torch.Tensor], src: int, size: torch.Size | None = None
    ) -> torch.Tensor:
        """Return party 0's tensor."""
        return values[0]


class RecordingProvider(TupleProvider):
    """Gives zeros and writes down what was asked for."""

    _party = 0

    def __init__(
        self, num_parties: int, comparisons: Comparisons = "auto", *, step: str = ""
    ) -> None:
        self.begin(step)
        self.has_keys = num_parties == 2
        self.comparing = Comparing(num_parties, comparisons)

    def begin(self, step: str) -> None:
        """Enter a step, of which nothing is recorded yet."""
        self._masks = MaskCounter(step)
        self.recorded: list[TupleRequest] = []

    def _draw(self, size: Sequence[int]) -> torch.Tensor:
        return torch.zeros(tuple(size), dtype=torch.int64)

    _draw_bits = _draw

    def _last_part(self, request: TupleRequest) -> torch.Tensor:
        self.recorded.append(request)
        return torch.zeros(request.out_shape, dtype=torch.int64)

    def _expanded(self, size: Sequence[int], bit_length: int) -> torch.Tensor:
        """Record, and return rows of zeros."""
        self.recorded.append(TupleRequest("point", (tuple(size),), bit_length))
        return torch.zeros(*size, 1 << bit_length, dtype=torch.int64)

    def _sign_keys(
        self, kind: TupleKind, count: int, num_bits: int, groups: tuple[int, ...]
    ) -> SignKeys:
        """Record, and return keys that evaluate to zeros."""
        requests = list(sign_requests(kind, count, num_bits, groups))
        self.recorded.extend(requests)
        shape = (count, *requests[0].shapes[0][1:])
        return _NoSigns(shape, sum(request.num_signs for request in requests), SIGN_KINDS[kind])

    def _note(self, request: TupleRequest) -> None:
        self.recorded.append(request)


class _NoSigns:
    """In place of keys for signs: all are 0."""

    def __init__(self, shape: tuple[int, ...], count: int, ring_bits: int) -> None:
        self.masks: Int64Array = np.zeros(shape, dtype=np.int64)
        self._count = count
        self._dtype = np.uint8 if ring_bits == 8 else np.uint64

    def evaluate(self, opened: Int64Array) -> RingArray:
        return np.zeros(self._count, dtype=self._dtype)


class _Steps:
    """Sorts what is recorded by step; in place of a meter."""

    def __init__(self, provider: RecordingProvider) -> None:
        self._provider = provider
        self.recorded: dict[str, Tuples] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        self._provider.begin(name)
        yield
        self.recorded[name] = tuple(self._provider.recorded)

    def go_on(self) -> None:
        """Do nothing: nobody is asked."""


class _NoRevealer:
    """Opens nothing: what the parties would learn is zero, so that no iteration is the last."""

    def reveal(
        self, x_enc: SharedTensor, opening: tuple[Audience, Opening], *, why: str
    ) -> DeferredOpening[Int64Array | None]:
        return resolved(np.zeros(tuple(x_enc.size()), dtype=np.int64))


@dataclass(frozen=True, kw_only=True, slots=True)
class JobShape:
    """All that the sequence of tuples of a job depends on."""

    job: ClusterJob
    num_points: int
    dim: int
    payload: int
    num_parties: int
    owner_of_N: tuple[int, ...] | None = None
    """Which owner holds each point; None: each point has its own."""


def rehearse(shape: JobShape) -> Schedule:
    """Return which tuples each step of a job needs.

    Parameters
    ----------
    shape : JobShape

    Returns
    -------
    Schedule
    """
    provider = RecordingProvider(shape.num_parties, shape.job.comparisons)
    steps, job = _Steps(provider), shape.job
    n, k = shape.num_points, job.k or 1
    party = _alone(shape.num_parties, provider)
    cluster_shares(
        replace(job, iterations=min(job.iterations, _ITERATIONS)),
        party.holds(torch.zeros(n, shape.dim, dtype=torch.int64)),
        party.holds(torch.zeros(n, shape.payload, dtype=torch.int64)),
        door=_NoRevealer(),
        meter=steps,
        decide=lambda: Decision(labels=(0,) * n, k=k, iterations=1),
        owner_of_N=shape.owner_of_N,
    )
    return schedule_of(steps.recorded, limit=job.iterations)


def record(
    num_parties: int,
    operation: Callable[[Party], object],
    comparisons: Comparisons = "auto",
    *,
    step: str = "distances",
) -> Tuples:
    """Return which tuples a single operation needs, done in a step with the party it is given."""
    provider = RecordingProvider(num_parties, comparisons, step=step)
    operation(_alone(num_parties, provider))
    return tuple(provider.recorded)


def _no_product(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Multiply matrices of zeros, for nothing."""
    shape = matmul_shape(tuple(left.shape), tuple(right.shape))
    return torch.zeros(shape, dtype=torch.int64)


def _alone(num_parties: int, provider: RecordingProvider) -> Party:
    """Return a party that hears only itself, and computes no products."""
    return Party(
        communicator=SilentCommunicator(num_parties),
        provider=provider,
        previous=AesCtrStream(new_key()),
        following=AesCtrStream(new_key()),
        matmul=_no_product,
    )
