"""How well each descriptor shows the domains: ARI and chosen k, over seeds.

Descriptors are taken after the local steps of the first round. No average has been formed by then
that would make clients of a cluster alike.
"""

from dataclasses import dataclass
from typing import get_args

import numpy as np
import torch

from mpc.jobs.job import ClusterJob
from mpc.reference.session import PlainSession
from secfpp.config.clustering import DescriptorName
from secfpp.experiment.config import RunConfig
from secfpp.experiment.results import Estimate, estimate
from secfpp.federation.cohort import Cohort
from secfpp.federation.evaluation import rand_index
from secfpp.federation.workload import Workload, load_workload
from secfpp.learning.descriptors import ClientView, describe
from secfpp.learning.prompts import FloatArray, PromptState
from secfpp.learning.training import train_part
from secfpp.methods.interface import IntArray
from secfpp.methods.shared.plans import two_level
from secfpp.seeds import Seeds

__all__ = ["DescriptorScore", "descriptor_report"]


@dataclass(frozen=True, kw_only=True)
class DescriptorScore:
    """How well one descriptor shows the domains."""

    name: DescriptorName
    dimensions: int
    """Dimensions D."""
    seeds: tuple[int, ...]
    ari: Estimate
    """ARI of k-means with k = number of domains, by the plaintext twin."""
    chosen_k: tuple[int, ...]
    """The k in 1..8 that `mpc.reference.separation` chooses, one for each seed."""


def descriptor_report(
    config: RunConfig, workload: Workload | None = None
) -> tuple[DescriptorScore, ...]:
    """Compare all descriptors on the seeds of a configuration.

    Parameters
    ----------
    config : RunConfig
        Data, model, partition, training and seeds are used; methods are not.
    workload : Workload, optional
        Data and model, if the caller has loaded them already.

    Returns
    -------
    tuple of DescriptorScore
        In the order of `DescriptorName`.

    Raises
    ------
    SecfppError
        See `load_workload` and `train_part`.
    """
    workload = workload or load_workload(config, num_context=config.training.num_context)
    views: list[tuple[ClientView, IntArray]] = []
    for seed in config.seed_list:
        cohort = workload.cohort(config.partition, Seeds(seed))
        views.append((_first_round(config, workload, cohort), cohort.domain_N))
    return tuple(_score(name, config, views) for name in get_args(DescriptorName))


def _first_round(config: RunConfig, workload: Workload, cohort: Cohort) -> ClientView:
    """Train every client's P_G from the common start, as in the first round."""
    work = two_level(config.training).shared
    state = PromptState.start(workload.initial_TW, cohort.num_clients)
    trained = train_part(
        workload.tower,
        cohort.train,
        part_NTW=state.shared_NTW,
        other_NTW=torch.zeros_like(state.shared_NTW),
        logit_scale=workload.logit_scale,
        work=work,
    )
    state = state.replace(shared_NTW=trained.part_NTW)
    return ClientView(
        tower=workload.tower,
        shared_NTW=state.shared_NTW,
        update_NM=state.updates(),
        initial_TW=state.initial_TW,
        shards=cohort.train,
    )


def _score(
    name: DescriptorName, config: RunConfig, views: list[tuple[ClientView, IntArray]]
) -> DescriptorScore:
    """Cluster by one descriptor on every seed."""
    scores, chosen, dimensions = [], [], 0
    for view, domain_N in views:
        points_ND = describe(name, view, config.clustering.projection_dim)
        dimensions = points_ND.shape[1]
        scores.append(_ari(points_ND, domain_N, config.clustering.iterations))
        chosen.append(_chosen_k(points_ND, config.clustering.iterations))
    return DescriptorScore(
        name=name,
        dimensions=dimensions,
        seeds=config.seed_list,
        ari=estimate(scores),
        chosen_k=tuple(chosen),
    )


def _ari(points_ND: FloatArray, domain_N: IntArray, iterations: int) -> float:
    """Cluster with k = number of domains and compare with them."""
    k = min(len(np.unique(domain_N)), len(points_ND))
    job = ClusterJob(k=k, iterations=iterations, centre=False, norm_bound=1.0)
    result = PlainSession().cluster(job, points_ND, points_ND)
    if result.labels_N is None:
        raise RuntimeError("the plaintext twin returned no labels")
    return rand_index(domain_N, result.labels_N)


def _chosen_k(points_ND: FloatArray, iterations: int) -> int:
    """Return the k that is chosen if none is given."""
    job = ClusterJob(k=None, iterations=iterations, centre=False, norm_bound=1.0)
    return PlainSession().cluster(job, points_ND, points_ND).k
