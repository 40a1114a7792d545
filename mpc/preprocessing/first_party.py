"""CrypTen's first-party provider, with what our protocols ask for besides; for debugging only."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from mpc.engine._crypten import ArithmeticSharedTensor, TrustedFirstParty
from mpc.engine.communicator import MeshCommunicator
from mpc.gates.comparison_choice import Comparing
from mpc.jobs.job import Comparisons
from mpc.preprocessing.expander import (
    Masks,
    division_pair,
    one_hot_rows,
    ring_matmul,
    truncation_pair,
)
from mpc.preprocessing.schedule import Schedule
from mpc.ring.bilinear import Formula, bilinear, bilinear_shape
from mpc.ring.fixedpoint import Int64Array
from mpc.ring.randomness import AesCtrStream

Triple = tuple[Any, Any, Any]
Pair = tuple[Any, Any]


class FirstPartyProvider(TrustedFirstParty):  # type: ignore[misc]
    """CrypTen's TFP: party 0 draws every tuple and could unmask everything. For debugging only."""

    def compare_by(self, comparisons: Comparisons) -> None:
        """Do nothing: there are circuits only."""

    def __init__(self, communicator: MeshCommunicator, local: AesCtrStream) -> None:
        super().__init__()
        self._communicator = communicator
        self.comparing = Comparing(communicator.get_world_size(), "circuits")
        self._local = local
        self._masks: Masks = {}
        self.rounds = 0
        self.seconds = 0.0

    def expect(self, job: int, schedule: Schedule) -> None:
        """Do nothing: nobody is asked."""

    def begin(self, job: int, step: str) -> None:
        """Do nothing: masks are never reused."""

    def look_ahead(self) -> None:
        """Do nothing: nobody is asked."""

    def finish(self) -> None:
        """Do nothing: nobody was asked."""

    def mask(self, name: str, size: Sequence[int]) -> torch.Tensor:
        """Return a share of a uniform mask, which party 0 notes under a name."""

        def draw() -> Int64Array:
            self._masks[name] = self._local.ring(size)
            return self._masks[name]

        return self._shared(draw, size)

    def rename(self, old: str, new: str) -> None:
        """Let a noted mask go by another name from here on."""
        if old in self._masks:
            self._masks[new] = self._masks.pop(old)

    def product(
        self, formula: Formula, names: tuple[str, str], shapes: tuple[Sequence[int], Sequence[int]]
    ) -> torch.Tensor:
        """Return a share of a bilinear map of two noted masks, whose shapes are given."""
        left, right = (tuple(shape) for shape in shapes)

        def draw() -> Int64Array:
            a, b = (
                self._masks[name].reshape(shape)
                for name, shape in zip(names, (left, right), strict=True)
            )
            product: Int64Array = bilinear(formula, a, b, ring_matmul)
            return product

        return self._shared(draw, bilinear_shape(formula, left, right))

    def truncation(self, size: Sequence[int], shift: int, name: str = "") -> Triple:
        """Return shares of a uniform r, of r >> shift (logical) and of r's top bit."""

        def draw() -> Int64Array:
            r = self._local.ring(size)
            shifted, top = truncation_pair(r, shift)
            self._masks |= {name: r, f"{name} shifted": shifted, f"{name} top": top}
            return np.stack([r, shifted, top])

        return tuple(_arithmetic(part) for part in self._shared(draw, (3, *size)))

    def division(self, size: Sequence[int], divisor: int) -> Triple:
        """Return shares of a uniform r, of r over a divisor and of r's top bit."""

        def draw() -> Int64Array:
            r = self._local.ring(size)
            return np.stack([r, *division_pair(r, divisor)])

        return tuple(_arithmetic(part) for part in self._shared(draw, (3, *size)))

    def lookup(self, size: Sequence[int], bit_length: int) -> Pair:
        """Return shares of a uniform r and of the one-hot rows of r; see `TupleProvider.lookup`."""

        def draw() -> Int64Array:
            r = self._local.ring(size)
            return np.concatenate([r[..., None], one_hot_rows(r, bit_length)], axis=-1)

        both = self._shared(draw, (*size, 1 + (1 << bit_length)))
        return _arithmetic(both[..., 0]), _arithmetic(both[..., 1:])

    def _shared(self, draw: Callable[[], Int64Array], shape: Sequence[int]) -> torch.Tensor:
        """Let party 0 draw something and hand everybody a share of it."""
        parts: list[torch.Tensor] = []
        if self._communicator.rank == 0:
            others = [
                torch.from_numpy(self._local.ring(shape))
                for _ in range(len(self._communicator.peers))
            ]
            parts = [torch.from_numpy(draw()) - sum(others), *others]
        return self._communicator.scatter(parts, 0, torch.Size(shape))


def _arithmetic(share: torch.Tensor) -> Any:
    return ArithmeticSharedTensor.from_shares(share.clone(), precision=0)
