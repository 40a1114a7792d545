"""An engine in a network of its own, from the side of the benchmark."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

from companions import Companions

from peers.engines.engine import Answer
from peers.loopback import isolation
from peers.workload import Size

ANSWER_TIMEOUT_S: Final = 180.0


class FailedError(Exception):
    """An engine cannot do a job, and says why."""


class Host:
    """The processes of one engine.

    Parameters
    ----------
    name : str
        In `peers.catalogue`.
    checkout : Path
        Where `mpc` is imported from.
    errors : Path
        File for what all of them say on standard error.
    """

    def __init__(self, name: str, *, checkout: Path, errors: Path) -> None:
        self.name = name
        self.versions: dict[str, str] = {}
        self.unavailable = ""
        """Why it cannot take part."""
        self.closed = False
        self._errors = errors
        self._process = Companions(
            "peers.host",
            [name],
            [{}],
            checkout=checkout,
            before=isolation()[1],
            timeout_s=ANSWER_TIMEOUT_S,
            errors=errors,
        )

    def __enter__(self) -> Self:
        self._wait()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _wait(self) -> None:
        try:
            said = self._process.hear(0)
        except RuntimeError as error:
            said = {"unavailable": self._last_words(str(error))}
        self.unavailable = str(said.get("unavailable", ""))
        found = said.get("versions", {})
        self.versions = dict(found) if isinstance(found, Mapping) else {}

    def prepare(self, size: Size, points: Path, iterations: int) -> None:
        """Let it do what it needs once for a size and a number of iterations."""
        self._ask(do="prepare", size=str(size), points=str(points), iterations=iterations)

    def run(self, size: Size, points: Path, iterations: int, *, count: bool = False) -> Answer:
        """Let it do a job.

        Raises
        ------
        FailedError
            It did not, and has been closed.
        """
        job = {"size": str(size), "points": str(points), "iterations": iterations}
        return Answer(**self._ask(do="run", count=count, **job))

    def note(self) -> str:
        """Return what it chose where there was a choice."""
        return str(self._ask(do="note")["note"])

    def memory(self) -> dict[str, int]:
        """Return the peak resident bytes of each role."""
        return {role: int(str(peak)) for role, peak in self._ask(do="memory").items()}

    def _ask(self, **command: object) -> dict[str, object]:
        try:
            said = self._process.ask((0,), **command)[0]
        except (RuntimeError, OSError) as error:
            self.close()
            raise FailedError(self._last_words(str(error))) from None
        if "failed" in said:
            self.close()
            raise FailedError(str(said["failed"]))
        return said

    def _last_words(self, otherwise: str) -> str:
        lines = self._errors.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else otherwise

    def close(self) -> None:
        """End all its processes; harmless when done already."""
        self._process.close()
        self.closed = True
