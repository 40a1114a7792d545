"""On the embedded digits: what a client adds to its prompt, and what its neighbours add to that."""

from dataclasses import replace
from pathlib import Path

import pytest

from secfpp.config.partition import PartitionConfig
from secfpp.config.training import TrainingConfig
from secfpp.experiment.config import RunConfig
from secfpp.experiment.experiment import run_experiment
from secfpp.experiment.units import Silence
from secfpp.federation.workload import load_workload
from tests.methods.personal import ALONE

pytestmark = pytest.mark.slow

CONFIG = RunConfig(
    device="cpu",
    views="whole",
    partition=PartitionConfig(label_mix=0.5, test_images_per_domain=300),
    training=TrainingConfig(rounds=2, local_steps=6, shared_steps=4),
    methods=("two-level-alone", "oracle"),
    seeds=2,
)


def test_neighbours_help_on_the_classes_that_a_client_lacks(tmp_path: Path) -> None:
    """With uneven labels and few steps; margins are about half of what two seeds gave."""
    workload = load_workload(CONFIG, num_context=CONFIG.training.num_context)
    whole = run_experiment(replace(CONFIG, out=tmp_path / "whole"), Silence(), workload=workload)
    alone, oracle = whole.results
    for own, together in zip(alone.uniform.per_seed, oracle.uniform.per_seed, strict=True):
        assert together > own + 0.03
    bare = replace(CONFIG, personal=ALONE, methods=("oracle",), out=tmp_path / "bare")
    without = run_experiment(bare, Silence(), workload=workload).results[0]
    for own, together in zip(without.own_mix.per_seed, oracle.own_mix.per_seed, strict=True):
        assert together > own + 0.03
