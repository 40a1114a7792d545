"""Rounds and bytes of the secure part of a round, counted in dry runs of the protocol."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import Final

from mpc.costs.job_cost import job_cost, total
from mpc.jobs.job import ClusterJob
from mpc.roles.dry_run import JobShape
from mpc.secpc.cost import coded_cost
from secfpp.analysis.estimate.sizes import Sizes
from secfpp.config.clustering import DescriptorName
from secfpp.experiment.config import RunConfig
from secfpp.methods.shared.round_job import job_of

__all__ = ["FEW_ITERATIONS", "SecureCost", "secure_cost"]

ELEMENT_BYTES: Final = 8
FEW_ITERATIONS: Final = 3
"""Iterations of k-means that separated clusters take, the one that finds no change included."""


@dataclass(frozen=True, kw_only=True)
class SecureCost:
    """The secure part of one round of communication; payloads without frames and TLS."""

    iterations: int
    rounds: int
    bytes_party: int
    """Bytes that a party sends online to all others."""
    bytes_dealer: int
    """Bytes that the dealer sends."""
    bytes_client: int
    """Bytes of shares that a client sends."""


def secure_cost(
    config: RunConfig,
    sizes: Sizes,
    *,
    width: int,
    round_index: int = 0,
    iterations: int | None = None,
) -> SecureCost:
    """Count the cost of a round of `secfpp`.

    Parameters
    ----------
    config : RunConfig
    sizes : Sizes
    width : int
        Width W of a token.
    round_index : int
        0 for the first round, which begins at fresh centres; later ones begin warm.
    iterations : int, optional
        Iterations of k-means. None: `FEW_ITERATIONS`, as many as a warm round has, or all of a
        protocol that does not stop early.
    """
    parties = config.secure.parties
    clients = max(1, ceil(config.participation * sizes.clients - 1e-9))
    prompt = config.training.num_context * width
    dim = _dimensions(config.clustering.descriptor, config, sizes, prompt)
    payload = prompt + (sizes.classes * sizes.embed_dim if config.personal.prototypes else 0)
    job = job_of(config.clustering, clients, round_index, protocol=config.secure.protocol)
    if iterations is None:
        most = job.warm_iterations if job.start == "warm" else None
        iterations = most or job.iterations
        if job.protocol != "crypten":  # which does them all
            iterations = min(iterations, FEW_ITERATIONS)
    job = replace(
        job,
        iterations=iterations,
        value_bound=1.0,
        payload_bound=1.0,
    )
    if job.protocol == "secpc":
        return _coded_cost(config, job, clients, (dim, payload))
    shape = JobShape(job=job, num_points=clients, dim=dim, payload=payload, num_parties=parties)
    cost = total(job_cost(shape, iterations=iterations).values())
    return SecureCost(
        iterations=iterations,
        rounds=cost.rounds,
        bytes_party=(parties - 1) * cost.online,
        bytes_dealer=cost.dealt(parties),
        bytes_client=ELEMENT_BYTES * parties * (dim + payload),
    )


def _coded_cost(
    config: RunConfig, job: ClusterJob, clients: int, shape: tuple[int, int]
) -> SecureCost:
    """Return the cost of a round in which clients compute for one another."""
    cost = coded_cost(
        job,
        config.secure.secpc.code(clients),
        dim=shape[0],
        payload=shape[1],
        iterations=job.iterations,
        masking=config.secure.secpc.masking,
    )
    return SecureCost(
        iterations=job.iterations,
        rounds=cost.rounds,
        bytes_party=0,
        bytes_dealer=0,
        bytes_client=cost.bytes_client,
    )


def _dimensions(name: DescriptorName, config: RunConfig, sizes: Sizes, payload: int) -> int:
    """Return the dimensions of a descriptor."""
    if name in ("projected-update", "projected-prompt"):
        return config.clustering.projection_dim
    if name in ("text-features", "text-shift"):
        return sizes.classes * sizes.embed_dim
    return sizes.embed_dim if name == "mean-image" else payload
