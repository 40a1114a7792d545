"""The estimate of a run: images, memory, seconds by method, rounds and bytes of the secure part."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import psutil

from secfpp.analysis.estimate.memory import Memory, Room, encode_blank, room_of, watch_encoding
from secfpp.analysis.estimate.probe import MethodProbe, probe_method
from secfpp.analysis.estimate.secure_cost import SecureCost, secure_cost
from secfpp.analysis.estimate.sizes import Sizes, count_sizes
from secfpp.experiment.config import RunConfig
from secfpp.methods.registry import METHODS, MethodName

if TYPE_CHECKING:
    from secfpp.federation.workload import Sources

__all__ = ["Estimate", "MethodEstimate", "estimate_run", "memory_of_run", "weight_bytes"]

LONG_ENOUGH_S: Final = 0.2
"""Images are encoded in larger batches until one takes this long."""


@dataclass(frozen=True, kw_only=True)
class MethodEstimate:
    """What one method takes."""

    name: MethodName
    step_s: float
    """Seconds of a step of all clients."""
    score_s: float
    """Seconds of scoring all clients after a round."""
    run_s: float
    """Seconds of all rounds on all seeds, without communication."""
    step_bytes: int
    """Peak of memory on the device, clients' tensors included."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a run takes."""

    device: str
    sizes: Sizes
    seeds: int
    rounds: int
    clients_at_once: int | None
    encode_s: float
    """Seconds of encoding all images, if none is in the cache."""
    cache_bytes: int
    """Features of all images on disk."""
    methods: tuple[MethodEstimate, ...]
    secure: tuple[SecureCost, ...]
    """Of the first round of `secfpp`, and of the second; empty if no method uses the parties."""
    host_bytes: int
    """Peak of host memory, that of this process now included."""
    host_free: int
    """Host memory that there is, that of this process now included."""
    device_bytes: int | None
    """Peak of GPU memory; None on a CPU."""
    device_free: int | None
    memory: Memory = field(repr=False)
    room: Room = field(repr=False)

    @property
    def total_s(self) -> float:
        """Seconds of the run without communication and reading of files."""
        return self.encode_s + sum(method.run_s for method in self.methods)


def memory_of_run(
    config: RunConfig, sources: Sources, *, timed: bool = False, sizes: Sizes | None = None
) -> Memory:
    """Probe all methods of a run for their memory; for their time if asked.

    Raises
    ------
    DataError
        If the partition is not possible.
    """
    from secfpp.clip.model import BATCH_SIZE

    found = sizes or count_sizes(config, sources)
    clip = sources.clip
    batch = min(BATCH_SIZE, found.largest_domain)
    starts_parties = config.secure.network is None and any(
        METHODS[name].uses_parties for name in config.methods
    )
    return Memory(
        sizes=found,
        probes=tuple(
            probe_method(name, config, sources, found, timed=timed) for name in config.methods
        ),
        encode_bytes=watch_encoding(clip, batch),
        parties=config.secure.parties if starts_parties else 0,
        batch=batch,
        image_size=clip.image_size,
        on_gpu=clip.device.type == "cuda",
    )


def estimate_run(config: RunConfig, sources: Sources) -> Estimate:
    """Estimate a run without training.

    Parameters
    ----------
    config : RunConfig
    sources : Sources
        Model and listed images.

    Raises
    ------
    DataError
        If the partition is not possible.
    """
    memory = memory_of_run(config, sources, timed=True)
    room = room_of(sources.clip.device)
    at_once = config.training.clients_at_once
    held = psutil.Process().memory_info().rss
    has_patches = any(probe.needs_patches for probe in memory.probes)
    weights = weight_bytes(sources)
    return Estimate(
        device=str(sources.clip.device),
        sizes=memory.sizes,
        seeds=config.seeds,
        rounds=config.training.rounds,
        clients_at_once=at_once,
        encode_s=_encoding_s(sources, memory.sizes, with_patches=has_patches),
        cache_bytes=memory.sizes.encoded_bytes(with_patches=has_patches),
        methods=tuple(_of_method(config, memory, probe) for probe in memory.probes),
        secure=_secure_costs(config, memory.sizes, width=sources.clip.width),
        host_bytes=held + memory.on_host(at_once),
        host_free=held + room.host,
        device_bytes=weights + memory.on_device(at_once) if memory.on_gpu else None,
        device_free=None if room.device is None else weights + room.device,
        memory=memory,
        room=room,
    )


def _of_method(config: RunConfig, memory: Memory, probe: MethodProbe) -> MethodEstimate:
    """Scale the probe of a method to the run."""
    sizes, at_once = memory.sizes, config.training.clients_at_once
    taking_part = config.participation * probe.rows
    step_s = _in_portions(probe, taking_part, at_once) if probe.steps else 0.0
    score_s = sizes.clients * probe.score_s.at(sizes.test_images)
    rounds = config.training.rounds if probe.steps else 1
    scored = rounds + sizes.domains - 1  # at the end, images of other domains too
    return MethodEstimate(
        name=probe.name,
        step_s=step_s,
        score_s=score_s,
        run_s=config.seeds * (rounds * probe.steps * step_s + scored * score_s),
        step_bytes=memory.of_method(probe, at_once),
    )


def _in_portions(probe: MethodProbe, rows: float, at_once: int | None) -> float:
    """Return seconds of a step of so many rows, some at a time."""
    if at_once is None or at_once >= rows:
        return probe.step_s.at(rows)
    return rows / at_once * probe.step_s.at(at_once)


def _encoding_s(sources: Sources, sizes: Sizes, *, with_patches: bool) -> float:
    """Return seconds of encoding all images, from a few at once."""
    from secfpp.clip.crops import NUM_CROPS
    from secfpp.clip.model import BATCH_SIZE
    from secfpp.clip.patches import regions_of

    count, taken = 1, 0.0
    while taken < LONG_ENOUGH_S and count < min(BATCH_SIZE, sizes.images):
        count = min(4 * count, BATCH_SIZE, sizes.images)
        started = time.perf_counter()
        encode_blank(sources.clip, count)
        taken = time.perf_counter() - started
    an_image = taken / count
    kind = regions_of(sources.clip)
    again = (kind.count if kind.kind == "crops" else 1) if with_patches else 0
    once = NUM_CROPS if sources.views == "crops" else 1
    return sizes.images * an_image * (once + again)


def _secure_costs(config: RunConfig, sizes: Sizes, *, width: int) -> tuple[SecureCost, ...]:
    """Count a fresh and a warm round, as far as the run has them."""
    if not any(METHODS[name].uses_parties for name in config.methods):
        return ()
    rounds = range(min(2, config.training.rounds))
    return tuple(secure_cost(config, sizes, width=width, round_index=index) for index in rounds)


def weight_bytes(sources: Sources) -> int:
    """Return bytes of the model's weights."""
    return sum(value.nbytes for value in sources.clip.model.state_dict().values())
