"""Short probes: a method's own steps and scoring for one and two clients, on the device at hand.

Images are drawn at random; they have the sizes of the real ones. Peaks of memory are counted, not
sampled, so they are the same on every run. Seconds are the least of a few tries.

Shape letters: n clients, B images of a client, S test images, R regions, E embedding.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch.nn import functional

from secfpp.analysis.estimate.memory_watch import MemoryWatch
from secfpp.analysis.estimate.sizes import Sizes
from secfpp.experiment.config import RunConfig
from secfpp.federation.cohort import Cohort
from secfpp.federation.round import Federation, batch_of, begin, score
from secfpp.learning.losses import Shards
from secfpp.learning.training import TextTower
from secfpp.methods.interface import Contribution, ExchangeResult, Trainer
from secfpp.methods.registry import METHODS, MethodName
from secfpp.methods.shared.personal import make_trainer
from secfpp.seeds import Seeds

if TYPE_CHECKING:
    from secfpp.federation.workload import Sources

__all__ = ["Line", "MethodProbe", "probe_method"]

TEST_IMAGES: Final = (16, 64)
TIMED_ROWS: Final = (1, 4)
STEPS: Final = 2
IMAGES_OF_A_JOINT_STEP: Final = 4.0
TRIES: Final = 3
ENOUGH_S: Final = 1.0
"""Tries end after this many seconds."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A value that grows with a number: `base + slope x number`."""

    base: float
    slope: float

    def at(self, number: float) -> float:
        """Return the value; never less than nothing."""
        return max(0.0, self.base + self.slope * number)

    @classmethod
    def through(cls, first: tuple[float, float], second: tuple[float, float]) -> Line:
        """Return the line through two points; level if it would fall."""
        (a, at_a), (b, at_b) = first, second
        if b == a or at_b <= at_a:
            return cls(base=max(at_a, at_b), slope=0.0)
        slope = (at_b - at_a) / (b - a)
        return cls(base=at_a - slope * a, slope=slope)


@dataclass(frozen=True, kw_only=True)
class MethodProbe:
    """What a method takes, by rows at once and by test images.

    A row is a client, or an image that has a row of its own (DP-FPL).
    """

    name: MethodName
    steps: int
    """Steps a round."""
    rows: float
    """Rows of all clients together."""
    is_joint: bool
    needs_patches: bool
    step_bytes: Line
    """Peak of a step, by rows at once."""
    step_s: Line
    """Seconds of a step, by rows at once."""
    score_bytes: Line
    """Peak of scoring one client, by its test images."""
    score_s: Line
    """Seconds of scoring one client, by its test images."""


def probe_method(
    name: MethodName, config: RunConfig, sources: Sources, sizes: Sizes, *, timed: bool
) -> MethodProbe:
    """Probe one method.

    Parameters
    ----------
    name : str
    config : RunConfig
    sources : Sources
        Model and class names.
    sizes : Sizes
    timed : bool
        Also measure seconds; they are zero otherwise.
    """
    whole = _trainer(name, config)
    site = _Site(name=name, config=config, sources=sources, sizes=sizes)
    steps = [site.step(rows, timed=False) for rows in (1, 2)]
    timings = [site.step(rows, timed=True) for rows in TIMED_ROWS] if timed else steps
    scores = [site.score(count, timed=timed) for count in TEST_IMAGES]
    return MethodProbe(
        name=name,
        steps=whole.steps,
        rows=sizes.clients * whole.rows_per_client,
        is_joint=whole.is_joint,
        needs_patches=whole.needs_patches,
        step_bytes=Line.through(*[(point.number, point.num_bytes) for point in steps]),
        step_s=Line.through(*[(point.number, point.seconds) for point in timings]),
        score_bytes=Line.through(*[(point.number, point.num_bytes) for point in scores]),
        score_s=Line.through(*[(point.number, point.seconds) for point in scores]),
    )


@dataclass(frozen=True, kw_only=True)
class _Point:
    """What was measured at a number of rows or test images."""

    number: float
    num_bytes: float
    seconds: float


