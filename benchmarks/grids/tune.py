"""Choose losses and rates of all methods for each label mix, on validation images alone.

Every method has the same candidates: three losses times three learning rates.

    python benchmarks/grids/tune.py ask > tune.json
    secfpp compare --config tune.json --score-on validation --out runs/tune
    python benchmarks/grids/tune.py choose runs/tune > tuned.json

The rule is the same for all: the highest sum of both columns, own mix and uniform, in the mean over
the tuning seeds. `choose` prints the mixes of a comparison with the choices in them.
"""

import csv
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

LOSSES = ("plain", "balanced", "aligned")
RATES = (0.003, 0.01, 0.03)
FIRST_SEED, SEEDS = 100, 2
MIXES: dict[str, dict[str, Any]] = {
    **{f"dirichlet-{mix:g}": {"label_mix": mix} for mix in (0.1, 0.2, 0.5, 1.0, 3.0, 10.0)},
    "pathological": {"scheme": "pathological"},
}
"""Settings of the partition in each mix."""
ONE_PROMPT = ("local-only", "promptfl", "pfedprompt")
TWO_LEVELS = ("two-level-alone", "one-cluster", "random-clusters", "secfpp-plain")
OWN = ("fedotp", "fedpgp", "ifca", "cfl")
SAME_AS = {"oracle": "secfpp-plain", "secfpp": "secfpp-plain"}
"""Methods that differ from another in the exchange alone."""


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


def choose(folder: Path) -> list[dict[str, Any]]:
    """Return the mixes with the best candidate of every method in them."""
    sums: defaultdict[tuple[str, str, str], list[float]] = defaultdict(list)
    with (folder / "table.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            key = (row["mix"], row["method"], row["variant"])
            sums[key].append(float(row["own_mix"]) + float(row["uniform"]))
    settings_of = {(method, label): settings for method, label, settings in candidates()}
    found = []
    for name, partition in MIXES.items():
        best: dict[str, tuple[float, str]] = {}
        for (mix, method, label), both in sums.items():
            if mix == name and label:
                best[method] = max(best.get(method, (0.0, "")), (sum(both) / len(both), label))
        tuned = {method: settings_of[method, label] for method, (_, label) in best.items()}
        tuned |= {method: tuned[other] for method, other in SAME_AS.items() if other in tuned}
        found.append({"name": name, "settings": {"partition": partition}, "tuned": tuned})
    return found


def main() -> None:
    """Print JSON."""
    match sys.argv[1:]:
        case ["ask"]:
            json.dump(ask(), sys.stdout, indent=1)
        case ["choose", folder]:
            json.dump(choose(Path(folder)), sys.stdout, indent=1)
        case _:
            raise SystemExit("usage: tune.py ask | choose FOLDER")


if __name__ == "__main__":
    main()
