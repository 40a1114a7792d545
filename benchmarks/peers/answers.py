"""A program's standard output, kept for answers: libraries print to standard error instead."""

import os
import sys


def keep_for_answers() -> None:
    """Let `commands.reply` have standard output, and all else that writes there standard error."""
    answers = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = os.fdopen(answers, "w")
