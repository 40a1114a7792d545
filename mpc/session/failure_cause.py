"""Who was first to fail, among processes that ended and said why.

Who loses a peer says whom it lost, and ends; whoever was waiting for it loses it in turn. An end
for that reason is an echo: the cause is the one who is named in it and ended for another.
"""

from collections.abc import Mapping

from mpc.errors import Cause


def first_cause(causes: Mapping[str, Cause]) -> str:
    """Return the role whose end comes nearest to the cause of all.

    Parameters
    ----------
    causes : Mapping of str to Cause
        Of each role that ended and spoke.
    """
    return min(causes, key=lambda role: (causes[role].lost != "", causes[role].lost in causes))
