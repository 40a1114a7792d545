"""Print, as JSON, the measured peak of a real run.

A program, so that the peak is that of a process that has done nothing else. Arguments: the model,
the folder of the cache, the folder of the run, the method, clients at once (0: all).
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

import psutil

from secfpp.config.partition import PartitionConfig
from secfpp.config.training import TrainingConfig
from secfpp.experiment.config import RunConfig
from secfpp.experiment.experiment import run_experiment
from secfpp.federation.workload import Sources

NUM_CONTEXT = 16
before: list[int] = []


def main() -> None:
    model, cache, out, method, at_once = sys.argv[1:]
    config = replace(config_of(model, Path(cache), method, int(at_once)), out=Path(out))
    run_experiment(config, check=note_memory)
    sys.stdout.write(json.dumps({"bytes": _high_water() - before[0]}) + "\n")


def config_of(model: str, cache: Path, method: str, at_once: int) -> RunConfig:
    """Return a run with little but training: each image is encoded once."""
    return RunConfig(
        model=model,
        device="cpu",
        methods=(method,),
        views="whole",
        partition=PartitionConfig(
            clients_per_domain=12,
            images_per_client=20,
            validation_images_per_client=2,
            test_images_per_domain=60,
        ),
        training=TrainingConfig(
            rounds=1,
            local_steps=1,
            shared_steps=1,
            num_context=NUM_CONTEXT,
            clients_at_once=at_once or None,
        ),
        cache_dir=cache,
    )


def note_memory(config: RunConfig, sources: Sources) -> None:
    """Keep what the process takes with a model and without images."""
    sources.outline  # noqa: B018
    before.append(psutil.Process().memory_info().rss)


def _high_water() -> int:
    """Return the highest resident memory of this process so far."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return 1024 * int(line.split()[1])
    raise RuntimeError("the kernel does not say")


if __name__ == "__main__":
    main()
