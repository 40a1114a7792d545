"""The scene of an attack: the clients of a finished unit, as they enter the next round.

A run folder keeps every client's prompt, a simulation's privilege. Clients take the local steps of
the round after the last one, as they would in the run, and so all that they would send is at hand:
what each attacker sees is computed from it.

Shape letters: N clients, M numbers of a prompt, C classes, G domains, S test images of a domain
(padded), R prompts.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from mpc.reference.session import PlainSession
from secfpp.config.clustering import ClusteringConfig
from secfpp.errors import RunFolderError
from secfpp.experiment.config import RunConfig
from secfpp.experiment.run_folder import RunFolder
from secfpp.experiment.unit_federation import federation_of
from secfpp.experiment.units import Unit
from secfpp.federation.cohort import Cohort
from secfpp.federation.evaluation import class_accuracy
from secfpp.federation.round import Federation, batch_of, before_exchange
from secfpp.federation.workload import Workload
from secfpp.learning.losses import Shards
from secfpp.learning.prompts import FloatArray, PromptState
from secfpp.methods.interface import ClientBatch, Contribution, IntArray
from secfpp.methods.registry import METHODS
from secfpp.methods.shared.personal import Personalised
from secfpp.methods.shared.trainers import TwoPhase
from secfpp.seeds import Seeds

__all__ = ["Scene", "attack_seeds", "open_scene", "plain_federation"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """One method on one seed, in the round after its last."""

    config: RunConfig
    unit: Unit
    workload: Workload
    federation: Federation
    state: PromptState
    """After the last round."""
    trained: PromptState
    """After the local steps of the next round, before its exchange."""
    contribution: Contribution
    """What clients send: P_G after what the method itself adds to it, such as noise."""

    @property
    def cohort(self) -> Cohort:
        """What the clients own."""
        return self.federation.cohort

    @property
    def everyone(self) -> IntArray:
        """Numbers of all clients, (N,)."""
        return np.arange(self.cohort.num_clients, dtype=np.int64)

    @property
    def clustering(self) -> ClusteringConfig:
        """How clients are clustered."""
        return self.config.clustering

    @property
    def title(self) -> str:
        """Name of the method for readers."""
        return METHODS[self.unit.method].card.title

    @cached_property
    def update_NM(self) -> FloatArray:
        """Each client's own P_G minus the public start, before any noise of the method."""
        return clean_updates(self.federation, self.state, self.contribution)

    @cached_property
    def own_accuracy_N(self) -> FloatArray:
        """Accuracy of each client's own prompt P_G + P_L, alone, on its own label mix."""
        whole_NM = self.update_NM + _flat(self.state.local_NTW)
        return np.array(np.diagonal(self.accuracies(whole_NM)))

    @cached_property
    def start_accuracy_N(self) -> FloatArray:
        """Accuracy of the public start on each client's own label mix."""
        start_1M = np.zeros((1, self.update_NM.shape[1]))
        return np.asarray(self.accuracies(start_1M)[0])

    @torch.no_grad()
    def accuracies(self, update_RM: FloatArray) -> FloatArray:
        """Return the accuracy of prompts, each alone, on the test images of every client.

        Parameters
        ----------
        update_RM : ndarray of float64, (R, M)
            Prompts minus the public start.

        Returns
        -------
        ndarray of float64, (R, N)
            Weighted by each client's own label mix.
        """
        start_TW = self.workload.initial_TW
        moved = torch.from_numpy(update_RM).to(start_TW).reshape(-1, *start_TW.shape)
        text_RCE = self.workload.tower(start_TW + moved)

        def classify(rows_r: IntArray, images: Shards) -> torch.Tensor:
            return images.features_NBE @ text_RCE[torch.from_numpy(rows_r)].transpose(1, 2)

        found_RN = np.empty((len(update_RM), self.cohort.num_clients))
        mix_NC = self.cohort.label_mix_NC.cpu().numpy()
        for domain in range(len(self.cohort.domain_names)):
            of_domain = np.full(len(update_RM), domain, dtype=np.int64)
            by_class_RC = class_accuracy(classify, self.cohort, of_domain).cpu().numpy()
            weight_NC = mix_NC * np.isfinite(by_class_RC).all(axis=0)
            weight_NC = weight_NC / weight_NC.sum(axis=1, keepdims=True).clip(min=1e-12)
            here_N = self.cohort.domain_N == domain
            found_RN[:, here_N] = (np.nan_to_num(by_class_RC) @ weight_NC.T)[:, here_N]
        return found_RN


def open_scene(
    folder: RunFolder, config: RunConfig, unit: Unit, workload: Workload, cohort: Cohort
) -> Scene:
    """Let the clients of a finished unit take the local steps of one more round.

    Parameters
    ----------
    folder : RunFolder
        With the unit's last state.
    config : RunConfig
    unit : Unit
    workload : Workload
    cohort : Cohort
        Of the unit's seed.

    Raises
    ------
    RunFolderError
        If the unit has not begun, or its state is damaged.
    """
    state = folder.load_state(unit.key)
    if state is None:
        raise RunFolderError(
            f"{folder.path} has no prompts of {unit.key}; finish the run with --resume first"
        )
    state = state.to(workload.device)
    federation = plain_federation(config, unit, workload, cohort)
    everyone = np.arange(cohort.num_clients, dtype=np.int64)
    shared = before_exchange(federation, state, everyone)
    return Scene(
        config=config,
        unit=unit,
        workload=workload,
        federation=federation,
        state=state,
        trained=shared.state,
        contribution=shared.contribution,
    )


def plain_federation(
    config: RunConfig, unit: Unit, workload: Workload, cohort: Cohort
) -> Federation:
    """Return the federation of a unit; secure clustering is replaced by its plaintext twin.

    The twin gives the same labels and means, so prompts are those of the secure run.
    """
    return federation_of(config, unit, workload, cohort, open_session=PlainSession)


def clean_updates(
    federation: Federation, state: PromptState, contribution: Contribution
) -> FloatArray:
    """Return P_G minus the public start after the local steps, without noise, (N, M)."""
    trainer = federation.trainer
    base = trainer.base if isinstance(trainer, Personalised) else trainer
    if type(base) is TwoPhase or not isinstance(base, TwoPhase):
        return contribution.update_nM
    batch = _whole_batch(federation, state)
    trained, _ = TwoPhase(plan=base.plan).shared(batch, state)
    return trained.updates()


def _whole_batch(federation: Federation, state: PromptState) -> ClientBatch:
    """Return all clients as one batch."""
    everyone = np.arange(state.num_clients, dtype=np.int64)
    return batch_of(federation, everyone, state.rounds_done)


def _flat(part_NTW: torch.Tensor) -> FloatArray:
    """Return prompts as rows, (N, M) float64."""
    return np.asarray(part_NTW.double().flatten(1).cpu().numpy(), dtype=np.float64)


def attack_seeds(seed: int, unit: Unit) -> Seeds:
    """Return the generators of the attacks on one unit."""
    return Seeds(Seeds(seed).number(f"attacks on {unit.key}"))
