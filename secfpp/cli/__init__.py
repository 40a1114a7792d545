"""The command line `secfpp`: one file for each verb.

It imports everything below. Open `entry` first, then `verbs`.
"""

from secfpp.cli.entry import main

__all__ = ["main"]
