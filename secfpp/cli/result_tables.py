"""The two tables of a run: accuracies and costs."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from secfpp.cli.tables import table
from secfpp.experiment.results import Estimate, MethodResult
from secfpp.report.kit.text import count, decimal, megabytes, percent, seconds, spread


def result_table(results: Sequence[MethodResult]) -> Table:
    """Return accuracies in per cent, mean over seeds with standard error, ARI and epsilon."""
    num_seeds = max((len(result.seeds) for result in results), default=0)
    on_validation = any(result.score_on == "validation" for result in results)
    images = "validation images (not to be reported), " if on_validation else ""
    seeds_ = f"{num_seeds} seed{'s' if num_seeds != 1 else ''}"
    title = f"Accuracy after the last round, {images}{seeds_}"
    drawn = table(title, "method", "own mix %", "uniform %", "worst client %", "ARI", "epsilon")
    for result in results:
        drawn.add_row(
            result.title,
            _accuracy(result.own_mix),
            _accuracy(result.uniform),
            _accuracy(result.worst_client),
            decimal(result.ari_first.mean if result.ari_first else None),
            decimal(result.epsilon, 1),
        )
    return drawn


def cost_table(results: Sequence[MethodResult]) -> Table:
    """Return rounds, bytes and seconds, summed over the rounds of federation, mean over seeds."""
    drawn = table(
        "Cost of a run (mean over seeds)",
        "method",
        "secure rounds",
        "MB/client",
        "MB/party",
        "s training",
        "s sharing",
        "s online",
        "s dealer",
    )
    for result in results:
        drawn.add_row(
            result.title,
            count(result.rounds or None),
            megabytes(result.bytes_client_max or None),
            megabytes(result.bytes_party_max or None),
            seconds(result.seconds_train or None),
            seconds(result.seconds_share or None),
            seconds(result.seconds_online or None),
            seconds(result.seconds_dealer or None),
        )
    return drawn


def _accuracy(estimate: Estimate) -> str:
    """Return a mean in per cent, with its standard error if there is one."""
    return f"{percent(estimate.mean)} {spread(estimate.standard_error)}".rstrip()
