"""A job carried out on zero shares without messages, to list its requests and count its cost.

Rounds, openings and the sequence of preprocessing requests depend only on public settings and
shapes. Running the protocols determines them more reliably than separate formulas.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import torch

from mpc.clustering.pipeline import Decision, cluster_shares
from mpc.engine.communicator import MeshCommunicator
from mpc.engine.context import Party, SharedTensor
from mpc.engine.correlations import SignKeys
from mpc.engine.openings import DeferredOpening, resolved
from mpc.engine.reveal import UNCHANGED, Audience, Opening, Revealer
from mpc.engine.steps import Steps
from mpc.fss.correction_words import RingArray
from mpc.gates.comparison_choice import Comparing
from mpc.jobs.job import ClusterJob, Comparisons
from mpc.net.frames import SIGN_KINDS, RoundClock, TupleKind
from mpc.preprocessing.fss_keys import sign_requests
from mpc.preprocessing.mask_refs import ITERATION, MaskCounter
from mpc.preprocessing.provider import TupleProvider
from mpc.preprocessing.requests import TupleRequest, matmul_shape
from mpc.preprocessing.schedule import Schedule, Tuples, schedule_of
from mpc.ring.fixedpoint import Int64Array
from mpc.ring.randomness import AesCtrStream, new_key

_ITERATIONS = 4
"""The first iteration starts from chosen points, the second has no earlier assignment to compare,
and the third may follow a choice of the best start."""


class SilentCommunicator(MeshCommunicator):
    """One party of P without links, which acts as if the other parties' shares were zero."""

    def __init__(self, num_parties: int) -> None:
        super().__init__(0, {}, RoundClock())
        self._num_parties = num_parties
        self.num_rounds = 0
        self.num_elements = 0
        """Ring elements that it would have sent to each of the other parties."""

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

    def _combine(self, tensor: torch.Tensor, op: object) -> torch.Tensor:
        self.num_rounds += 1
        self.num_elements += tensor.numel()
        return tensor


class RecordingProvider(TupleProvider):
    """Returns zeros, and records the requests."""

    _party = 0

    def __init__(
        self, num_parties: int, comparisons: Comparisons = "auto", *, step: str = ""
    ) -> None:
        self.begin(step)
        self.has_keys = num_parties == 2
        self.comparing = Comparing(num_parties, comparisons)

    def begin(self, step: str) -> None:
        """Enter a step, with an empty record."""
        self._masks = MaskCounter(step)
        self.recorded: list[TupleRequest] = []

    def _draw(self, size: Sequence[int]) -> torch.Tensor:
        return torch.zeros(tuple(size), dtype=torch.int64)

    _draw_bits = _draw

    def _last_part(self, request: TupleRequest) -> torch.Tensor:
        self.recorded.append(request)
        return torch.zeros(request.out_shape, dtype=torch.int64)

    def _expanded(self, size: Sequence[int], bit_length: int) -> torch.Tensor:
        """Record the request, and return rows of zeros."""
        self.recorded.append(TupleRequest("point", (tuple(size),), bit_length))
        return torch.zeros(*size, 1 << bit_length, dtype=torch.int64)

    def _sign_keys(
        self, kind: TupleKind, count: int, num_bits: int, blocks: tuple[int, ...]
    ) -> SignKeys:
        """Record the requests, and return keys that evaluate to zeros."""
        requests = list(sign_requests(kind, count, num_bits, blocks))
        self.recorded.extend(requests)
        shape = (count, *requests[0].shapes[0][1:])
        return _ZeroSignKeys(
            shape, sum(request.num_signs for request in requests), SIGN_KINDS[kind]
        )

    def _note(self, request: TupleRequest) -> None:
        self.recorded.append(request)


class _ZeroSignKeys:
    """Stands for sign keys; all shares are 0."""

    def __init__(self, shape: tuple[int, ...], count: int, ring_bits: int) -> None:
        self.masks: Int64Array = np.zeros(shape, dtype=np.int64)
        self._count = count
        self._dtype = np.uint8 if ring_bits == 8 else np.uint64

    def evaluate(self, opened: Int64Array) -> RingArray:
        return np.zeros(self._count, dtype=self._dtype)


class _NoNoise:
    """Draws zeros: a dry run opens nothing."""

    def draw(self, shape: Sequence[int], variance: Fraction) -> Int64Array:
        return np.zeros(tuple(shape), dtype=np.int64)


@dataclass(frozen=True, kw_only=True, slots=True)
class StepCounts:
    """Requests, rounds and messages of one step of a job."""

    requests: Tuples
    """Preprocessing requests, in the order of use."""
    rounds: int
    elements: int
    """Ring elements that a party sends to each of the other parties."""


class _Steps:
    """Stands for a meter; sorts the counts by step."""

    def __init__(self, provider: RecordingProvider, communicator: SilentCommunicator) -> None:
        self._provider = provider
        self._communicator = communicator
        self.counts: dict[str, StepCounts] = {}
        self.current = ""

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        counted = self._communicator
        rounds, elements = counted.num_rounds, counted.num_elements
        self._provider.begin(name)
        self.current = name
        yield
        self.counts[name] = StepCounts(
            requests=tuple(self._provider.recorded),
            rounds=counted.num_rounds - rounds,
            elements=counted.num_elements - elements,
        )

    def go_on(self) -> None:
        """Do nothing: there is no dealer."""


