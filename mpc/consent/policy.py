"""What a party or a data owner allows, and whether a job asks for more.

A policy is a small JSON file. Keys that are left out have the defaults of `Policy`::

    {"reveal": ["own-mean"], "min_cluster_size": 3, "min_owners": 5, "max_iterations": 100,
     "max_jobs_per_hour": 60, "evaluate": false}

    {"guarantees": ["means", "known-assignment", "pipeline"], "max_epsilon": 8, "max_delta": 1e-5}
"""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final, Self

import numpy as np

from mpc.consent.spending import Spending
from mpc.consent.terms import Terms
from mpc.errors import ConsentError, InputError
from mpc.jobs.job import MAX_ITERATIONS, REVEAL_POLICIES, ClusterJob, RevealPolicy
from mpc.jobs.job_numbers import integer_of, positive
from mpc.jobs.privacy import DEFAULT_DELTA, GUARANTEES, MOST_DELTA, Guarantee
from mpc.whole_file import read_json

_HOUR_S: Final = 3600.0
_COUNTS: Final = ("min_cluster_size", "min_owners", "max_iterations")
_NAMED: Final = 3
"""Most owners whose spent budget one refusal names."""
_CLOSE: Final = 1 + 1e-9
"""Rounding of a sum of what jobs spend."""
_BOUNDS: Final = ("max_norm_bound", "max_value_bound", "max_payload_bound")


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """A field of a job that a role does not allow."""

    role: str
    field: str
    asked: object
    allowed: object

    def __str__(self) -> str:
        return f"{self.role} refuses {self.field} {self.asked!r:.60}: allowed is {self.allowed}"

    def as_json(self) -> dict[str, object]:
        """Return plain values for a control message or a ledger."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, object]) -> Self:
        """Rebuild a refusal that came in a control message."""
        return cls(
            role=str(value["role"]),
            field=str(value["field"]),
            asked=value["asked"],
            allowed=value["allowed"],
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """What a role allows. The defaults are those of a role without a policy file."""

    reveal: tuple[RevealPolicy, ...] = ("own-mean",)
    """Reveal policies that a job may have."""
    min_cluster_size: int = 3
    """Least `min_cluster_size` of a job: owners that a cluster must have before its mean is
    opened."""
    min_owners: int = 5
    """Fewest data owners of a job."""
    max_iterations: int = 100
    """Most reassignments of a job, and of a second level after shards; each may open one bit."""
    choose_k: bool = True
    """Whether the number of clusters may be left open: it is then opened to parties and server."""
    evaluate: bool = False
    """Whether labels may be opened to an evaluator; for simulations."""
    max_norm_bound: float | None = None
    """Greatest norm bound of points; None: any."""
    max_value_bound: float | None = None
    """Greatest bound on a coordinate; None: any."""
    max_payload_bound: float | None = None
    """Greatest norm bound of payloads; None: any."""
    max_jobs_per_hour: int | None = None
    """Most jobs within any hour, since the process began; None: any."""
    guarantees: tuple[Guarantee, ...] = GUARANTEES
    """Guarantees that a job may have. Leave out `none`, and every job must have noise."""
    max_epsilon: float | None = None
    """Most epsilon that a data owner may spend over all jobs of this role's ledger, at `max_delta`;
    every job must then have noise. None: any."""
    max_delta: float = DEFAULT_DELTA
    """The delta of `max_epsilon`."""

    def __post_init__(self) -> None:
        """Refuse values that no job could be compared with."""
        self._check_reveal()
        for name in _COUNTS:
            self._set(name, _at_least_one(name, getattr(self, name)))
        if self.max_iterations > MAX_ITERATIONS:
            raise InputError(f"max_iterations={self.max_iterations}: {MAX_ITERATIONS} is the most")
        if self.max_jobs_per_hour is not None:
            self._set(
                "max_jobs_per_hour", _at_least_one("max_jobs_per_hour", self.max_jobs_per_hour)
            )
        for name in ("choose_k", "evaluate"):
            if not isinstance(getattr(self, name), bool):
                raise InputError(f"{name}={getattr(self, name)!r} but true or false is needed")
        self._check_privacy()
        for name in _BOUNDS:
            if getattr(self, name) is not None:
                self._set(name, positive(name, getattr(self, name)))

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _check_reveal(self) -> None:
        given = (self.reveal,) if isinstance(self.reveal, str) else tuple(self.reveal)
        for name in given:
            if name not in REVEAL_POLICIES:
                raise InputError(f"reveal {name!r} is none of {', '.join(REVEAL_POLICIES)}")
        if not given:
            raise InputError("reveal allows nothing; name at least one reveal policy")
        self._set("reveal", given)

    def _check_privacy(self) -> None:
        given = (self.guarantees,) if isinstance(self.guarantees, str) else tuple(self.guarantees)
        for name in given:
            if name not in GUARANTEES:
                raise InputError(f"guarantee {name!r} is none of {', '.join(GUARANTEES)}")
        if not given:
            raise InputError("guarantees allows nothing; name at least one")
        self._set("guarantees", given)
        if self.max_epsilon is not None:
            self._set("max_epsilon", positive("max_epsilon", self.max_epsilon))
        self._set("max_delta", positive("max_delta", self.max_delta))
        if self.max_delta > MOST_DELTA:
            raise InputError(f"max_delta={self.max_delta} but at most {MOST_DELTA} is possible")

    @classmethod
    def of_simulation(cls) -> Self:
        """Return the policy of processes that one user starts for itself: all is allowed."""
        return cls(
            reveal=REVEAL_POLICIES,
            min_cluster_size=1,
            min_owners=1,
            max_iterations=MAX_ITERATIONS,
            evaluate=True,
        )

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Return the policy of a file's content.

        Raises
        ------
        InputError
            A key is unknown, or a value has a wrong type or is out of range.
        """
        known = [entry.name for entry in fields(cls)]
        if not isinstance(value, Mapping):
            raise InputError(f"needed is an object with keys out of {', '.join(known)}")
        for key in value:
            if key not in known:
                raise InputError(f"unknown key {key!r}; known are {', '.join(known)}")
        for name, what in (("reveal", "reveal policies"), ("guarantees", "guarantees")):
            listed = value.get(name, [])
            if not isinstance(listed, str | list) or not all(isinstance(x, str) for x in listed):
                raise InputError(f"{name}={listed!r} but a list of {what} is needed")
        return cls(**value)

    def as_json(self) -> dict[str, object]:
        """Return the content of a policy file."""
        return asdict(self) | {"reveal": list(self.reveal), "guarantees": list(self.guarantees)}

    def refusals(self, terms: Terms, role: str) -> tuple[Refusal, ...]:
        """Return what a job asks beyond this policy; empty if it allows the job.

        Parameters
        ----------
        terms : Terms
        role : str
            Who refuses.
        """
        job = terms.job
        most_iterations = max(job.iterations, job.warm_iterations or 1)
        final_iterations = job.final_iterations if job.is_shard else 1
        checks: tuple[tuple[str, object, bool, object], ...] = (
            ("reveal", job.reveal, job.reveal in self.reveal, ", ".join(self.reveal)),
            ("evaluate", job.evaluate, self.evaluate or not job.evaluate, False),
            ("k", job.k, self.choose_k or job.k is not None, "a given number"),
            self._least("min_cluster_size", job.min_cluster_size, self.min_cluster_size),
            self._least("owners", terms.owners, self.min_owners),
            self._most("iterations", most_iterations, self.max_iterations),
            self._most("final_iterations", final_iterations, self.max_iterations),
            self._most("norm_bound", job.norm_bound, self.max_norm_bound),
            self._most("value_bound", _greatest(job.value_bound), self.max_value_bound),
            self._most("payload_bound", job.payload_bound, self.max_payload_bound),
            ("guarantee", job.guarantee, *self._guaranteed(job)),
        )
        return tuple(
            Refusal(role=role, field=field, asked=asked, allowed=allowed)
            for field, asked, holds, allowed in checks
            if not holds
        )

    def _guaranteed(self, job: ClusterJob) -> tuple[bool, str]:
        """Return whether a job's guarantee is allowed, and which are."""
        allowed = [name for name in self.guarantees if self.max_epsilon is None or name != "none"]
        return job.guarantee in allowed, ", ".join(allowed) or "none within max_epsilon"

    @staticmethod
    def _least(field: str, asked: int, least: int) -> tuple[str, object, bool, object]:
        return field, asked, asked >= least, f"at least {least}"

    @staticmethod
    def _most(
        field: str, asked: float | None, most: float | None
    ) -> tuple[str, object, bool, object]:
        return field, asked, most is None or (asked is not None and asked <= most), f"up to {most}"


