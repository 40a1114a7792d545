"""A worker process of a comparison: `python -m secfpp.comparison.worker`.

A greeting and orders come on standard input; reports go to standard output. If standard input
closes, the comparison has ended, and the worker ends at once, as do its computing parties. SIGINT
ends the worker in order. Output of libraries goes to standard error.
"""

import os
import queue
import signal
import sys
import threading
import time
from typing import BinaryIO, Literal

import torch

import secfpp.clip.model  # noqa: F401 -- takes seconds, and is done before the first cell
from mpc.errors import MpcError
from secfpp.comparison.messages import Greeting, Order, Report, decode, encode
from secfpp.errors import RunInterruptedError, SecfppError
from secfpp.experiment.experiment import run_experiment
from secfpp.experiment.units import Silence
from secfpp.federation.round import RoundRecord
from secfpp.federation.workload import Workload, load_workload

EXIT_FAILED = 1
EXIT_FAULT = 70
EXIT_INTERRUPTED = 130


class _Reporter(Silence):
    """Reports every round of a cell."""

    def __init__(self, cell: str, output: BinaryIO) -> None:
        self.cell = cell
        self.output = output
        self.started = time.perf_counter()

    def round_done(self, record: RoundRecord) -> None:
        """Report a round and the seconds since the report before."""
        now = time.perf_counter()
        report = Report(
            kind="round",
            cell=self.cell,
            method=record.method,
            seconds=now - self.started,
            own_mix=record.own_mix,
            uniform=record.uniform,
        )
        self.started = now
        _tell(self.output, report)


def main() -> int:
    """Take orders until the input closes; return the exit code."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    output = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(lines,), daemon=True).start()
    try:
        greeting = decode(Greeting, lines.get())
        workload = _load(greeting, output)
        while workload is not None:
            _run(decode(Order, lines.get()), workload, output)
    except (KeyboardInterrupt, RunInterruptedError):
        return EXIT_INTERRUPTED
    return EXIT_FAILED


def _listen(lines: queue.SimpleQueue[bytes]) -> None:
    """Forward lines; end the process when the input closes.

    The thread reads through a duplicate: an interpreter that ends while a thread reads its standard
    input aborts, and would report that as its error.
    """
    with os.fdopen(os.dup(0), "rb") as orders:
        for line in orders:
            lines.put(line)
    os._exit(0)


def _load(greeting: Greeting, output: BinaryIO) -> Workload | None:
    """Load data and model with the threads that this worker may use; None if that fails."""
    torch.set_num_threads(greeting.threads)
    try:
        workload = load_workload(
            greeting.settings, num_context=greeting.settings.training.num_context
        )
    except SecfppError as error:
        _tell(output, _failure("unusable", "", error))
        return None
    torch.set_num_threads(greeting.threads)  # loading sets the number for a run without neighbours
    _tell(output, Report(kind="ready"))
    return workload


def _run(order: Order, workload: Workload, output: BinaryIO) -> None:
    """Run a cell and report its end; a failed cell does not stop the worker."""
    try:
        run_experiment(order.settings, _Reporter(order.cell, output), workload=workload)
    except RunInterruptedError:
        raise
    except Exception as error:  # any error belongs to this cell
        _tell(output, _failure("failed", order.cell, error))
    else:
        _tell(output, Report(kind="done", cell=order.cell))


def _failure(kind: Literal["failed", "unusable"], cell: str, error: Exception) -> Report:
    """Describe an error in one line."""
    name = type(error).__name__
    text = " ".join(str(error).split()) or name
    if isinstance(error, SecfppError | MpcError):
        exit_code = error.exit_code
    else:
        text, exit_code = f"internal error: {name}: {text}", EXIT_FAULT
    return Report(
        kind=kind,
        cell=cell,
        error=text,
        error_name=name,
        exit_code=exit_code,
    )


def _tell(output: BinaryIO, report: Report) -> None:
    """Write one report."""
    output.write(encode(report))


if __name__ == "__main__":
    sys.exit(main())
