"""The whole suite on a folder: every attack on every method; it can be interrupted.

`attacks.json` is written after each method. The same command goes on where it was stopped; other
settings begin anew.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from secfpp.attacks.labels.attack import attack_labels, label_control
from secfpp.attacks.membership.attack import attack_membership, attack_overfitted
from secfpp.attacks.membership.score import MembershipScores, membership_rows
from secfpp.attacks.names import ATTACKS, ATTACKS_NAME, AttackName
from secfpp.attacks.results import AttackRecord, AttackRow, Subject
from secfpp.attacks.scene import Scene, attack_seeds, open_scene
from secfpp.attacks.stealing.score import score_view, stealing_rows
from secfpp.attacks.stealing.views import EPSILONS, scene_views
from secfpp.attacks.targets import (
    Prepared,
    Target,
    check_finished,
    list_targets,
    reference_of,
)
from secfpp.config.tree import from_json, to_json
from secfpp.errors import ConfigError, RunInterruptedError
from secfpp.experiment.record_folder import write_json
from secfpp.experiment.run_folder import RunFolder
from secfpp.experiment.unit_federation import trainer_of
from secfpp.experiment.versions import collect_versions
from secfpp.federation.workload import Workload
from secfpp.json_file import read_json
from secfpp.methods.registry import METHODS
from secfpp.seeds import Seeds

__all__ = ["AttackSettings", "read_attacks", "run_attacks"]


@dataclass(frozen=True, kw_only=True)
class AttackSettings:
    """What the suite does."""

    attacks: tuple[AttackName, ...] = ATTACKS
    """Attacks to try."""
    shadows: int = 8
    """Federations that membership inference trains for each method and seed. Each is the target in
    turn, and the others are the attacker's shadows."""
    seed: int = 0
    """Of the attacks' own draws: halves of images, known clients, bootstrap."""

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        if not self.attacks:
            raise ConfigError("attacks=() but at least one is needed; change --attacks")
        if self.shadows < 4:
            raise ConfigError(
                f"shadows={self.shadows} but a Gaussian of each kind needs at least 4; "
                "change --shadows"
            )
        if self.seed < 0:
            raise ConfigError(f"seed={self.seed} but it must be at least 0; change --seed")


@dataclass(frozen=True, kw_only=True, eq=False)
class _Job:
    """One attack on one target."""

    attack: AttackName
    target: Target
    is_reference: bool

    @property
    def name(self) -> str:
        """What is shown while it is worked on."""
        return f"{self.attack}: {self.target.key}"


def run_attacks(
    folder: Path,
    settings: AttackSettings,
    watch: Callable[[str, int, int], None] = lambda name, done, total: None,
    *,
    workload: Workload | None = None,
) -> AttackRecord:
    """Attack every method of a run or a comparison, and write `attacks.json`.

    Parameters
    ----------
    folder : Path
        A finished run or comparison.
    settings : AttackSettings
    watch : callable
        Is told what is worked on, and how much of how much is done.
    workload : Workload, optional
        Data and model, if the caller has loaded them already.

    Raises
    ------
    RunInterruptedError
        On Ctrl-C; what is finished is saved.
    SecfppError
        If the folder cannot be used or is not finished.
    """
    targets = list_targets(folder)
    for target in targets:
        check_finished(target)
    reference = reference_of(targets)
    jobs = [
        _Job(attack=attack, target=target, is_reference=target is reference)
        for attack in settings.attacks
        for target in targets
    ]
    record = _begun(folder, settings, targets)
    prepared, began = Prepared(workload), time.monotonic() - record.seconds
    try:
        for at, job in enumerate(jobs):
            watch(job.name, at, len(jobs))
            if job.name in record.done:
                continue
            record = replace(
                record,
                rows=(*record.rows, *_attack(job, prepared, settings)),
                done=(*record.done, job.name),
                seconds=time.monotonic() - began,
                complete=at == len(jobs) - 1,
            )
            write_json(folder / ATTACKS_NAME, to_json(record))
    except KeyboardInterrupt as error:
        raise RunInterruptedError(
            f"stopped; {len(record.done)} of {len(jobs)} are saved, the same command goes on"
        ) from error
    return record


def read_attacks(folder: Path) -> AttackRecord | None:
    """Read `attacks.json`; None if there is none.

    Raises
    ------
    ConfigError
        If it is damaged.
    """
    path = folder / ATTACKS_NAME
    if not path.is_file():
        return None
    try:
        return from_json(AttackRecord, read_json(path))
    except (OSError, ValueError, ConfigError) as error:
        raise ConfigError(f"{path} is damaged: {error}; delete it and attack again") from error


