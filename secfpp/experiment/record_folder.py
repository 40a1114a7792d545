"""A folder of settings and of records that are appended. A kill at any moment loses one record."""

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from mpc.whole_file import read_whole
from secfpp.config.tree import JsonValue, from_json
from secfpp.errors import ConfigError, RunFolderError, reason
from secfpp.json_file import parse_json

__all__ = ["RecordFolder", "write_json"]

RecordT = TypeVar("RecordT")
JsonObject = Mapping[str, JsonValue]


class RecordFolder:
    """A folder with config.json, and files of records.

    Parameters
    ----------
    path : Path
        An existing folder.

    Raises
    ------
    RunFolderError
        It has no config.json.
    """

    def __init__(self, path: Path) -> None:
        if not (path / "config.json").is_file():
            raise RunFolderError(f"{path} has no config.json: not a run folder; check the path")
        self.path = path

    def append(self, name: str, lines: Sequence[JsonObject]) -> None:
        """Append lines to a .jsonl file in one write, so that a line is whole or absent.

        An incomplete last line, from a full disk for example, is removed first.
        """
        if lines:
            text = "".join(json.dumps(line) + "\n" for line in lines)
            with (self.path / name).open("a+b") as file:
                file.seek(0)
                kept = file.read().rfind(b"\n") + 1
                file.truncate(kept)
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())

    def lines(self, name: str) -> list[dict[str, JsonValue]]:
        """Read a .jsonl file; an incomplete last line is ignored."""
        path = self.path / name
        try:
            content = read_whole(path, pipes=False)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise RunFolderError(f"cannot read {path}: {reason(error)}") from error
        found = []
        for text in content.splitlines():
            try:
                line = parse_json(text)
            except ValueError:
                break
            if not isinstance(line, dict):
                raise RunFolderError(f"{path} is damaged: {line!r} is no object; start a new run")
            found.append(line)
        return found

    def records(self, name: str, kind: type[RecordT]) -> list[RecordT]:
        """Read a .jsonl file whose lines are dataclasses of one kind.

        Raises
        ------
        RunFolderError
            A line does not fit the dataclass.
        """
        try:
            return [from_json(kind, line) for line in self.lines(name)]
        except ConfigError as error:
            raise RunFolderError(
                f"{self.path / name} is damaged: {error}; start a new run"
            ) from error

    def rewrite(self, name: str, lines: Sequence[JsonObject]) -> None:
        """Replace a .jsonl file as a whole."""
        _replace(self.path / name, "".join(json.dumps(line) + "\n" for line in lines).encode())

    def write(self, name: str, value: JsonValue) -> None:
        """Replace a .json file as a whole."""
        write_json(self.path / name, value)

    def read(self, name: str) -> JsonValue:
        """Read a .json file; None if it does not exist yet."""
        path = self.path / name
        try:
            return parse_json(read_whole(path, pipes=False))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RunFolderError(f"cannot read {path}: {reason(error)}") from error
        except ValueError as error:
            raise RunFolderError(f"{path} is damaged: {error}; start a new run") from error


def write_json(path: Path, value: JsonValue) -> None:
    """Replace a JSON file as a whole."""
    _replace(path, (json.dumps(value, indent=2, allow_nan=False) + "\n").encode())


def _replace(path: Path, content: bytes) -> None:
    """Write a draft beside a file and move it into place."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name, delete=False) as draft:
        draft.write(content)
        draft.flush()
        os.fsync(draft.fileno())
    Path(draft.name).replace(path)
