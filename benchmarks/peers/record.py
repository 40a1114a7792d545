"""What was measured of one engine at one size, and what follows from it."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from statistics import median
from typing import Final, Self

from peers.engines.engine import Answer
from peers.workload import LONGEST_JOB

TOLERANCE: Final = 0.02
"""Largest error of a centre, over the radius of the points, that counts as a correct result."""
SECONDS_OF_A_FAST_JOB: Final = 2.0
"""An engine whose whole job takes longer repeats shorter jobs, and does the whole job once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How many iterations the jobs have whose difference is taken."""

    long: int
    short: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Samples:
    """Answers to long and to short jobs, which took turns."""

    plan: Plan
    long: tuple[Answer, ...]
    short: tuple[Answer, ...]
    whole: tuple[Answer, ...]
    """Jobs of `LONGEST_JOB` iterations; the long ones, if they are such."""
    counted: tuple[Answer, Answer] | None
    """A long and a short job that counted rounds."""

    def difference(self, value: Callable[[Answer], float]) -> float:
        """Return the median difference of a long and a short job, for one iteration."""
        pairs = zip(self.long, self.short, strict=True)
        iterations = self.plan.long - self.plan.short
        return median(value(long) - value(short) for long, short in pairs) / iterations

    def least(self) -> float:
        """Return the difference in seconds of the fastest jobs, for one iteration."""
        long, short = (min(a.seconds for a in answers) for answers in (self.long, self.short))
        return (long - short) / (self.plan.long - self.plan.short)


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One row of the result: an engine at a size."""

    engine: str
    size: str
    repetitions: int
    plan: Plan | None = None
    iteration_s: float | None = None
    """Everything included that an iteration needs, offline work too."""
    iteration_least_s: float | None = None
    """The same from the fastest long and the fastest short job: on a busy machine less disturbed
    than the median, but of two jobs only."""
    iteration_online_s: float | None = None
    """Without the offline phase, where the engine tells them apart."""
    iteration_online_bytes: float | None = None
    """What the parties send one another in it, where the engine tells."""
    iteration_bytes: float | None = None
    """What the loopback device carried, for all parties."""
    iteration_rounds: float | None = None
    job_s: float | None = None
    job_bytes: float | None = None
    job_repetitions: int = 0
    centre_error: float | None = None
    note: str = ""
    failed: str = ""
    """Why there are no figures."""
    samples: Samples | None = None

    @classmethod
    def of(cls, engine: str, size: str, samples: Samples, note: str) -> Self:
        """Derive figures from samples; results that are wrong have none."""
        answers = (*samples.long, *samples.short, *samples.whole)
        error = max(answer.centre_error for answer in answers)
        if error > TOLERANCE:
            why = f"wrong: a centre is {error:.3f} radii off, more than {TOLERANCE}"
            return cls(
                engine=engine, size=size, repetitions=0, failed=why, centre_error=error, note=note
            )
        online = [a.iteration_s for a in samples.long if a.iteration_s is not None]
        sent = [a.iteration_online_bytes for a in samples.long if a.iteration_online_bytes]
        whole = samples.whole
        return cls(
            engine=engine,
            size=size,
            repetitions=len(samples.long),
            plan=samples.plan,
            iteration_s=samples.difference(lambda answer: answer.seconds),
            iteration_least_s=samples.least(),
            iteration_online_s=median(online) if online else None,
            iteration_online_bytes=median(sent) if sent else None,
            iteration_bytes=samples.difference(lambda answer: answer.loopback_bytes),
            iteration_rounds=_rounds(samples),
            job_s=median(answer.seconds for answer in whole) if whole else None,
            job_bytes=median(answer.loopback_bytes for answer in whole) if whole else None,
            job_repetitions=len(whole),
            centre_error=error,
            note=note,
            samples=samples,
        )

    def as_json(self) -> dict[str, object]:
        """Return plain values; of the samples only the seconds."""
        values = asdict(replace(self, samples=None))
        if self.samples is not None:
            values["samples"] = {
                "long_s": [answer.seconds for answer in self.samples.long],
                "short_s": [answer.seconds for answer in self.samples.short],
            }
        return values

    @classmethod
    def from_json(cls, values: dict[str, object]) -> Self:
        """Rebuild a row without its samples."""
        plan = values["plan"]
        plan = Plan(**plan) if isinstance(plan, dict) else None
        return cls(**{**values, "plan": plan, "samples": None})


def _rounds(samples: Samples) -> float | None:
    pair = samples.counted or (samples.long[0], samples.short[0])
    long, short = (answer.rounds for answer in pair)
    if long is None or short is None:
        return None
    return (long - short) / (samples.plan.long - samples.plan.short)


def plan_for(seconds_of_one: float) -> Plan:
    """Choose jobs: the longest and a short one, or where those take too long shorter ones."""
    if seconds_of_one * LONGEST_JOB <= SECONDS_OF_A_FAST_JOB:
        return Plan(long=LONGEST_JOB, short=2)
    return Plan(long=3, short=1)
