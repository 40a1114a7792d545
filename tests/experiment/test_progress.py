"""Progress is drawn on a terminal, and nowhere else."""

import io

import pytest
from rich.console import Console

from secfpp.experiment.progress import StepProgress, TerminalProgress, working
from secfpp.experiment.units import Unit
from secfpp.federation.round import RoundRecord

UNIT = Unit(method="secfpp", seed=3)
RECORD = RoundRecord(
    seed=3,
    method="secfpp",
    round=1,
    own_mix=0.726,
    uniform=0.655,
    worst_client=0.5,
    train_loss=1.0,
    ari=None,
    k=5,
    num_participants=20,
    seconds_train=1.0,
    seconds_share=0.0,
    seconds_online=0.0,
    seconds_dealer=0.0,
    rounds=0,
    bytes_client_max=0,
    bytes_party_max=0,
)


def drawn(*, terminal: bool) -> str:
    """Return what an observed run of two rounds writes."""
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=120)
    with TerminalProgress(console) as progress:
        progress.run_started((UNIT,), rounds_total=2, rounds_done=0)
        progress.unit_started(UNIT)
        progress.round_done(RECORD)
        progress.round_done(RECORD)
        progress.run_finished()
    return stream.getvalue()


def test_terminal_sees_method_accuracies_and_rounds() -> None:
    seen = drawn(terminal=True)
    assert "secfpp, seed 3" in seen
    assert "own mix 72.6 uniform 65.5" in seen
    assert "2/2" in seen


def test_pipe_sees_nothing() -> None:
    assert drawn(terminal=False) == ""


def test_bar_is_taken_down_when_the_run_fails() -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=120)
    with pytest.raises(KeyboardInterrupt), TerminalProgress(console):
        raise KeyboardInterrupt
    assert stream.getvalue().count("\x1b[?25l") == stream.getvalue().count("\x1b[?25h")


@pytest.mark.parametrize("terminal", [True, False])
def test_steps_and_spinner(terminal: bool) -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=120)
    with StepProgress("drawing images", console) as progress:
        progress(400, 400, 0.1234)
    with working("measuring", console):
        pass
    seen = stream.getvalue()
    assert ("loss 0.123" in seen) is terminal
    assert ("measuring" in seen) is terminal