@dataclass(frozen=True, slots=True)
class _NoRevealer:
    """Opens nothing; every opened value is zero, so no iteration is the last."""

    steps: _Steps
    converges: int
    """The iteration in which the bit that ends a job is 1; all others open 0."""

    def reveal(
        self, x_enc: SharedTensor, opening: tuple[Audience, Opening], *, why: str
    ) -> DeferredOpening[Int64Array | None]:
        value = int(opening == UNCHANGED and self.steps.current == f"{ITERATION}{self.converges}")
        learned = np.full(tuple(x_enc.size()), value, dtype=np.int64)
        if opening[0] != "parties and server":
            return resolved(learned)
        nothing = torch.zeros_like(x_enc.share)
        return DeferredOpening(masked=nothing, settle=lambda _: learned, party=x_enc.party)


@dataclass(frozen=True, kw_only=True, slots=True)
class JobShape:
    """Everything that the requests, rounds and bytes of a job depend on."""

    job: ClusterJob
    num_points: int
    dim: int
    payload: int
    num_parties: int
    owner_of_N: tuple[int, ...] | None = None
    """The owner of each point; None: each point has its own."""

    @property
    def num_owners(self) -> int:
        """Number of data owners."""
        return self.num_points if self.owner_of_N is None else max(self.owner_of_N) + 1


def schedule_for(shape: JobShape) -> Schedule:
    """Return the preprocessing requests of each step of a job."""
    requests = {step: counts.requests for step, counts in dry_run(shape).items()}
    return schedule_of(requests, limit=shape.job.iterations)


def dry_run(shape: JobShape, *, converges: int = 0) -> dict[str, StepCounts]:
    """Return the counts of each step of a job, by name.

    Parameters
    ----------
    shape : JobShape
    converges : int
        The iteration that finds that the one before changed nothing; 0: none does. For secret
        assignments.

    Returns
    -------
    dict of str to StepCounts
        At most four iterations; all later ones have the counts of the last of these.
    """
    job, n, k = shape.job, shape.num_points, shape.job.k or 1

    def cluster(party: Party, revealer: Revealer, steps: Steps) -> None:
        cluster_shares(
            at_most_four(job),
            party.holds(zeros(n, shape.dim)),
            party.holds(zeros(n, shape.payload)),
            revealer=revealer,
            meter=steps,
            decide=lambda: Decision(labels=(0,) * n, k=k, iterations=1),
            owner_of_N=shape.owner_of_N,
            kept_enc_NK=None if job.start == "fresh" else party.holds(zeros(n, k)),
            origin_enc_D=party.holds(zeros(shape.dim)) if job.centre and job.shard > 1 else None,
        )

    return counted(cluster, shape.num_parties, job.comparisons, converges=converges)


def at_most_four(job: ClusterJob) -> ClusterJob:
    """Return a job with at most as many iterations as a dry run has.

    If centres have noise, it depends on the number of iterations, and all of them are run.
    """
    if job.guarantee == "pipeline":
        return job
    return replace(job, iterations=min(job.iterations, _ITERATIONS))


def counted(
    body: Callable[[Party, Revealer, Steps], object],
    num_parties: int,
    comparisons: Comparisons,
    *,
    converges: int = 0,
) -> dict[str, StepCounts]:
    """Return the counts of each step of what a party computes, by name.

    Parameters
    ----------
    body : callable
        Computes on zero shares with a party that has no peers, a revealer and a meter.
    num_parties : int
    comparisons : Comparisons
    converges : int
        As `dry_run` has it.
    """
    provider = RecordingProvider(num_parties, comparisons)
    communicator = SilentCommunicator(num_parties)
    steps = _Steps(provider, communicator)
    body(_alone(communicator, provider), _NoRevealer(steps, converges), steps)
    return steps.counts


def zeros(*shape: int) -> torch.Tensor:
    """Return shares of zeros."""
    return torch.zeros(shape, dtype=torch.int64)


def record(
    num_parties: int,
    operation: Callable[[Party], object],
    comparisons: Comparisons = "auto",
    *,
    step: str = "distances",
) -> Tuples:
    """Return the tuples that a single operation needs when a party runs it in a step."""
    provider = RecordingProvider(num_parties, comparisons, step=step)
    operation(_alone(SilentCommunicator(num_parties), provider))
    return tuple(provider.recorded)


def _no_product(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Return zeros of a matrix product's shape, without multiplying."""
    shape = matmul_shape(tuple(left.shape), tuple(right.shape))
    return torch.zeros(shape, dtype=torch.int64)


def _alone(communicator: SilentCommunicator, provider: RecordingProvider) -> Party:
    """Return a party without peers that computes no products."""
    return Party(
        communicator=communicator,
        provider=provider,
        previous=AesCtrStream(new_key()),
        following=AesCtrStream(new_key()),
        matmul=_no_product,
        noise=_NoNoise(),
    )
