"""The files of a comparison.

compare.json     settings, see `CompareConfig`
versions.json    Python, packages, machine
cells/NAME/      an ordinary run folder each, made by `secfpp.experiment.experiment.run_experiment`
table.csv        a row for each method, budget and seed: `secfpp.comparison.table`
summary.json     means, standard errors, paired tests: `secfpp.comparison.summary`
.lock            held by the process that works on the folder, and by each of its workers
"""

import fcntl
import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from secfpp.comparison.cells import Cell
from secfpp.comparison.config import CompareConfig
from secfpp.config.tree import JsonValue, from_json
from secfpp.errors import ConfigError, RunFolderError
from secfpp.experiment.config import RunConfig
from secfpp.experiment.record_folder import write_json
from secfpp.experiment.run_folder import RunFolder, predates_parts
from secfpp.experiment.versions import collect_versions
from secfpp.json_file import read_json

__all__ = ["CompareFolder"]

LOCK_PATIENCE_S = 5.0  # workers of a killed comparison need a moment to end


class CompareFolder:
    """The folder of one comparison.

    Parameters
    ----------
    path : Path
        An existing folder; `CompareFolder.create` makes one.

    Raises
    ------
    ConfigError
        If it is not the folder of a comparison, or its settings cannot be read.
    """

    def __init__(self, path: Path) -> None:
        file = path / "compare.json"
        if not file.is_file():
            raise ConfigError(
                f"{path} has no compare.json: not the folder of a comparison; check the path"
            )
        try:
            value = read_json(file)
        except (OSError, ValueError) as error:
            raise ConfigError(f"{file} is damaged: {error}; start a new comparison") from error
        self.path = path
        self.config = from_json(CompareConfig, value)
        self._value = value

    @classmethod
    def create(cls, config: CompareConfig, out: Path | None) -> "CompareFolder":
        """Make the folder of a new comparison and write its settings and versions.

        Raises
        ------
        ConfigError
            If the folder exists with something in it, or cannot be made.
        """
        stamp = datetime.now().strftime("%Y%m%d-%H%M%S-%f")[:-3]
        path = out or Path("runs") / f"{stamp}-compare"
        try:
            path.mkdir(parents=True, exist_ok=True)
            if any(path.iterdir()):
                raise ConfigError(f"{path} is not empty; choose another --out, or --resume it")
        except OSError as error:
            raise ConfigError(f"cannot make {path}: {error.strerror}") from error
        write_json(path / "versions.json", dict(collect_versions()))
        write_json(path / "compare.json", config.as_json())
        return cls(path)

    @property
    def predates_parts(self) -> bool:
        """Whether a release began it that drew other images, see `RunFolder.predates_parts`."""
        base = self._value.get("base") if isinstance(self._value, dict) else None
        return predates_parts(base)

    def cell(self, cell: Cell) -> Path:
        """Return the run folder of a cell, which may not exist yet."""
        return self.path / "cells" / cell.name

    def order(self, cell: Cell) -> RunConfig:
        """Return the settings with which a cell is begun or resumed."""
        folder = self.cell(cell)
        if (folder / "config.json").is_file():
            return RunConfig(resume=folder)
        if folder.exists():  # killed before its settings were written: nothing was run
            shutil.rmtree(folder)
        return cell.inside(folder)

    def is_done(self, cell: Cell) -> bool:
        """Tell whether a cell is finished."""
        return self.results(cell).get("complete") is True

    def results(self, cell: Cell) -> dict[str, JsonValue]:
        """Return results.json of a cell; empty if it has none yet."""
        folder = self.cell(cell)
        if not (folder / "config.json").is_file():
            return {}
        found = RunFolder(folder).read("results.json")
        return found if isinstance(found, dict) else {}

    def rounds_done(self, cell: Cell) -> Counter[str]:
        """Count the recorded rounds of each method of a cell."""
        folder = self.cell(cell)
        if not (folder / "config.json").is_file():
            return Counter()
        return Counter(str(line.get("method")) for line in RunFolder(folder).lines("metrics.jsonl"))

    @contextmanager
    def locked(self) -> Iterator[int]:
        """Lock the folder; workers inherit the descriptor and so the lock.

        Raises
        ------
        RunFolderError
            If another process works on it.
        """
        descriptor = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            self._wait_for(descriptor)
            yield descriptor
        finally:
            os.close(descriptor)

    def _wait_for(self, descriptor: int) -> None:
        """Take the lock, or raise after `LOCK_PATIENCE_S`."""
        deadline = time.monotonic() + LOCK_PATIENCE_S
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise RunFolderError(
                        f"another process works on {self.path}; wait for it, or end it"
                    ) from None
                time.sleep(0.1)
