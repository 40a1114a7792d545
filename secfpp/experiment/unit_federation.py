"""The constants of all rounds of one method on one seed, from the settings of a run."""

from collections.abc import Callable

from mpc.jobs.result import Session
from secfpp.experiment.config import RunConfig
from secfpp.experiment.units import Unit
from secfpp.federation.cohort import Cohort
from secfpp.federation.round import Federation
from secfpp.federation.workload import Workload
from secfpp.learning.descriptors import public_axes
from secfpp.methods.interface import MethodContext, Trainer
from secfpp.methods.registry import METHODS
from secfpp.methods.shared.personal import make_trainer
from secfpp.methods.shared.prototypes import make_exchange
from secfpp.seeds import Seeds

__all__ = ["federation_of", "trainer_of"]


def trainer_of(config: RunConfig, unit: Unit) -> Trainer:
    """Make the local work of a unit."""
    method = METHODS[unit.method]
    return make_trainer(method, config.settings_of(method), Seeds(unit.seed))


def federation_of(
    config: RunConfig,
    unit: Unit,
    workload: Workload,
    cohort: Cohort,
    *,
    open_session: Callable[[], Session],
    heartbeat: Callable[[], None] = lambda: None,
) -> Federation:
    """Gather what stays the same over the rounds of a unit.

    Parameters
    ----------
    config : RunConfig
    unit : Unit
    workload : Workload
    cohort : Cohort
        All clients of the unit's seed.
    open_session : callable
        Returns the session on which a method clusters; called by methods that need one.
    heartbeat : callable
        Called before each local step; raises if a computing party has died.
    """
    method = METHODS[unit.method]
    trainer = trainer_of(config, unit)
    context = MethodContext(
        settings=config.settings_of(method),
        seeds=Seeds(unit.seed),
        domain_N=cohort.domain_N,
        open_session=open_session,
        public_axes=lambda num_axes: public_axes(
            config.clustering.descriptor,
            workload.tower,
            workload.initial_TW,
            num_axes,
            config.clustering.projection_dim,
        ),
    )
    return Federation(
        cohort=cohort if trainer.needs_patches else cohort.without_patches(),
        tower=workload.tower,
        logit_scale=workload.logit_scale,
        trainer=trainer,
        exchange=make_exchange(method, context),
        descriptor=config.clustering.descriptor,
        projection_dim=config.clustering.projection_dim,
        describe_once=config.clustering.describe_once,
        rounds=config.training.rounds,
        heartbeat=heartbeat,
        clients_at_once=config.training.clients_at_once,
    )
