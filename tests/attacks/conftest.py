"""A small finished run in a toy world, which attacks read."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from secfpp.config.clustering import ClusteringConfig
from secfpp.config.training import TrainingConfig
from secfpp.experiment.config import RunConfig
from secfpp.experiment.experiment import run_experiment
from secfpp.federation.workload import Workload
from tests.federation.toy import TOY_PARTITION, T, toy_workload

SETTINGS = RunConfig(
    partition=TOY_PARTITION,
    training=TrainingConfig(rounds=3, local_steps=6, shared_steps=4, num_context=T),
    clustering=ClusteringConfig(k=3),
    methods=("local-only", "promptfl", "ldp-promptfl", "secfpp-plain"),
    seeds=2,
)


@pytest.fixture(scope="session")
def workload() -> Workload:
    return toy_workload()


@pytest.fixture(scope="session")
def attacked_run(tmp_path_factory: pytest.TempPathFactory, workload: Workload) -> Path:
    """The folder of the run; tests copy it before they write into it."""
    folder = tmp_path_factory.mktemp("attacked") / "run"
    run_experiment(replace(SETTINGS, out=folder), workload=workload)
    return folder


@pytest.fixture
def run_copy(attacked_run: Path, tmp_path: Path) -> Path:
    """A copy of the run that a test may write into."""
    return Path(shutil.copytree(attacked_run, tmp_path / "copy"))
