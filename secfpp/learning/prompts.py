"""Two-level prompts: P_i = P_G[cluster of i] + P_L,i.

Shape letters: N clients, T context tokens, W width of the text tower, M = T W.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch

from secfpp.errors import ConfigError

__all__ = ["FloatArray", "PromptState"]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class PromptState:
    """The prompts of all clients between two rounds.

    A simulation holds all rows. In deployment client i holds row i and nothing else.
    """

    initial_TW: torch.Tensor
    """Public start of the shared part, float32; updates are differences from it."""
    shared_NTW: torch.Tensor
    """P_G as each client holds it, float32."""
    local_NTW: torch.Tensor
    """P_L, which never leaves its client, float32."""
    extra: Mapping[str, torch.Tensor] = field(default_factory=dict)
    """Further values that a method keeps for each client, by name: one row for each client."""
    rounds_done: int = 0
    """Finished rounds."""

    def __post_init__(self) -> None:
        """Refuse shapes that do not fit each other."""
        for name, rows in self.extra.items():
            if len(rows) != len(self.shared_NTW):
                raise ConfigError(
                    f"{name} has {len(rows)} rows but there are {len(self.shared_NTW)} clients"
                )
        expected = (len(self.shared_NTW), *self.initial_TW.shape)
        for name in ("shared_NTW", "local_NTW"):
            shape = tuple(getattr(self, name).shape)
            if shape != expected:
                raise ConfigError(f"{name} has shape {shape} but {expected} is needed")

    @classmethod
    def start(cls, initial_TW: torch.Tensor, num_clients: int) -> "PromptState":
        """Return the public start for every client, without a local part."""
        shared_NTW = initial_TW.detach().expand(num_clients, -1, -1).clone()
        return cls(
            initial_TW=initial_TW.detach().clone(),
            shared_NTW=shared_NTW,
            local_NTW=torch.zeros_like(shared_NTW),
        )

    @property
    def num_clients(self) -> int:
        """Number of clients N."""
        return len(self.shared_NTW)

    def prompts(self) -> torch.Tensor:
        """Return P_G + P_L of each client, (N, T, W) float32."""
        return self.shared_NTW + self.local_NTW

    def updates(self) -> FloatArray:
        """Return P_G minus the public start, flattened, (N, M) float64.

        The difference is from the start and not from the last round, so that a client that was away
        for some rounds adds the same kind of vector as the others.
        """
        difference_NTW = self.shared_NTW.double() - self.initial_TW.double()
        return np.asarray(difference_NTW.flatten(1).cpu().numpy(), dtype=np.float64)

    def with_updates(self, rows_n: npt.NDArray[np.int64], update_nM: FloatArray) -> "PromptState":
        """Set P_G of some clients to the public start plus an update.

        Parameters
        ----------
        rows_n : ndarray of int64, (n,)
            Clients that received an update.
        update_nM : ndarray of float64, (n, M)

        Returns
        -------
        PromptState
            P_G of the other clients and every P_L are unchanged.
        """
        update = torch.from_numpy(update_nM).to(self.initial_TW.device)
        rows = torch.from_numpy(rows_n).to(self.initial_TW.device)
        values = self.initial_TW.double() + update.reshape(-1, *self.initial_TW.shape)
        shared_NTW = self.shared_NTW.clone()
        shared_NTW[rows] = values.to(shared_NTW.dtype)
        return self.replace(shared_NTW=shared_NTW)

    def rows(self, rows_n: torch.Tensor) -> "PromptState":
        """Return the prompts of some clients, in the order given."""
        return PromptState(
            initial_TW=self.initial_TW,
            shared_NTW=self.shared_NTW[rows_n],
            local_NTW=self.local_NTW[rows_n],
            extra={name: rows[rows_n] for name, rows in self.extra.items()},
            rounds_done=self.rounds_done,
        )

    def with_rows(self, rows_n: torch.Tensor, part: "PromptState") -> "PromptState":
        """Return a copy in which some clients' rows are those of `part`."""

        def put(whole: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
            changed = whole.clone()
            changed[rows_n] = rows
            return changed

        return self.replace(
            shared_NTW=put(self.shared_NTW, part.shared_NTW),
            local_NTW=put(self.local_NTW, part.local_NTW),
            extra={name: put(rows, part.extra[name]) for name, rows in self.extra.items()},
        )

    def to(self, device: torch.device) -> "PromptState":
        """Return the same prompts on another device."""
        return PromptState(
            initial_TW=self.initial_TW.to(device),
            shared_NTW=self.shared_NTW.to(device),
            local_NTW=self.local_NTW.to(device),
            extra={name: rows.to(device) for name, rows in self.extra.items()},
            rounds_done=self.rounds_done,
        )

    def replace(
        self,
        *,
        shared_NTW: torch.Tensor | None = None,
        local_NTW: torch.Tensor | None = None,
        extra: Mapping[str, torch.Tensor] | None = None,
        rounds_done: int | None = None,
    ) -> "PromptState":
        """Return a copy with the given parts replaced; those of `extra` by name."""
        return PromptState(
            initial_TW=self.initial_TW,
            shared_NTW=self.shared_NTW if shared_NTW is None else shared_NTW,
            local_NTW=self.local_NTW if local_NTW is None else local_NTW,
            extra={**self.extra, **(extra or {})},
            rounds_done=self.rounds_done if rounds_done is None else rounds_done,
        )
