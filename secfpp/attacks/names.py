"""Names of attacks and of their file, without anything that takes long to import."""

from typing import Final, Literal

__all__ = ["ATTACKS", "ATTACKS_NAME", "AttackName"]

AttackName = Literal["stealing", "membership", "labels"]
ATTACKS: Final[tuple[AttackName, ...]] = ("stealing", "membership", "labels")
ATTACKS_NAME: Final = "attacks.json"
"""Name of the file in the folder of a run or a comparison."""
