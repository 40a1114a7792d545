"""What happens, told to whoever waits."""

import sys


def say(what: str) -> None:
    """Write a line to standard error."""
    sys.stderr.write(f"{what}\n")
    sys.stderr.flush()
