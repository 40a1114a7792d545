"""CrypTen's first-party provider, extended by the requests of our protocols; for debugging only."""

from collections.abc import Callable, Sequence

import numpy as np
import torch

from mpc.engine._crypten import TrustedFirstParty
from mpc.engine.communicator import MeshCommunicator
from mpc.engine.correlations import Mask, Truncation
from mpc.engine.mask_id import MaskId
from mpc.gates.comparison_choice import Comparing
from mpc.jobs.comparisons import Comparisons
from mpc.preprocessing.expander import (
    Masks,
    division_pair,
    one_hot_rows,
    ring_matmul,
    truncation_pair,
)
from mpc.preprocessing.mask_refs import MaskCounter, MaskStore
from mpc.preprocessing.schedule import Schedule
from mpc.ring.bilinear import Formula, bilinear, bilinear_shape
from mpc.ring.fixedpoint import Int64Array
from mpc.ring.randomness import AesCtrStream


class FirstPartyProvider(TrustedFirstParty):  # type: ignore[misc]
    """CrypTen's TFP: party 0 draws every tuple and could unmask everything. For debugging only."""

    def compare_by(self, comparisons: Comparisons) -> None:
        """Do nothing: every comparison is `boolean`."""

    def __init__(self, communicator: MeshCommunicator, local: AesCtrStream) -> None:
        super().__init__()
        self._communicator = communicator
        self.comparing = Comparing(communicator.get_world_size(), "boolean")
        self._local = local
        self._masks = MaskCounter()
        self._store: Masks = MaskStore()
        self._job = 0
        self.run = ""
        self.rounds = 0
        self.seconds = 0.0

    def expect(self, job: int, schedule: Schedule) -> None:
        """Do nothing: there is no dealer."""

    def begin(self, job: int, step: str) -> None:
        """Enter a step of a job."""
        if job != self._job:
            self._job, self._store = job, MaskStore()
        self._store.begin(step)
        self._masks.begin(step)

    def look_ahead(self) -> None:
        """Do nothing: there is no dealer."""

    def finish(self) -> None:
        """Do nothing: there is no dealer."""

    def mask(self, size: Sequence[int]) -> Mask:
        """Return a uniform mask that party 0 keeps."""

        def draw() -> Int64Array:
            values = self._local.ring(size)
            self._store.keep(values)
            return values

        return self._kept(self._shared(draw, size))

    def _kept(self, share: torch.Tensor) -> Mask:
        return Mask(id=self._masks.next(), share=share)

    def product(
        self, formula: Formula, masks: tuple[MaskId, MaskId], shapes: tuple[Sequence[int], ...]
    ) -> torch.Tensor:
        """Return a share of a bilinear map of two masks, taken in these shapes."""
        left, right = (tuple(shape) for shape in shapes)
        of = [self._masks.refer(mask) for mask in masks]

        def draw() -> Int64Array:
            a, b = self._store[of[0]].reshape(left), self._store[of[1]].reshape(right)
            return bilinear(formula, a, b, ring_matmul)

        return self._shared(draw, bilinear_shape(formula, left, right))

    def truncation(self, size: Sequence[int], shift: int) -> Truncation:
        """Return a uniform mask, its high part and its top bit; party 0 keeps all three."""

        def draw() -> Int64Array:
            r = self._local.ring(size)
            parts = r, *truncation_pair(r, shift)
            for part in parts:
                self._store.keep(part)
            return np.stack(parts)

        return Truncation(*map(self._kept, self._shared(draw, (3, *size))))

    def division(
        self, size: Sequence[int], divisor: int
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return shares of a uniform r, of r over a divisor and of r's top bit."""

        def draw() -> Int64Array:
            r = self._local.ring(size)
            return np.stack([r, *division_pair(r, divisor)])

        r, quotient, top = self._shared(draw, (3, *size))
        return r, quotient, top

    def lookup(self, size: Sequence[int], bit_length: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return shares of a uniform r and of the one-hot rows of r; see `TupleProvider.lookup`."""

        def draw() -> Int64Array:
            r = self._local.ring(size)
            return np.concatenate([r[..., None], one_hot_rows(r, bit_length)], axis=-1)

        both = self._shared(draw, (*size, 1 + (1 << bit_length)))
        return both[..., 0].contiguous(), both[..., 1:].contiguous()

    def _shared(self, draw: Callable[[], Int64Array], shape: Sequence[int]) -> torch.Tensor:
        """Let party 0 draw values and send a share of them to every party."""
        parts: list[torch.Tensor] = []
        if self._communicator.rank == 0:
            others = [
                torch.from_numpy(self._local.ring(shape))
                for _ in range(len(self._communicator.peers))
            ]
            parts = [torch.from_numpy(draw()) - sum(others), *others]
        return self._communicator.scatter(parts, 0, torch.Size(shape))
