"""What the tests of the literature's methods share: a toy federation of a method, resumed runs."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from safetensors.torch import load_file

from mpc.reference.session import PlainSession
from secfpp.config.clustering import ClusteringConfig
from secfpp.config.inside import InsideConfig
from secfpp.config.personal import PersonalConfig
from secfpp.config.training import TrainingConfig
from secfpp.errors import RunInterruptedError
from secfpp.experiment.config import RunConfig
from secfpp.experiment.experiment import run_experiment
from secfpp.federation.round import Federation
from secfpp.learning.descriptors import public_axes
from secfpp.methods.interface import AnyMethod, Method, MethodContext
from secfpp.methods.registry import MethodName
from secfpp.methods.shared.personal import make_trainer
from secfpp.methods.shared.prototypes import make_exchange
from secfpp.seeds import Seeds
from tests.experiment.test_experiment import StopAfter, plain_opener, without_seconds
from tests.federation.toy import SCALE, TOY_PARTITION, E, T, ToyTower, W, toy_cohort, toy_workload

OwnT = TypeVar("OwnT")


ALONE: Final = PersonalConfig(memory=False, prior=False, prototypes=False, choose=False)
"""Clients add nothing to the method's own prompt."""


def toy_config(personal: PersonalConfig = ALONE) -> RunConfig:
    """Settings for the toy federation; by default methods alone, without what clients add."""
    return RunConfig(
        personal=personal,
        partition=TOY_PARTITION,
        training=TrainingConfig(rounds=4, local_steps=6, shared_steps=4, num_context=T),
        clustering=ClusteringConfig(k=3),
        inside=InsideConfig(dp_dims=3),
    )


def with_own(method: Method[OwnT], own: OwnT, config: RunConfig | None = None) -> RunConfig:
    """Replace a method's own settings in those of a run, or of a toy run."""
    branch: dict[str, Any] = {method.branch: own}
    return replace(toy_config() if config is None else config, **branch)


def federation(method: AnyMethod, config: RunConfig, seed: int = 0) -> Federation:
    cohort = toy_cohort(seed)
    settings = config.settings_of(method)
    context = MethodContext(
        settings=settings,
        seeds=Seeds(seed),
        domain_N=np.full(cohort.num_clients, -1, dtype=np.int64),
        open_session=PlainSession,
        public_axes=lambda num_axes: public_axes(
            "text-features", ToyTower(), torch.zeros(T, W), num_axes, 4
        ),
    )
    return Federation(
        cohort=cohort,
        tower=ToyTower(),
        logit_scale=SCALE,
        trainer=make_trainer(method, settings, Seeds(seed)),
        exchange=make_exchange(method, context),
        descriptor="text-features",
        projection_dim=4,
    )


def with_regions(fed: Federation) -> Federation:
    """Give every image three regions, drawn at random."""
    cohort = toy_cohort()
    generator = torch.Generator().manual_seed(2)

    def regions(of: torch.Tensor) -> torch.Tensor:
        return F.normalize(torch.randn(*of.shape[:2], 3, E, generator=generator), dim=-1)

    train = replace(cohort.train, patches_NBRE=regions(cohort.train.features_NBE))
    held_out = replace(cohort.validation, patches_NBRE=regions(cohort.validation.features_NBE))
    tested = regions(cohort.test_features_GSE)
    cohort = replace(cohort, train=train, validation=held_out, test_patches_GSRE=tested)
    return replace(fed, cohort=cohort)


def resumed_equals_uninterrupted(name: MethodName, folder: Path) -> None:
    """Four rounds at once, and four of which two come after Ctrl-C: the same to the bit."""

    def settings(out: Path) -> RunConfig:
        return RunConfig(
            partition=TOY_PARTITION,
            training=toy_config().training,
            clustering=ClusteringConfig(k=3),
            methods=(name,),
            participation=0.8,
            out=out,
        )

    whole = run_experiment(settings(folder / "whole"), workload=toy_workload(), opener=plain_opener)
    with pytest.raises(RunInterruptedError):
        run_experiment(
            settings(folder / "parts"), StopAfter(2), workload=toy_workload(), opener=plain_opener
        )
    parts = run_experiment(
        RunConfig(resume=folder / "parts"), workload=toy_workload(), opener=plain_opener
    )
    assert without_seconds(parts.folder) == without_seconds(whole.folder)
    states = [
        load_file(run.folder / "state" / name / "seed0.safetensors") for run in (whole, parts)
    ]
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
