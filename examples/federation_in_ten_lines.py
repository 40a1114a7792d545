"""A small federation by the library: what `secfpp run` does, in ten lines.

    python examples/federation_in_ten_lines.py [RUN_FOLDER]

Twenty clients, four in each of five image domains, learn prompts for the embedded CLIP model for
three rounds. The run folder is kept if you name one: `ledger_and_traffic.py` draws it.
"""

import sys
import tempfile
from pathlib import Path

from secfpp.config.training import TrainingConfig
from secfpp.experiment.config import RunConfig
from secfpp.experiment.experiment import run_experiment


def main() -> None:
    """Run three methods, and print the accuracy of each."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(scratch) / "run"
        config = RunConfig(
            methods=("zero-shot", "local-only", "secfpp"),
            training=TrainingConfig(rounds=3),
            out=folder,
        )
        summary = run_experiment(config)
        print("accuracy on test images with each client's own mix of labels, mean of 20 clients")
        for result in summary.results:
            print(f"{result.title:>14}: {100 * result.own_mix.mean:.1f} %")


if __name__ == "__main__":
    main()
