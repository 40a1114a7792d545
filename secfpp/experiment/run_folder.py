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

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save_file

from mpc.whole_file import read_whole
from secfpp.config.tree import JsonValue, to_json
from secfpp.errors import RunFolderError, SecfppError, reason
from secfpp.experiment.config import RunConfig, load_config
from secfpp.experiment.record_folder import RecordFolder, write_json
from secfpp.experiment.versions import collect_versions
from secfpp.learning.prompts import PromptState

__all__ = ["RunFolder", "predates_parts"]

_NO_STATE = (OSError, LookupError, TypeError, ValueError, RuntimeError)
"""Errors from absent tensors or tensors of other shapes."""


class RunFolder(RecordFolder):
    """The folder of one run.

    Parameters
    ----------
    path : Path
        An existing run folder; `RunFolder.create` makes one.
    """

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
