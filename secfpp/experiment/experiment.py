"""A whole run: seeds x methods x rounds. It is saved after each round and can be resumed.

A unit is one method on one seed. Its state is the prompts of all clients after its last full
round. Everything else is drawn again from the root seed by name, so a resumed run gives bit for bit
what an uninterrupted one gives. There are two exceptions, whose randomness comes from the operating
system: the noise of differentially private methods, which agrees in distribution only, and the
shares of `secfpp`, which agrees up to fixed-point error.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from mpc.jobs.result import Session
from secfpp.config.secure import SecureConfig
from secfpp.config.tree import to_json
from secfpp.credentials import check_credentials
from secfpp.errors import RunFolderError, RunInterruptedError
from secfpp.experiment.config import RunConfig
from secfpp.experiment.recorder import Recorder
from secfpp.experiment.results import MethodResult, summarise
from secfpp.experiment.run_folder import RunFolder
from secfpp.experiment.unit_federation import federation_of, trainer_of
from secfpp.experiment.units import Observer, Silence, Unit, list_units
from secfpp.federation.cohort import Cohort
from secfpp.federation.round import (
    Federation,
    RoundResult,
    begin,
    draw_participants,
    run_round,
    score_start,
)
from secfpp.federation.workload import Sources, Workload, load_workload
from secfpp.learning.prompts import PromptState
from secfpp.methods.interface import Trainer
from secfpp.seeds import Seeds

__all__ = ["OpenedSession", "RunSummary", "SessionOpener", "run_experiment"]


class OpenedSession(Session, AbstractContextManager["OpenedSession"], Protocol):
    """A session that ends with its context."""


class SessionOpener(Protocol):
    """Start the computing parties."""

    def __call__(self, secure: SecureConfig) -> OpenedSession:
        """Return the session, to be used as a context manager."""


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """What a run ends with."""

    folder: Path
    results: tuple[MethodResult, ...]


def run_experiment(
    config: RunConfig,
    observer: Observer | None = None,
    *,
    workload: Workload | None = None,
    opener: SessionOpener | None = None,
    check: Callable[[RunConfig, Sources], None] | None = None,
) -> RunSummary:
    """Run every method on every seed, or resume a run that was stopped.

    Parameters
    ----------
    config : RunConfig
        With `resume` set, only that field is used; the settings are those of the folder.
    observer : Observer, optional
        Is told of every round.
    workload : Workload, optional
        Data and model, if the caller has loaded them already.
    opener : callable, optional
        Starts the secure session; by default parties and dealer as processes.
    check : callable, optional
        Is given the settings, the model and the listed images before any image is opened; may
        raise.

    Raises
    ------
    RunInterruptedError
        On Ctrl-C; all full rounds are saved.
    SecfppError, MpcError
        If data, model or folder cannot be used, or the secure session fails.
    """
    folder = RunFolder(config.resume) if config.resume else None
    config = _resumed(folder) if folder else config
    workload = workload or load_workload(
        config,
        num_context=config.training.num_context,
        check=None if check is None else partial(check, config),
    )
    folder = folder or RunFolder.create(config)
    folder.write("data.json", to_json(workload.domain_set.provenance))
    recorder = Recorder(folder, list_units(config))
    run = _Run(config, workload, recorder, observer or Silence(), opener or _open_processes)
    try:
        run.run_units()
    except KeyboardInterrupt as error:
        hint = f"full rounds are saved, continue with --resume {folder.path}"
        raise RunInterruptedError(f"stopped; {hint}") from error
    return RunSummary(folder=folder.path, results=summarise(config, recorder.records))


def _resumed(folder: RunFolder) -> RunConfig:
    """Return the settings of a run; refuse one whose first rounds had other images."""
    results = folder.read("results.json")
    complete = isinstance(results, dict) and results.get("complete") is True
    if folder.predates_parts and not complete:
        raise RunFolderError(
            f"{folder.path} was begun by an earlier release, which drew other images from the same "
            "seed; start a new run"
        )
    return folder.config()


class _Run:
    """The loop over seeds, methods and rounds."""

    def __init__(
        self,
        config: RunConfig,
        workload: Workload,
        recorder: Recorder,
        observer: Observer,
        opener: SessionOpener,
    ) -> None:
        self.config = config
        self.workload = workload
        self.recorder = recorder
        self.observer = observer
        self.opener = opener
        self.session: OpenedSession | None = None

    def run_units(self) -> None:
        """Run all units; in every case, end the session and write the table."""
        units = list_units(self.config)
        total = sum(self._rounds(unit) for unit in units)
        done = sum(self._rounds(unit) for unit in units if self._is_done(unit))
        done += sum(
            max(0, self.recorder.rounds_done(unit)) for unit in units if not self._is_done(unit)
        )
        if done < total:
            self._check_credentials()
        self.observer.run_started(units, total, done)
        try:
            with ExitStack() as stack:
                for seed in self.config.seed_list:
                    self._run_seed(seed, stack)
        finally:
            results = summarise(self.config, self.recorder.records)
            complete = all(self._is_done(unit) for unit in units)
            self.recorder.finish(results, complete=complete)
            self.observer.run_finished()

    def _check_credentials(self) -> None:
        """Check the credentials of all clients before any method is run."""
        folder = self.config.secure.certs
        if folder is not None:
            domains = len(self.workload.domain_set.domains)
            check_credentials(folder, range(domains * self.config.partition.clients_per_domain))

    def _run_seed(self, seed: int, stack: ExitStack) -> None:
        """Run all methods on one seed's cohort."""
        units = [Unit(method=name, seed=seed) for name in self.config.methods]
        units = [unit for unit in units if not self._is_done(unit)]
        if not units:
            return
        seeds = Seeds(seed)
        cohort = self.workload.cohort(
            self.config.partition,
            seeds,
            with_patches=any(self._trainer(unit).needs_patches for unit in units),
        )
        for unit in units:
            self.observer.unit_started(unit)
            self._run_unit(unit, seeds, cohort, stack)

    def _run_unit(self, unit: Unit, seeds: Seeds, cohort: Cohort, stack: ExitStack) -> None:
        """Run the remaining rounds of one method."""
        federation = self._federation(unit, cohort, stack)
        state = begin(federation, self.workload.initial_TW)
        saved = self.recorder.states.get(unit.key)
        if saved is not None:
            self._check_fit(unit, saved, state)
            state = saved.to(self.workload.device)
        if federation.trainer.steps == 0:
            self._record(unit, score_start(federation, state), cohort)
            return
        for index in range(state.rounds_done, self.config.training.rounds):
            clients_n = draw_participants(
                seeds, index, cohort.num_clients, self.config.participation
            )
            result = run_round(federation, state, clients_n)
            state = result.state
            self._record(unit, result, cohort)

    def _check_fit(self, unit: Unit, saved: PromptState, begun: PromptState) -> None:
        """Refuse saved prompts of other clients or of another size than this run's."""
        where = f"{self.recorder.folder.path}: the state of {unit.key}"
        found, needed = ((state.num_clients, *state.initial_TW.shape) for state in (saved, begun))
        if found != needed:
            raise RunFolderError(
                f"{where} is of (clients, tokens, width) {found}, not {needed}; "
                "delete it to redo it"
            )
        for name, rows in begun.extra.items():
            shape = tuple(saved.extra[name].shape) if name in saved.extra else "nothing"
            if shape != tuple(rows.shape):
                raise RunFolderError(
                    f"{where} has {shape} for {name}, not {tuple(rows.shape)}; delete it to redo it"
                )

    def _record(self, unit: Unit, result: RoundResult, cohort: Cohort) -> None:
        """Record a round and tell the observer."""
        record = self.recorder.record(unit, result, cohort.domain_N, cohort.domain_names)
        self.observer.round_done(record)

    def _federation(self, unit: Unit, cohort: Cohort, stack: ExitStack) -> Federation:
        """Gather what stays the same over the rounds of a unit."""
        return federation_of(
            self.config,
            unit,
            self.workload,
            cohort,
            open_session=lambda: self._open(stack),
            heartbeat=self._heartbeat,
        )

    def _heartbeat(self) -> None:
        """Raise if a computing party has died, also while clients train."""
        if self.session is not None:
            self.session.check()

    def _open(self, stack: ExitStack) -> Session:
        """Start the computing parties once a run."""
        if self.session is None:
            self.session = stack.enter_context(self.opener(self.config.secure))
        return self.session

    def _rounds(self, unit: Unit) -> int:
        """Count the rounds of a unit; one evaluation when it does not train."""
        return self.config.training.rounds if self._trains(unit) else 1

    def _trains(self, unit: Unit) -> bool:
        """Tell whether a unit trains."""
        return self._trainer(unit).steps > 0

    def _trainer(self, unit: Unit) -> Trainer:
        """Make the local work of a unit."""
        return trainer_of(self.config, unit)

    def _is_done(self, unit: Unit) -> bool:
        """Tell whether a unit is finished."""
        wanted = self.config.training.rounds if self._trains(unit) else 0
        return self.recorder.rounds_done(unit) >= wanted


def _open_processes(secure: SecureConfig) -> OpenedSession:
    """Start parties and dealer, or join those that run elsewhere; or let clients compute."""
    if secure.protocol == "secpc":
        from mpc.secpc.session import SecPCSession

        return SecPCSession(
            secure.secpc,
            timeout_s=secure.timeout_s,
            links=secure.links,
            insecure_dev=secure.insecure_dev,
        )
    from mpc.session.session import join_session, open_session

    if secure.network is not None and secure.certs is not None:
        return join_session(secure.network, secure.certs, timeout_s=secure.timeout_s)
    return open_session(
        num_parties=secure.parties,
        timeout_s=secure.timeout_s,
        provider=secure.provider,
        links=secure.links,
        insecure_dev=secure.insecure_dev,
    )
