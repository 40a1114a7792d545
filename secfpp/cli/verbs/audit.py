"""`secfpp audit`: lower bounds on the epsilon of private methods, found by experiment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from math import sqrt
from statistics import mean, stdev
from typing import TYPE_CHECKING, Annotated

import tyro
from rich.console import RenderableType

from secfpp.cli.outcome import Outcome
from secfpp.cli.tables import table
from secfpp.cli.verb import Verb
from secfpp.config.audit import FAULTS_OF, QUICKLY_AUDITED, AuditConfig, AuditedName, Fault
from secfpp.config.privacy import PrivacyConfig
from secfpp.config.training import TrainingConfig
from secfpp.report.kit.text import decimal, spread_of

if TYPE_CHECKING:
    from secfpp.attacks.audit.audit import AuditResult
    from secfpp.attacks.audit.judgement import Found
    from secfpp.experiment.config import RunConfig

EXIT_FAILED = 1
IDEAL = "exactly that noise"
NOTE = (
    "one run: without assumptions. error rates: if canaries are independent. noise: if the "
    "mechanism is also the Gaussian one that it claims to be. The line under a method says what "
    "the same audit finds for exactly the claimed noise."
)


@dataclass(frozen=True, kw_only=True)
class Audit(Verb):
    """Audit what methods claim of differential privacy: guess which canaries were in.

    A lower bound above the claim refutes it, and the command exits with 1. It also does so if a
    deliberate fault is not refuted.
    """

    methods: tuple[AuditedName, ...] = QUICKLY_AUDITED
    """Methods to audit, in this order; dp-secfpp, with parties as processes, takes minutes."""
    faults: tuple[Fault, ...] = ()
    """Faulty variants of the methods to audit too, where a method can have the fault: contributions
    are not clipped; half the noise; the noise of one release although there are many; the noise of
    the first release in all; the noise of one party split among all; every image in every
    sample."""
    seeds: int = 1
    """Audits of each method; their lower bounds are averaged."""
    first_seed: int = 0
    """Seed of the coins of the first audit; the others follow by one. Noise has no seed."""
    size: Annotated[AuditConfig, tyro.conf.arg(name="")] = field(default_factory=AuditConfig)
    """How much to audit."""
    privacy: Annotated[PrivacyConfig, tyro.conf.arg(name="")] = field(default_factory=PrivacyConfig)
    """The claim."""
    training: Annotated[TrainingConfig, tyro.conf.arg(name="")] = field(
        default_factory=TrainingConfig
    )
    """Rounds and steps of a run, over which the claim is made."""

    def execute(self) -> Outcome:
        """Audit every method, and its faults if asked to."""
        from secfpp.attacks.audit.audit import audit
        from secfpp.experiment.progress import working

        config = self._settings()
        with working("auditing"):
            results = [
                audit(config, name, seed, self.size, fault=fault)
                for name, fault in self._variants()
                for seed in config.seed_list
            ]
        as_expected = all(result.is_refuted == (result.fault is not None) for result in results)
        record = {"as_expected": as_expected, "audits": [asdict(result) for result in results]}
        return Outcome(
            record=record,
            shown=(_table(results, self.size), "", NOTE),
            exit_code=0 if as_expected else EXIT_FAILED,
        )

    def _settings(self) -> RunConfig:
        """Return settings of a run with the claim."""
        from secfpp.experiment.config import RunConfig

        return RunConfig(
            methods=self.methods,
            seeds=self.seeds,
            first_seed=self.first_seed,
            privacy=self.privacy,
            training=self.training,
        )

    def _variants(self) -> Iterator[tuple[AuditedName, Fault | None]]:
        """Yield each method as it is, then with the faults asked for that it can have."""
        for name in self.methods:
            yield name, None
            yield from ((name, fault) for fault in self.faults if fault in FAULTS_OF[name])


def _table(results: Sequence[AuditResult], size: AuditConfig) -> RenderableType:
    """Return one line a variant, its lower bounds averaged over seeds."""
    seeds = list(dict.fromkeys(result.seed for result in results))
    title = (
        f"Lower bounds on epsilon at {100 * size.confidence:g} % confidence, delta "
        f"{results[0].delta:g}, seeds {', '.join(map(str, seeds))}"
    )
    drawn = table(
        title, "method", "claimed", "one run", "error rates", "noise", "runs", "canaries", "verdict"
    )
    for (name, fault), group in groupby(results, lambda result: (result.method, result.fault)):
        audits = list(group)
        first = audits[0]
        drawn.add_row(
            f"  {fault}" if fault else name,
            decimal(first.claimed),
            *_bounds([audit.found for audit in audits]),
            str(first.runs),
            str(first.canaries),
            _verdict(audits),
        )
        ideals = [audit.ideal for audit in audits if audit.ideal is not None]
        if ideals:
            drawn.add_row(f"  {IDEAL}", decimal(first.claimed), *_bounds(ideals), "", "", "")
    return drawn


def _bounds(found: Sequence[Found]) -> Iterator[str]:
    """Yield the mean of each lower bound, with its standard error over several seeds."""
    for values in (
        [one.one_run for one in found],
        [one.error_rates for one in found],
        [one.noise for one in found],
    ):
        error = stdev(values) / sqrt(len(values)) if len(values) > 1 else None
        yield decimal(mean(values)) + (f" {spread_of(error, 2)}" if error is not None else "")


def _verdict(audits: Sequence[AuditResult]) -> str:
    """Return in how many audits the claim was refuted."""
    refuted = sum(audit.is_refuted for audit in audits)
    if refuted == 0:
        return "not refuted"
    return "refuted" if refuted == len(audits) else f"refuted in {refuted} of {len(audits)}"
