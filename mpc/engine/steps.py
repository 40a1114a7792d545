"""Steps of a job, as whoever measures or supplies them is told of them."""

from contextlib import AbstractContextManager
from typing import Protocol


class Steps(Protocol):
    """Whatever is told which step of a job begins and ends."""

    def step(self, name: str) -> AbstractContextManager[None]:
        """Surround one step."""

    def go_on(self) -> None:
        """Say inside an iteration that another may follow: its tuples are asked for."""
