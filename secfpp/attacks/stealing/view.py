"""What an attacker sees of every client, and the prompt that he makes of it.

Shape letters: N clients, M numbers of a prompt.
"""

from dataclasses import dataclass

from secfpp.attacks.results import Kind
from secfpp.learning.prompts import FloatArray

__all__ = ["View"]


@dataclass(frozen=True, kw_only=True, eq=False)
class View:
    """The outcome of one way to steal, tried on every client in turn."""

    setting: str
    """What the attacker sees."""
    attacker: str
    """Who he is."""
    technique: str
    """How he makes a prompt of it."""
    stolen_NM: FloatArray
    """Row i: his reconstruction of client i's P_G minus the public start."""
    kind: Kind = "attack"
    shown: bool = False
    """Whether the method itself shows it to him; otherwise other settings would."""
    epsilon: float | None = None
    """Budget of what he sees, if it is noised."""
