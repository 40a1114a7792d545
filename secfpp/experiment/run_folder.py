"""The files of a run. A kill at any moment loses one round at most.

config.json           settings, resolved
versions.json         Python, packages, machine
data.json             which images: checksums, files passed over, the split file if there is one
metrics.jsonl         one line for each seed, method and round
ledger.jsonl          one line for each opening; never shortened, also if a round is run again
traffic.json          per method and seed: the cost of each round
clusters.json         simulation only: domains, found labels, a 2-d map of descriptors
results.json          the table
prompts.safetensors   `{method}/seed{s}/shared` and `/local`, (N, T, W) float32
state/                one file for each method and seed, for `--resume`
"""

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save_file

from mpc.whole_file import read_whole
from secfpp.config.tree import JsonValue, from_json, to_json
from secfpp.errors import ConfigError, RunFolderError, SecfppError, reason
from secfpp.experiment.config import RunConfig, load_config
from secfpp.experiment.versions import collect_versions
from secfpp.json_file import parse_json
from secfpp.learning.prompts import PromptState

__all__ = ["RunFolder", "predates_parts", "write_json"]

RecordT = TypeVar("RecordT")
_NO_STATE = (OSError, LookupError, TypeError, ValueError, RuntimeError)
"""Errors from absent tensors or tensors of other shapes."""
JsonObject = Mapping[str, JsonValue]


class RunFolder:
    """The folder of one run.

    Parameters
    ----------
    path : Path
        An existing run folder; `RunFolder.create` makes one.
    """

    def __init__(self, path: Path) -> None:
        if not (path / "config.json").is_file():
            raise RunFolderError(f"{path} has no config.json: not a run folder; check the path")
        self.path = path

    @classmethod
    def create(cls, config: RunConfig) -> "RunFolder":
        """Make the folder of a new run and write its settings and versions.

        Raises
        ------
        RunFolderError
            If the folder exists with something in it, or cannot be made.
        """
        path = config.out or Path("runs") / datetime.now().strftime("%Y%m%d-%H%M%S-%f")[:-3]
        try:
            path.mkdir(parents=True, exist_ok=True)
            if any(path.iterdir()):
                raise RunFolderError(f"{path} is not empty; choose another --out, or --resume it")
        except OSError as error:
            raise RunFolderError(f"cannot make {path}: {error.strerror}") from error
        write_json(path / "versions.json", dict(collect_versions()))
        write_json(path / "config.json", to_json(config))
        return cls(path)

    @property
    def predates_parts(self) -> bool:
        """Whether a release began the run that drew other images from the same seed.

        Domains had no reporting and no development part then.
        """
        return predates_parts(self.read("config.json"))

    def config(self) -> RunConfig:
        """Read the settings of the run."""
        return load_config(self.path / "config.json")

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

    def save_state(self, unit: str, state: PromptState) -> None:
        """Save the prompts of one method and seed after a round."""
        tensors = {
            "initial": state.initial_TW.cpu(),
            "shared": state.shared_NTW.cpu(),
            "local": state.local_NTW.cpu(),
            "rounds_done": torch.tensor(state.rounds_done),
            **{f"extra/{name}": rows.cpu() for name, rows in state.extra.items()},
        }
        self._save_tensors(Path("state") / f"{unit}.safetensors", tensors)

    def load_state(self, unit: str) -> PromptState | None:
        """Return the prompts of one method and seed as last saved; None if it has not begun."""
        path = self.path / "state" / f"{unit}.safetensors"
        try:
            return self._state_of(load(read_whole(path, pipes=False)))
        except FileNotFoundError:
            return None
        except (SafetensorError, SecfppError, *_NO_STATE) as error:
            raise RunFolderError(
                f"{path} is damaged: {reason(error)}; delete it to redo it"
            ) from error

    @staticmethod
    def _state_of(tensors: Mapping[str, torch.Tensor]) -> PromptState:
        """Return the prompts in the tensors of a file."""
        return PromptState(
            initial_TW=tensors["initial"],
            shared_NTW=tensors["shared"],
            local_NTW=tensors["local"],
            extra={
                name.removeprefix("extra/"): rows
                for name, rows in tensors.items()
                if name.startswith("extra/")
            },
            rounds_done=int(tensors["rounds_done"]),
        )

    def save_prompts(self, states: Mapping[str, PromptState]) -> None:
        """Write all prompts; keys are `{method}/seed{s}`."""
        tensors = {}
        for key, state in states.items():
            tensors[f"{key}/shared"] = state.shared_NTW.cpu().contiguous()
            tensors[f"{key}/local"] = state.local_NTW.cpu().contiguous()
        self._save_tensors(Path("prompts.safetensors"), tensors)

    def _save_tensors(self, name: Path, tensors: Mapping[str, torch.Tensor]) -> None:
        """Write a safetensors file and move it into place."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, draft)
        draft.replace(path)


def predates_parts(settings: JsonValue) -> bool:
    """Tell whether the settings of a run were written before domains had parts."""
    partition = settings.get("partition") if isinstance(settings, dict) else None
    return isinstance(partition, dict) and "score_on" not in partition


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