class _Counting:
    """A text tower that counts the prompts that it reads."""

    def __init__(self, tower: TextTower) -> None:
        self.rows = 0
        self._tower = tower

    def __call__(self, context_BTW: torch.Tensor) -> torch.Tensor:
        """Return text features, (B, C, E)."""
        self.rows += len(context_BTW)
        return self._tower(context_BTW)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Site:
    """What the probes of a method are made on."""

    name: MethodName
    config: RunConfig
    sources: Sources
    sizes: Sizes

    def step(self, rows: int, *, timed: bool) -> _Point:
        """Measure a step with so many rows at once: clients, or images of one client."""
        whole = _trainer(self.name, self.config)
        clients = 1 if whole.is_joint else rows
        tower = _Counting(self.sources.tower)
        fed = self._federation(
            clients, TEST_IMAGES[0], self._images(whole), tower, rows if whole.is_joint else None
        )
        state = begin(fed, self._start())
        batch = batch_of(fed, np.arange(clients, dtype=np.int64), 0)

        def work() -> None:
            after, _ = fed.trainer.shared(batch, state)
            fed.trainer.local(batch, after)

        num_bytes = _peak(work)
        tower.rows = 0
        times = _seconds(work, self.sources.clip.device) if timed else [0.0]
        seconds = min(times) / STEPS
        if whole.is_joint and tower.rows:  # the sample of a step is random
            seconds = rows * sum(times) / tower.rows
        return _Point(number=rows, num_bytes=num_bytes, seconds=seconds)

    def score(self, test_images: int, *, timed: bool) -> _Point:
        """Measure the scoring of one client: memory with one, seconds with a few."""
        num_bytes = _peak(self._scoring(1, test_images))
        seconds = 0.0
        if timed:
            work = self._scoring(TIMED_ROWS[1], test_images)
            seconds = min(_seconds(work, self.sources.clip.device)) / TIMED_ROWS[1]
        return _Point(number=test_images, num_bytes=num_bytes, seconds=seconds)

    def _scoring(self, clients: int, test_images: int) -> Callable[[], object]:
        """Return the scoring of a few clients, to be done."""
        images = self.sizes.images_per_client
        fed = self._federation(clients, test_images, images, self.sources.tower, None)
        state = begin(fed, self._start())
        return lambda: score(replace(fed, rounds=state.rounds_done + 1), state)

    def _images(self, whole: Trainer) -> int:
        """Return training images of a client; few of a joint method, which has a row for each."""
        images = self.sizes.images_per_client
        if not whole.is_joint:
            return images
        rate = whole.rows_per_client / images
        return min(images, max(1, round(IMAGES_OF_A_JOINT_STEP / rate)))

    def _start(self) -> torch.Tensor:
        return self.sources.tower.initial_context(self.sources.outline.phrase)

    def _federation(
        self, clients: int, test_images: int, images: int, tower: TextTower, at_once: int | None
    ) -> Federation:
        """Make a federation of few clients with random images, and with steps few and short."""
        training = replace(
            self.config.training, local_steps=STEPS, shared_steps=1, clients_at_once=at_once
        )
        trainer = _trainer(self.name, replace(self.config, training=training))
        cohort = _random_cohort(self.sizes, self.sources, clients, images, test_images)
        return Federation(
            cohort=_with_patches(cohort, self.sizes) if trainer.needs_patches else cohort,
            tower=tower,
            logit_scale=self.sources.clip.logit_scale,
            trainer=trainer,
            exchange=_no_exchange,
            descriptor=self.config.clustering.descriptor,
            projection_dim=self.config.clustering.projection_dim,
        )


def _trainer(name: MethodName, config: RunConfig) -> Trainer:
    """Make the local work of a method."""
    method = METHODS[name]
    return make_trainer(method, config.settings_of(method), Seeds(config.first_seed))


def _no_exchange(contribution: Contribution) -> ExchangeResult:
    """Refuse to be called: a probe does not exchange."""
    raise NotImplementedError("a probe has no exchange")


def _random_cohort(
    sizes: Sizes, sources: Sources, clients: int, images: int, test_images: int
) -> Cohort:
    """Draw clients of one domain."""
    device = sources.clip.device
    features = _unit((clients, images, sizes.embed_dim), device)
    labels = torch.arange(clients * images, device=device).view(clients, images) % sizes.classes
    tested = torch.arange(test_images, device=device)[None] % sizes.classes
    train = Shards(features_NBE=features, labels_NB=labels, mask_NB=torch.ones_like(labels).bool())
    return Cohort(
        domain_names=("probe",),
        class_names=sources.outline.class_names,
        domain_N=np.zeros(clients, dtype=np.int64),
        label_mix_NC=torch.full((clients, sizes.classes), 1 / sizes.classes).double().to(device),
        train=train,
        validation=train,
        test_features_GSE=_unit((1, test_images, sizes.embed_dim), device),
        test_labels_GS=tested,
    )


def _with_patches(cohort: Cohort, sizes: Sizes) -> Cohort:
    """Draw regions of all images."""
    device = cohort.device
    shape = (*cohort.train.labels_NB.shape, sizes.regions, sizes.embed_dim)
    tested = (*cohort.test_labels_GS.shape, sizes.regions, sizes.embed_dim)
    train = replace(cohort.train, patches_NBRE=_unit(shape, device))
    return replace(cohort, train=train, validation=train, test_patches_GSRE=_unit(tested, device))


def _unit(shape: tuple[int, ...], device: torch.device) -> torch.Tensor:
    """Draw unit vectors along the last axis, the same on every run."""
    drawn = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    return functional.normalize(drawn, dim=-1).to(device)


def _peak(work: Callable[[], object]) -> float:
    """Return the peak of memory of some work in bytes."""
    with MemoryWatch() as watch:
        work()
    return float(watch.peak)


def _seconds(work: Callable[[], object], device: torch.device) -> list[float]:
    """Return the seconds of some work, done a few times."""
    taken: list[float] = []
    while len(taken) < TRIES and sum(taken) < ENOUGH_S:
        started = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        taken.append(time.perf_counter() - started)
    return taken
