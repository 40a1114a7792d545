"""Who was first to fail, read from the last words of those who ended.

Who loses a peer says whom it lost, and ends; whoever was waiting for it loses it in turn. Last
words like these are echoes: the cause is the one who is named in them and says nothing of the kind.
"""

import re
from collections.abc import Mapping
from typing import Final

_LOST: Final = re.compile(r"(\S+) closed its connection|connection of \S+ to (\S+) broke")


def lost_peer(words: str) -> str:
    """Return the role that somebody's last words say was lost; empty if they are no echo."""
    found = _LOST.findall(words)
    closed, broke = found[-1] if found else ("", "")
    return closed or broke


def first_cause(words: Mapping[str, str]) -> str:
    """Return the role whose last words come nearest to the cause.

    Parameters
    ----------
    words : Mapping of str to str
        Of each role that ended and spoke.
    """
    lost = {role: lost_peer(said) for role, said in words.items()}
    return min(lost, key=lambda role: (lost[role] != "", lost[role] in words))
