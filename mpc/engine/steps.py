"""Interface for observers of a job's steps."""

from contextlib import AbstractContextManager
from typing import Protocol


class Steps(Protocol):
    """An observer that is told when each step of a job begins and ends."""

    def step(self, name: str) -> AbstractContextManager[None]:
        """Surround one step."""

    def go_on(self) -> None:
        """Announce inside an iteration that another may follow; its tuples are then requested."""