def _begun(folder: Path, settings: AttackSettings, targets: Sequence[Target]) -> AttackRecord:
    """Return the record of the same settings as far as it got, or an empty one."""
    fresh = AttackRecord(
        seed=settings.seed,
        seeds=tuple(sorted({unit.seed for target in targets for _, unit in target.unit_folders})),
        shadows=settings.shadows,
        attacks=settings.attacks,
        seconds=0.0,
        complete=False,
        versions=dict(collect_versions()),
    )
    kept = read_attacks(folder)
    if kept is None or _decisive(kept) != _decisive(fresh):
        return fresh
    return kept


def _decisive(record: AttackRecord) -> tuple[object, ...]:
    """Return what must agree for a record to be gone on with."""
    return record.seed, record.seeds, record.shadows, record.attacks


def _attack(job: _Job, prepared: Prepared, settings: AttackSettings) -> list[AttackRow]:
    """Carry out one attack on one target."""
    return [
        replace(row, mix=job.target.mix, variant=job.target.variant, budget=job.target.epsilon)
        for row in _rows(job, prepared, settings)
    ]


def _rows(job: _Job, prepared: Prepared, settings: AttackSettings) -> list[AttackRow]:
    """Return the rows of one attack on one target."""
    rng = Seeds(settings.seed).numpy(f"bootstrap of {job.name}")
    if job.attack == "membership":
        return _membership(job, prepared, settings, rng)
    scenes = list(_scenes(job.target, prepared))
    if job.attack == "stealing":
        return _stealing(job, scenes, settings, rng)
    rows = attack_labels(scenes, rng, other_settings=job.is_reference, epsilons=EPSILONS)
    return [*rows, *(label_control(scenes, rng) if job.is_reference else [])]


def _scenes(target: Target, prepared: Prepared) -> Iterator[Scene]:
    """Yield the scene of every seed."""
    for folder, unit in target.unit_folders:
        workload = prepared.workload(target.config)
        patches = trainer_of(target.config, unit).needs_patches
        cohort = prepared.cohort(target.config, unit.seed, with_patches=patches)
        yield open_scene(RunFolder(folder), target.config, unit, workload, cohort)


def _stealing(
    job: _Job, scenes: Sequence[Scene], settings: AttackSettings, rng: np.random.Generator
) -> list[AttackRow]:
    """Score every view over all seeds."""
    per_seed = []
    for scene in scenes:
        choices = attack_seeds(settings.seed, scene.unit).numpy("known clients")
        views = scene_views(scene, choices, other_settings=job.is_reference, epsilons=EPSILONS)
        per_seed.append([score_view(scene, view) for view in views])
    return [
        row
        for scores in zip(*per_seed, strict=True)
        for row in stealing_rows(scenes[0], scores, rng)
    ]


def _membership(
    job: _Job, prepared: Prepared, settings: AttackSettings, rng: np.random.Generator
) -> list[AttackRow]:
    """Train federations on halves of images, and score every view over all seeds."""
    target = job.target
    title = METHODS[target.unit_folders[0][1].method].card.title
    rows: list[AttackRow] = []
    per_seed, controls = [], []
    for _, unit in target.unit_folders:
        workload = prepared.workload(target.config)
        patches = trainer_of(target.config, unit).needs_patches
        cohort = prepared.cohort(target.config, unit.seed, with_patches=patches)
        seeds = attack_seeds(settings.seed, unit)
        if job.is_reference:
            controls.append(
                attack_overfitted(workload, cohort, shadows=settings.shadows, seeds=seeds)
            )
        per_seed.append(
            attack_membership(
                target.config, unit, workload, cohort, shadows=settings.shadows, seeds=seeds
            )
        )
    for scores in [*zip(*per_seed, strict=True), *zip(*controls, strict=True)]:
        rows += membership_rows(_subject(target.method, title, scores), scores, rng)
    return rows


def _subject(method: str, title: str, per_seed: Sequence[MembershipScores]) -> Subject:
    """Name an attack on membership."""
    view = per_seed[0].seen.view
    return Subject(
        attack="membership",
        method=method,
        title=title,
        setting=view.setting,
        attacker=view.attacker,
        technique=per_seed[0].technique,
        targets=sum(len(scores.seen.valid_NB) for scores in per_seed),
        kind=view.kind,
        shown=view.shown,
        epsilon=view.epsilon,
    )
