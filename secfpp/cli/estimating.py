"""`--estimate` of a run and of a comparison: what it will take, in words and tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace

from rich.console import RenderableType
from rich.table import Table

from secfpp.analysis.estimate.check import refusal
from secfpp.analysis.estimate.estimate import Estimate, estimate_run
from secfpp.cli.outcome import Outcome
from secfpp.cli.tables import table
from secfpp.cli.units import byte_size, duration
from secfpp.comparison.cells import is_private, list_cells
from secfpp.comparison.config import CompareConfig
from secfpp.experiment.config import RunConfig
from secfpp.experiment.progress import working
from secfpp.experiment.run_folder import RunFolder
from secfpp.federation.workload import open_sources
from secfpp.methods.registry import METHODS

__all__ = ["estimated", "estimated_comparison", "resumed"]

CAUTION = (
    "Sizes are counted. Memory and seconds are scaled from probes of one to four clients. Seconds "
    "are without reading files, without communication, and as fast as the machine was just now."
)


def resumed(settings: RunConfig) -> RunConfig:
    """Return the settings that a run will use: those of the folder that it resumes."""
    return settings if settings.resume is None else RunFolder(settings.resume).config()


def estimated(settings: RunConfig) -> Outcome:
    """Estimate a run."""
    found = _estimate(settings)
    reason = refusal(found.memory, found.room, found.clients_at_once)
    return Outcome(
        record={**_record(found), "total_s": found.total_s, "refusal": reason},
        shown=(
            *_sizes(found),
            "",
            _methods(found),
            *_secure(found),
            "",
            *_memory(found),
            f"all together: {duration(found.total_s)}, {duration(found.encode_s)} of it for "
            f"image features (none if they are in the cache)",
            CAUTION,
            *([f"would be refused: {reason}"] if reason else []),
        ),
    )


def estimated_comparison(asked: CompareConfig) -> Outcome:
    """Estimate a comparison: each worker is a process with a model of its own."""
    settings = replace(
        asked.base, methods=asked.methods, seeds=asked.seeds, first_seed=asked.first_seed
    )
    found = _estimate(settings)
    jobs = asked.jobs_for(len(list_cells(asked)))
    budgets = {name: len(asked.epsilons) if is_private(name) else 1 for name in asked.methods}
    work_s = sum(budgets[method.name] * method.run_s for method in found.methods)
    total_s = jobs * found.encode_s + work_s / jobs
    return Outcome(
        record={**_record(found), "jobs": jobs, "total_s": total_s},
        shown=(
            *_sizes(found),
            "",
            _methods(found),
            *_secure(found),
            "",
            *_memory(found),
            f"{jobs} workers, each of which takes that memory; private methods run once for each "
            f"of {len(asked.epsilons)} budgets",
            f"all together: {duration(total_s)} if workers do not slow each other down",
            CAUTION,
        ),
    )


def _estimate(settings: RunConfig) -> Estimate:
    """Load the model, list the images, and probe."""
    with working("loading the model, and probing each method"):
        sources = open_sources(settings, num_context=settings.training.num_context)
        return estimate_run(settings, sources)


def _record(found: Estimate) -> dict[str, object]:
    """Return an estimate for machines."""
    record = {
        name: value
        for name, value in vars(found).items()
        if name not in ("memory", "room", "sizes", "methods", "secure")
    }
    secure = [asdict(cost) for cost in found.secure]
    methods = {method.name: asdict(method) for method in found.methods}
    return {**record, "sizes": asdict(found.sizes), "methods": methods, "secure": secure}


def _sizes(found: Estimate) -> Iterator[RenderableType]:
    """Say what is counted."""
    sizes = found.sizes
    at_once = found.clients_at_once
    yield (
        f"{sizes.images:,} images to encode, {byte_size(found.cache_bytes)} of features on disk; "
        f"{sizes.domains} domains, {sizes.classes} classes"
    )
    yield (
        f"{sizes.clients} clients with {sizes.images_per_client} training images each, "
        f"{'all' if at_once is None else min(at_once, sizes.clients)} at once; "
        f"{sizes.test_images} test images a domain; {found.rounds} rounds, {found.seeds} seeds; "
        f"on {found.device}"
    )


def _methods(found: Estimate) -> Table:
    """Draw a line for each method."""
    columns = ("method", "s a step", "s scoring a round", "all rounds and seeds", "memory")
    drawn = table("Each method", *columns)
    for method in found.methods:
        drawn.add_row(
            METHODS[method.name].card.title,
            f"{method.step_s:.3g}",
            f"{method.score_s:.3g}",
            duration(method.run_s),
            byte_size(method.step_bytes),
        )
    return drawn


def _secure(found: Estimate) -> Iterator[str]:
    """Say what the secure part sends."""
    if not found.secure:
        return
    yield ""
    for cost, which in zip(found.secure, ("first round", "later rounds"), strict=False):
        yield (
            f"secure part, {which}: {cost.rounds} rounds of messages with {cost.iterations} "
            f"iterations; a party sends {byte_size(cost.bytes_party)}, the dealer "
            f"{byte_size(cost.bytes_dealer)}, a client {byte_size(cost.bytes_client)}"
        )


def _memory(found: Estimate) -> Iterator[str]:
    """Say what memory is needed, and what there is."""
    yield f"host memory: {byte_size(found.host_bytes)} of {byte_size(found.host_free)}"
    if found.device_bytes is not None and found.device_free is not None:
        yield f"GPU memory: {byte_size(found.device_bytes)} of {byte_size(found.device_free)}"
