"""Averaging inside groups that are fixed before the first round, in the clear."""

from dataclasses import dataclass, replace

from secfpp.methods.interface import Contribution, IntArray, Outcome
from secfpp.methods.shared.averaging import average_groups

__all__ = ["FixedGroups"]


@dataclass(frozen=True, kw_only=True, eq=False)
class FixedGroups:
    """Average inside groups that stay the same over all rounds."""

    group_N: IntArray
    """Group of every client."""
    min_cluster_size: int
    """Participants of a smaller group get the mean of all."""

    def __call__(self, contribution: Contribution) -> Outcome:
        """Average the participants' updates inside their groups; labels are known to all."""
        group_n = self.group_N[contribution.clients_n]
        outcome = average_groups(contribution, group_n, self.min_cluster_size)
        return replace(outcome, labels_n=group_n)
