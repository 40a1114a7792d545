"""Choose losses and rates of all methods, on validation images alone.

Every method has the same candidates: three losses times three learning rates. SecFPP has one choice
for all mixes, its default: the best in the mean over mixes. Other methods have one for each mix.

    python benchmarks/grids/tune.py ask > tune.json
    secfpp compare --config tune.json --score-on validation --out runs/tune
    python benchmarks/grids/tune.py choose runs/tune > tuned.json

The rule is the same for all: the highest sum of both columns, own mix and uniform, in the mean over
the tuning seeds. `choose` prints the mixes of a comparison with the choices in them, `best` the
choice of each method for all mixes.
"""

import csv
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Any

LOSSES = ("plain", "balanced", "aligned")
RATES = (0.003, 0.01, 0.03)
FIRST_SEED, SEEDS = 100, 1
MIXES: dict[str, dict[str, Any]] = {
    **{f"dirichlet-{mix:g}": {"label_mix": mix} for mix in (0.1, 0.2, 0.5, 1.0, 3.0, 10.0)},
    "pathological": {"scheme": "pathological"},
}
"""Settings of the partition in each mix."""
ONE_PROMPT = ("local-only", "promptfl", "pfedprompt")
TWO_LEVELS = ("two-level-alone", "one-cluster", "random-clusters", "secfpp-plain")
OWN = ("fedotp", "fedpgp", "ifca", "cfl")
ONE_CHOICE = ("secfpp-plain",)
"""Methods whose choice is the same for all mixes; `oracle` and `secfpp` have the same."""


def candidates() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield method, label and settings of every candidate."""
    for loss, rate in product(LOSSES, RATES):
        label = f"{loss} {rate:g}"
        for method in ONE_PROMPT:
            yield method, label, {"training": {"loss": loss, "lr": rate}}
        for method in TWO_LEVELS:
            yield method, label, {"training": {"shared_loss": loss, "lr_shared": rate}}
        for method in OWN:
            yield method, label, {method: {f"{method}_loss": loss, f"{method}_lr": rate}}


def ask() -> dict[str, Any]:
    """Return the comparison of all candidates."""
    return {
        "grid": [
            {"name": name, "settings": {"partition": partition}}
            for name, partition in MIXES.items()
        ],
        "methods": ["zero-shot"],
        "variants": [
            {"method": method, "label": label, "settings": settings}
            for method, label, settings in candidates()
        ],
        "reference": "zero-shot",
        "seeds": SEEDS,
        "first_seed": FIRST_SEED,
    }


def sums_of(folder: Path) -> dict[str, dict[tuple[str, str], float]]:
    """Return the sum of both columns, in the mean over seeds: by mix, then by method and label."""
    sums: defaultdict[str, defaultdict[tuple[str, str], list[float]]]
    sums = defaultdict(lambda: defaultdict(list))
    with (folder / "table.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["variant"]:
                both = float(row["own_mix"]) + float(row["uniform"])
                sums[row["mix"]][row["method"], row["variant"]].append(both)
    return {
        mix: {candidate: fmean(both) for candidate, both in found.items()}
        for mix, found in sums.items()
    }


def best_of(sums: Mapping[tuple[str, str], float]) -> dict[str, str]:
    """Return the label of each method's best candidate."""
    best: dict[str, tuple[float, str]] = {}
    for (method, label), both in sums.items():
        best[method] = max(best.get(method, (0.0, "")), (both, label))
    return {method: label for method, (_, label) in best.items()}


def choose(folder: Path) -> list[dict[str, Any]]:
    """Return the mixes with the best candidate of every other method in them."""
    settings_of = {(method, label): settings for method, label, settings in candidates()}
    sums, found = sums_of(folder), []
    for name, partition in MIXES.items():
        best = best_of(sums[name]).items()
        tuned = {m: settings_of[m, label] for m, label in best if m not in ONE_CHOICE}
        found.append({"name": name, "settings": {"partition": partition}, "tuned": tuned})
    return found


def best_for_all(folder: Path) -> dict[str, str]:
    """Return the candidate of each method that is best in the mean over mixes."""
    of_mixes = sums_of(folder).values()
    everywhere = next(iter(of_mixes))
    return best_of({each: fmean(sums[each] for sums in of_mixes) for each in everywhere})


def main() -> None:
    """Print JSON."""
    match sys.argv[1:]:
        case ["ask"]:
            json.dump(ask(), sys.stdout, indent=1)
        case ["choose", folder]:
            json.dump(choose(Path(folder)), sys.stdout, indent=1)
        case ["best", folder]:
            json.dump(best_for_all(Path(folder)), sys.stdout, indent=1)
        case _:
            raise SystemExit("usage: tune.py ask | choose FOLDER | best FOLDER")


if __name__ == "__main__":
    main()
