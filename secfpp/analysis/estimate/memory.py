"""Memory that a run needs, and what there is."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil
import torch

from secfpp.analysis.estimate.memory_watch import MemoryWatch
from secfpp.analysis.estimate.probe import Line, MethodProbe
from secfpp.analysis.estimate.sizes import Sizes

if TYPE_CHECKING:
    from secfpp.clip.model import FrozenClip

__all__ = ["Memory", "Room", "room_of", "watch_encoding"]

PARTY_BYTES: Final = 350_000_000
"""Of one computing party, most of it libraries: measured, private memory, 20 clients."""
SCRATCH_BYTES: Final = 60_000_000
"""Of libraries that are loaded during a run, and of buffers that one operation of torch takes:
measured on a CPU."""
ALLOCATOR_FACTOR: Final = 1.2
"""Resident memory by bytes of tensors on a CPU: measured, from 0.9 to 1.3."""
CGROUP: Final = Path("/sys/fs/cgroup")


@dataclass(frozen=True, kw_only=True)
class Room:
    """Bytes that this process may still take."""

    host: int
    device: int | None
    """Of the GPU; None on a CPU, where tensors are in host memory."""


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Bytes that a run will take beyond what the loaded model takes."""

    sizes: Sizes
    probes: tuple[MethodProbe, ...]
    encode_bytes: int
    """Peak of encoding a batch of images."""
    parties: int
    """Computing parties that are started on this host."""
    batch: int
    """Images that are encoded at once."""
    image_size: int
    on_gpu: bool

    def on_device(self, at_once: int | None) -> int:
        """Return the peak of tensors on the device with so many clients at once."""
        working = max((self.of_method(probe, at_once) for probe in self.probes), default=0)
        return max(self.encode_bytes, working)

    def on_host(self, at_once: int | None) -> int:
        """Return the peak of host memory; on a CPU the tensors of the device are a part of it."""
        patches = any(probe.needs_patches for probe in self.probes)
        staged = 3 * self.batch * self.image_size**2
        encoded = self.sizes.encoded_bytes(with_patches=patches)
        tensors = self.sizes.cohort_bytes(with_patches=patches)
        if not self.on_gpu:
            tensors = round(ALLOCATOR_FACTOR * self.on_device(at_once))
        fixed = SCRATCH_BYTES + self.parties * PARTY_BYTES
        return fixed + staged + encoded + tensors

    def of_method(self, probe: MethodProbe, at_once: int | None) -> int:
        """Return the peak of one method: clients' tensors, and a step or scoring."""
        clients = self.sizes.clients if at_once is None else min(at_once, self.sizes.clients)
        rows = probe.rows if at_once is None else min(probe.rows, at_once)
        scored = clients * probe.score_bytes.at(self.sizes.test_images)
        held = self.sizes.cohort_bytes(with_patches=probe.needs_patches)
        return held + round(max(probe.step_bytes.at(rows), scored))

    def largest(self, at_once: int | None) -> MethodProbe:
        """Return the method that takes most."""
        return max(self.probes, key=lambda probe: self.of_method(probe, at_once))

    def clients_that_fit(self, room: Room, at_once: int | None) -> int | None:
        """Return the most clients at once, fewer than `at_once`, that fit; None if one does not."""
        most = self.sizes.clients if at_once is None else min(at_once, self.sizes.clients)
        fitting = (few for few in range(most, 0, -1) if self.fits(room, few))
        found = next(fitting, None)
        return None if found == at_once else found

    def fits(self, room: Room, at_once: int | None) -> bool:
        """Tell whether host and device have room."""
        on_device = room.device is None or self.on_device(at_once) <= room.device
        return on_device and self.on_host(at_once) <= room.host


def room_of(device: torch.device) -> Room:
    """Return what this process may still take."""
    on_device = None
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        on_device = free + kept
    return Room(host=min(psutil.virtual_memory().available, _left_in_cgroup()), device=on_device)


def _left_in_cgroup() -> int:
    """Return what a container's limit leaves; a large number without a limit."""
    with suppress(OSError, ValueError):
        most = int((CGROUP / "memory.max").read_text())
        return max(0, most - int((CGROUP / "memory.current").read_text()))
    return 1 << 62


def watch_encoding(clip: FrozenClip, batch: int) -> int:
    """Return the peak of encoding a batch, from one and two images."""
    points = []
    for count in (1, 2):
        with MemoryWatch() as watch:
            encode_blank(clip, count)
        points.append((float(count), float(watch.peak)))
    return round(Line.through(*points).at(batch))


def encode_blank(clip: FrozenClip, count: int) -> None:
    """Encode blank images of the size that the model reads."""
    import numpy as np

    side = clip.image_size
    clip.encode_images(np.zeros((count, side, side, 3), dtype=np.uint8))
