"""The ledger, counted: one line for each kind of opening."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from secfpp.report.kit.fields import Fields
from secfpp.report.kit.text import count
from secfpp.report.run.records import Reveal

POLICY_SENTENCES = {
    "own-mean": "Under the policy own-mean each client learns the mean and the size of its own "
    "cluster; the computing parties and the server learn one bit an iteration, whether anything "
    "changed, and neither labels nor distances.",
    "assignments": "Under the policy assignments the computing parties and the server also learn "
    "the cluster of every client.",
    "distances": "Under the policy distances the server also learns the distances of "
    "all pairs of clients. The policy is for comparison, not for deployment.",
}
COUNTED = "Each line below is one kind of opening, counted over {}."


@dataclass(frozen=True, kw_only=True)
class Disclosure:
    """One kind of opening."""

    learner: str
    what: str
    shape: str
    times: str
    why: str


def disclosures(reveals: Sequence[Reveal]) -> tuple[Disclosure, ...]:
    """Return the kinds of openings, in the order in which they first happened."""
    counted = Counter(reveals)
    return tuple(
        Disclosure(
            learner=reveal.learner,
            what=reveal.what,
            shape=reveal.shape,
            times=count(times),
            why=reveal.why,
        )
        for reveal, times in counted.items()
    )


def policy_sentence(config: Fields, counted_over: str = "the whole run") -> str:
    """Describe what the policy of the run opens, and the scope of the counts."""
    policy = config.child("clustering").text("reveal")
    return f"{POLICY_SENTENCES.get(policy, '')} {COUNTED.format(counted_over)}".strip()
