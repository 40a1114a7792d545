"""`secfpp policy`: what a party or a data owner allows, and whether it would allow a job."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from secfpp.cli.outcome import Outcome
from secfpp.cli.tables import table
from secfpp.cli.verb import Verb

if TYPE_CHECKING:
    from rich.console import RenderableType

    from mpc.consent.policy import Refusal


@dataclass(frozen=True, kw_only=True)
class Show(Verb):
    """Print a policy with all its fields: a file's, or the defaults to start a file from."""

    file: tyro.conf.Positional[Path | None] = None
    """Policy file. None: the policy of a role without a file."""

    def execute(self) -> Outcome:
        """Read and print."""
        from mpc.consent.policy import Policy, read_policy

        policy = Policy() if self.file is None else read_policy(self.file)
        return Outcome(record=policy.as_json(), shown=(json.dumps(policy.as_json(), indent=2),))


@dataclass(frozen=True, kw_only=True)
class CheckJob(Verb):
    """Say whether a role with this policy would take part in a job.

    Exits with 1 if it would not.
    """

    file: tyro.conf.Positional[Path]
    """Policy file."""
    job: tyro.conf.Positional[Path]
    """JSON file with the job: its fields, `owners`, `dim`, `payload`, as `terms` in a ledger."""

    def execute(self) -> Outcome:
        """Compare."""
        from mpc.consent.policy import read_policy
        from mpc.consent.terms import read_terms

        terms, policy = read_terms(self.job), read_policy(self.file)
        refusals = policy.refusals(terms, "the policy")
        record = {"allowed": not refusals, "refusals": [each.as_json() for each in refusals]}
        if not refusals:
            return Outcome(record=record, shown=(f"{self.file} allows the job of {self.job}.",))
        return Outcome(record=record, shown=(_table(refusals),), exit_code=1)


@dataclass(frozen=True, kw_only=True)
class Policy(Verb):
    """Print what a party or a data owner allows, and check a job against it.

    `secfpp policy show [FILE]` prints, `secfpp policy check FILE JOB` checks; both take --json.
    """

    action: (
        Annotated[Show, tyro.conf.subcommand("show", prefix_name=False)]
        | Annotated[CheckJob, tyro.conf.subcommand("check", prefix_name=False)]
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "json", self.json or self.action.json)  # before or after the verb

    def execute(self) -> Outcome:
        """Run the chosen action."""
        return self.action.execute()


def _table(refusals: tuple[Refusal, ...]) -> RenderableType:
    drawn = table("Refused", "field", "asked", "allowed")
    for each in refusals:
        drawn.add_row(each.field, str(each.asked), str(each.allowed))
    return drawn