class Consent:
    """Checks jobs against a role's policy, and counts those that it allowed.

    Parameters
    ----------
    policy : Policy
    role : str
    spending : Spending, optional
        What owners have spent before; None: nothing.
    clock : callable
        Returns monotonic seconds.
    """

    def __init__(
        self,
        policy: Policy,
        role: str,
        *,
        spending: Spending | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.policy = policy
        self.role = role
        self._spending = spending or Spending()
        self._clock = clock
        self._allowed_at: deque[float] = deque()

    def check(self, terms: Terms, owners: Sequence[str] = ()) -> None:
        """Count a job that the policy allows; raise for any other.

        Parameters
        ----------
        terms : Terms
        owners : sequence of str
            Who would spend what the job costs of a privacy budget.

        Raises
        ------
        ConsentError
            Its `refusals` name each field, what was asked, and what is allowed.
        """
        refusals = self.policy.refusals(terms, self.role)
        refusals = refusals or self._over_budget(terms.job, owners) or self._too_many()
        if refusals:
            raise refused(refusals)
        if self.policy.max_jobs_per_hour is not None:
            self._allowed_at.append(self._clock())

    def _over_budget(self, job: ClusterJob, owners: Sequence[str]) -> tuple[Refusal, ...]:
        """Return who would have spent more than the policy allows, with this job."""
        most, delta = self.policy.max_epsilon, self.policy.max_delta
        if most is None:
            return ()
        epsilons = {name: self._spending.epsilon_with(name, job.rho, delta) for name in owners}
        over = [name for name in owners if epsilons[name] > most * _CLOSE]
        return tuple(
            Refusal(
                role=self.role,
                field=f"epsilon of {name}",
                asked=round(epsilons[name], 4),
                allowed=f"up to {most:g} at delta {delta:g}; "
                f"{self._spending.epsilon_with(name, 0.0, delta):.4g} was spent in "
                f"{self._spending.jobs.get(name, 0)} jobs"
                + (f" ({len(over)} owners are over it)" if place == _NAMED < len(over) else ""),
            )
            for place, name in enumerate(over[:_NAMED], start=1)
        )

    def _too_many(self) -> tuple[Refusal, ...]:
        most = self.policy.max_jobs_per_hour
        if most is None:
            return ()
        while self._allowed_at and self._allowed_at[0] <= self._clock() - _HOUR_S:
            self._allowed_at.popleft()
        asked = len(self._allowed_at) + 1
        if asked <= most:
            return ()
        return (
            Refusal(role=self.role, field="jobs_per_hour", asked=asked, allowed=f"up to {most}"),
        )


def refused(refusals: tuple[Refusal, ...]) -> ConsentError:
    """Return the error that names every refusal."""
    what = "; ".join(map(str, refusals))
    return ConsentError(
        f"the job is refused and nothing was opened: {what}",
        refusals=tuple(each.as_json() for each in refusals),
    )


def read_policy(path: Path) -> Policy:
    """Read and check a policy file.

    Raises
    ------
    InputError
        Names the file and the error.
    """
    return read_json(path, Policy.from_json)


def _at_least_one(name: str, value: object) -> int:
    number = value if isinstance(value, bool) else integer_of(name, value)
    if isinstance(number, bool) or number < 1:
        raise InputError(f"{name}={value!r} but an integer of at least 1 is needed")
    return number


def _greatest(bound: float | tuple[float, ...] | None) -> float | None:
    return None if bound is None else float(np.max(bound))
