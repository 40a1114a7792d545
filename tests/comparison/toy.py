"""Comparisons of the toy federation, run in this process."""

from pathlib import Path

from mpc.reference.session import PlainSession
from secfpp.comparison.cells import list_cells
from secfpp.comparison.config import CompareConfig
from secfpp.comparison.folder import CompareFolder
from secfpp.config.clustering import ClusteringConfig
from secfpp.config.secure import SecureConfig
from secfpp.config.training import TrainingConfig
from secfpp.experiment.config import RunConfig
from secfpp.experiment.experiment import run_experiment
from secfpp.methods.registry import MethodName
from tests.federation.toy import TOY_PARTITION, T, toy_workload

ROUNDS = 3


def settings(
    *methods: MethodName, seeds: int = 2, epsilons: tuple[float, ...] = (1.0, 8.0)
) -> CompareConfig:
    base = RunConfig(
        partition=TOY_PARTITION,
        training=TrainingConfig(rounds=ROUNDS, local_steps=3, shared_steps=2, num_context=T),
        clustering=ClusteringConfig(k=3),
        methods=methods,
        seeds=seeds,
        first_seed=5,
    )
    return CompareConfig.of(base, epsilons=epsilons)


def plain_opener(secure: SecureConfig) -> PlainSession:
    return PlainSession()


def run_cells(path: Path, config: CompareConfig, *, leave_out: tuple[str, ...] = ()) -> None:
    """Make the folder of a comparison and run its cells one after another."""
    folder = CompareFolder.create(config, path)
    for cell in list_cells(config):
        if cell.name not in leave_out:
            run_experiment(folder.order(cell), workload=toy_workload(), opener=plain_opener)
