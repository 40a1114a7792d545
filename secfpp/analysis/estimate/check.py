"""Refuse a run that needs more memory than there is, before any image is opened."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from secfpp.analysis.estimate.estimate import memory_of_run, weight_bytes
from secfpp.analysis.estimate.memory import Memory, Room, room_of
from secfpp.analysis.estimate.sizes import count_sizes
from secfpp.comparison.cells import list_cells
from secfpp.comparison.config import CompareConfig
from secfpp.errors import ConfigError
from secfpp.experiment.config import RunConfig
from secfpp.federation.workload import open_sources

if TYPE_CHECKING:
    from secfpp.federation.workload import Sources

__all__ = ["check_comparison", "check_memory", "refusal"]

LIBRARIES_BYTES: Final = 600_000_000
"""Of a worker before it has a model."""
CONTEXT_BYTES: Final = 500_000_000
"""Of a process on a GPU before it has a tensor."""

SMALL: Final = 100_000_000
"""Below this rough count of numbers in a step and in all features, nothing is probed. The default
run has less than half of it."""


def check_memory(config: RunConfig, sources: Sources) -> None:
    """Refuse a run for which there is not enough memory.

    Raises
    ------
    ConfigError
        Names what is needed, what there is, and a remedy.
    DataError
        If the partition is not possible.
    """
    if _is_small(config, sources):
        return
    memory = memory_of_run(config, sources)
    reason = refusal(memory, room_of(sources.clip.device), config.training.clients_at_once)
    if reason:
        raise ConfigError(reason)


def check_comparison(asked: CompareConfig) -> None:
    """Refuse a comparison whose workers do not fit into memory together.

    The embedded model is not checked: it fits everywhere, and loading it twice takes seconds.

    Raises
    ------
    ConfigError, DataError
        As `check_memory`.
    """
    if asked.base.model == "embedded":
        return
    settings = replace(asked.base, methods=asked.methods, first_seed=asked.first_seed)
    sources = open_sources(settings, num_context=settings.training.num_context)
    if _is_small(settings, sources):
        return
    jobs = asked.jobs_for(len(list_cells(asked)))
    room = room_of_worker(room_of(sources.clip.device), jobs, weight_bytes(sources))
    at_once = settings.training.clients_at_once
    reason = refusal(memory_of_run(settings, sources), room, at_once)
    if reason:
        raise ConfigError(f"of {jobs} workers at once (--jobs), each: {reason}")


def room_of_worker(room: Room, jobs: int, weights: int) -> Room:
    """Return what one of several workers may take beside its libraries and its model."""
    on_gpu = room.device is not None
    return Room(
        host=room.host // jobs - LIBRARIES_BYTES - (0 if on_gpu else weights),
        device=None if room.device is None else room.device // jobs - CONTEXT_BYTES - weights,
    )


def refusal(memory: Memory, room: Room, at_once: int | None) -> str:
    """Return why a run does not fit and what to do; "" if it fits."""
    if memory.fits(room, at_once):
        return ""
    needs = [f"{_gigabytes(memory.on_host(at_once))} more of host memory"]
    has = [_gigabytes(room.host)]
    if room.device is not None:
        needs.append(f"{_gigabytes(memory.on_device(at_once))} more of GPU memory")
        has.append(_gigabytes(room.device))
    return (
        f"the run needs {' and '.join(needs)}, and there are {' and '.join(has)}; "
        f"{_remedy(memory, room, at_once)}, or go on anyway with --beyond-memory"
    )


def _remedy(memory: Memory, room: Room, at_once: int | None) -> str:
    """Return what makes the run fit, or what takes most."""
    fitting = memory.clients_that_fit(room, at_once)
    if fitting is not None:
        return f"train fewer clients at once with --clients-at-once {fitting}"
    largest = memory.largest(1)
    return (
        f"{largest.name} takes most ({_gigabytes(memory.of_method(largest, 1))} with one client at "
        "once): leave it out, or lower --images-per-class, --images-per-client or "
        "--test-images-per-domain"
    )


def _is_small(config: RunConfig, sources: Sources) -> bool:
    """Tell whether a run is so small that no machine lacks the memory."""
    sizes = count_sizes(config, sources)
    layers = len(sources.clip.tower.transformer.resblocks)
    live = sizes.classes * (config.training.num_context + 8)
    states = sizes.clients * max(1, sizes.images_per_client) * live * sources.clip.width * layers
    return states + sizes.encoded_bytes(with_patches=True) < SMALL


def _gigabytes(count: float) -> str:
    return f"{count / 1e9:.1f} GB"
