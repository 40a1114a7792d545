"""All differentially private methods in whole runs."""

import json
from pathlib import Path

import pytest
import torch

from secfpp.config.privacy import PrivacyConfig
from secfpp.config.training import TrainingConfig
from secfpp.experiment.config import RunConfig
from secfpp.experiment.experiment import run_experiment
from secfpp.experiment.units import Silence
from secfpp.methods.registry import METHODS, MethodName
from tests.federation.toy import TOY_PARTITION, T, toy_workload

PRIVATE: tuple[MethodName, ...] = tuple(
    name for name, method in METHODS.items() if method.statement is not None
)


def config(out: Path) -> RunConfig:
    return RunConfig(
        partition=TOY_PARTITION,
        training=TrainingConfig(rounds=2, local_steps=3, shared_steps=2, num_context=T),
        privacy=PrivacyConfig(epsilon=2.0),
        methods=PRIVATE,
        participation=0.8,
        out=out,
    )


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.slow
def test_every_result_carries_its_whole_statement(tmp_path: Path) -> None:
    others = {"dp-promptfl", "ldp-promptfl", "dp-clusters", "dp-fpl"}
    assert set(PRIVATE) == others | {"dp-secfpp", "dp-secfpp-plain"}
    summary = run_experiment(config(tmp_path / "run"), Silence(), workload=toy_workload())
    results = json.loads((summary.folder / "results.json").read_text())["methods"]
    for name in PRIVATE:
        said, words = results[name]["privacy"], results[name]["privacy_in_words"]
        assert results[name]["epsilon"] == said["epsilon_pld"] <= said["epsilon_target"] == 2.0
        assert said["compositions"] == (6 if name == "dp-fpl" else 2)
        assert (said["epsilon_paper"] is not None) == (name == "dp-fpl")
        for part in ("unit", "neighbours", "sampling", "covers", "trust"):
            assert said[part]
            assert said[part] in words
        assert (said["guarantee"] == "pipeline") == ("secfpp" in name)
        assert ("(pipeline)" in results[name]["title"]) == ("secfpp" in name)


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on(tmp_path: Path) -> None:
    from secfpp.errors import RunInterruptedError

    class Stop(Silence):
        def round_done(self, record: object) -> None:
            raise KeyboardInterrupt

    settings = config(tmp_path / "run")
    with pytest.raises(RunInterruptedError):
        run_experiment(settings, Stop(), workload=toy_workload())
    summary = run_experiment(RunConfig(resume=settings.out), Silence(), workload=toy_workload())
    assert {result.name: result.rounds_done for result in summary.results} == dict.fromkeys(
        PRIVATE, 2
    )
