"""What the programs beside the benchmarks share: JSON lines in, JSON lines out, no orphans.

A program gets commands, and what is secret, on its standard input. When that closes, whoever
started it is gone or done with it, and it ends at once, whatever it is waiting for.
"""

import json
import os
import sys
import threading
from collections.abc import Iterator
from queue import SimpleQueue

Values = dict[str, object]


class Commands:
    """Commands from standard input, one JSON object a line; reading starts at once."""

    def __init__(self) -> None:
        self._lines: SimpleQueue[Values] = SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def __iter__(self) -> Iterator[Values]:
        while True:
            yield self.next()

    def next(self) -> Values:
        """Wait for a command."""
        return self._lines.get()

    def _read(self) -> None:
        with open(0, "rb", buffering=0, closefd=False) as lines:
            for line in lines:
                self._lines.put(json.loads(line))
        os._exit(0)


def reply(**values: object) -> None:
    """Print one JSON line."""
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()
