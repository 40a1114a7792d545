"""Rows, jobs and sessions that tests of the protocol share."""

from dataclasses import replace
from typing import Any

import numpy as np

from mpc.jobs.job import ClusterJob
from mpc.ring.fixedpoint import FloatArray
from mpc.secpc.session import SecPCSession
from mpc.secpc.settings import SecPCSettings

Rows = tuple[FloatArray, FloatArray]


def blobs(seed: int, num_points: int = 12, dim: int = 5, clusters: int = 3) -> Rows:
    """Return points around a few centres, and payloads."""
    generator = np.random.default_rng(seed)
    centres = 6 * generator.normal(size=(clusters, dim))
    labels = np.arange(num_points) % clusters
    points_ND = centres[labels] + generator.normal(size=(num_points, dim))
    return points_ND, generator.normal(size=(num_points, 7))


def job_of(**fields: Any) -> ClusterJob:
    """Return a job of the protocol, with three clusters unless told otherwise."""
    given: dict[str, Any] = {"k": 3, "protocol": "secpc", "reveal": "distances"} | fields
    return ClusterJob(**given)


def objects(settings: SecPCSettings | None = None) -> SecPCSession:
    """Return a session whose clients are objects of this process."""
    return SecPCSession(replace(settings or SecPCSettings(), client_processes=False))
