"""The process that failed first, among processes that reported why they ended.

A process that loses a peer names that peer and ends. Processes that wait for it then lose it in
turn. Such an end is an echo. The first cause is a process that is named and ended for another
reason.
"""

from collections.abc import Mapping

from mpc.errors import Cause


def first_cause(causes: Mapping[str, Cause]) -> str:
    """Return the role whose end is nearest to the first cause.

    Parameters
    ----------
    causes : Mapping of str to Cause
        The cause that each ended role reported.
    """
    return min(causes, key=lambda role: (causes[role].lost != "", causes[role].lost in causes))
