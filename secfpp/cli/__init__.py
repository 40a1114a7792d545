"""The command line `secfpp`; one file a verb."""

from secfpp.cli.entry import main

__all__ = ["main"]
