"""Print, as JSON, what a run takes: the estimate, or the measured peak of a real run.

A program, so that each figure comes from a process that has done nothing else. Arguments: what
("estimate" or "run"), the model, a folder, the method, clients at once (0: all).
"""

import json
import sys
from pathlib import Path

import psutil

from secfpp.analysis.estimate.estimate import estimate_run
from secfpp.config.partition import PartitionConfig
from secfpp.config.training import TrainingConfig
from secfpp.experiment.config import RunConfig
from secfpp.experiment.experiment import run_experiment
from secfpp.federation.workload import Sources, open_sources

before: list[int] = []


def main() -> None:
    what, model, folder, method, at_once = sys.argv[1:]
    config = RunConfig(
        model=model,
        device="cpu",
        methods=(method,),
        partition=PartitionConfig(
            clients_per_domain=12, images_per_client=20, test_images_per_domain=200
        ),
        training=TrainingConfig(
            rounds=1,
            local_steps=2,
            shared_steps=1,
            num_context=16,
            clients_at_once=int(at_once) or None,
        ),
        cache_dir=Path(folder) / "cache",
        out=Path(folder) / f"{method}-{at_once}",
    )
    if what == "estimate":
        found = estimate_run(config, open_sources(config, num_context=16))
        said = {"bytes": found.memory.on_host(config.training.clients_at_once)}
    else:
        run_experiment(config, check=note_memory)
        peak = _high_water() - before[0]
        said = {"bytes": peak}
    sys.stdout.write(json.dumps(said) + "\n")


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
