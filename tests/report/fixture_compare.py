"""A made-up folder of a comparison, for looking at pages; nothing in it was measured."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from secfpp.comparison.table import COLUMNS
from tests.report.fixture_run import ROUNDS, clusters, json_file, jsonl_file, ledger, traffic

EPSILONS = (0.1, 1.0, 8.0)
TUNED_ON = (100, 101, 102)
# name: title, own mix and uniform accuracy at the end
OPEN = {
    "zero-shot": ("Zero-shot", 0.691, 0.694),
    "local-only": ("Local only", 0.778, 0.758),
    "promptfl": ("PromptFL", 0.720, 0.714),
    "fedotp": ("FedOTP", 0.771, 0.748),
    "fedpgp": ("FedPGP", 0.764, 0.752),
    "ifca": ("IFCA on prompts", 0.759, 0.757),
    "pfedprompt": ("pFedPrompt", 0.752, 0.741),
    "one-cluster": ("P_G + P_L, one cluster", 0.711, 0.707),
    "random-clusters": ("P_G + P_L, random clusters", 0.744, 0.738),
    "oracle": ("P_G + P_L, true domains", 0.801, 0.796),
    "secfpp-plain": ("SecFPP in the clear", 0.800, 0.795),
    "secure-promptfl": ("PromptFL, secure sum", 0.720, 0.714),
    "secfpp": ("SecFPP", 0.798, 0.792),
}
# ... at the greatest epsilon, and what is lost from one to the next; trust
PRIVATE = {
    "dp-promptfl": ("PromptFL + central DP", 0.713, 0.707, 0.010, "a server sees every update"),
    "ldp-promptfl": ("PromptFL + local DP", 0.694, 0.690, 0.030, "nobody: clients add the noise"),
    "dp-fpl": ("DP-FPL", 0.757, 0.739, 0.022, "a server sees every update; clients are trusted"),
    "dp-clusters": (
        "P_G + P_L, true domains + central DP",
        0.742,
        0.736,
        0.034,
        "a server sees every update",
    ),
}
COSTLY = ("secfpp", "secure-promptfl")

Record = dict[str, object]


def write_comparison_fixture(
    folder: Path,
    *,
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    epsilons: Sequence[float] = EPSILONS,
    without: Iterable[str] = (),
    insecure: bool = False,
) -> Path:
    """Write the folder of a finished comparison, or of one `without` some methods."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(11)
    absent = set(without)
    plain = [name for name in OPEN if name not in absent]
    private = [name for name in PRIVATE if name not in absent and epsilons]
    json_file(folder / "compare.json", _settings(seeds, epsilons, insecure))
    versions = {"python": "3.11.7", "torch": "0.0 (fixture)", "gpu": "none"}
    json_file(folder / "versions.json", versions)
    rows: list[Record] = []
    for seed in seeds:
        luck = rng.normal(0, 0.006)
        rows += _cell(rng, folder, plain, seed, None, luck, insecure)
        for epsilon in epsilons if private else ():
            rows += _cell(rng, folder, private, seed, epsilon, luck, insecure)
    rows.sort(key=lambda row: list(OPEN | PRIVATE).index(str(row["method"])))
    write_rows(folder / "table.csv", rows)
    complete = not absent
    summary = {"complete": complete, "tuned_on_seeds": list(TUNED_ON), "failed": []}
    json_file(folder / "summary.json", summary)
    return folder


def write_rows(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Write table.csv."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read table.csv."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _settings(seeds: Sequence[int], epsilons: Sequence[float], insecure: bool) -> Record:
    base = {
        "data": "digits",
        "model": "embedded",
        "device": "cpu",
        "training": {"rounds": ROUNDS, "local_steps": 30, "lr": 0.01},
        "clustering": {"k": 5, "reveal": "own-mean", "evaluate": True, "min_cluster_size": 3},
        "secure": {
            "parties": 2,
            "insecure_dev": insecure,
            "provider": "tfp" if insecure else "dealer",
        },
        "privacy": {"epsilon": 8.0, "delta": 1e-5, "clip_norm": 0.3},
    }
    return {
        "base": base,
        "methods": [*OPEN, *PRIVATE],
        "seeds": len(seeds),
        "first_seed": min(seeds),
        "epsilons": list(epsilons),
        "reference": "secfpp",
        "jobs": 2,
        "threads": 1,
    }


def _cell(
    rng: np.random.Generator,
    folder: Path,
    methods: Sequence[str],
    seed: int,
    epsilon: float | None,
    luck: float,
    insecure: bool,
) -> list[Record]:
    """Write one run folder; return its rows of the table."""
    name = f"seed{seed}" if epsilon is None else f"seed{seed}-epsilon{epsilon:g}"
    cell = folder / "cells" / name
    cell.mkdir(parents=True)
    rows = [_row(rng, method, seed, epsilon, luck, insecure) for method in methods]
    config = {"methods": methods, "seeds": 1, "first_seed": seed, "privacy": {"epsilon": epsilon}}
    json_file(cell / "config.json", config)
    json_file(cell / "results.json", {"complete": True, "methods": {}})
    jsonl_file(cell / "metrics.jsonl", (line for row in rows for line in _metrics(rng, row)))
    if "secfpp" in methods:
        jsonl_file(cell / "ledger.jsonl", ledger([seed]))
        json_file(cell / "traffic.json", {f"secfpp/seed{seed}": traffic(insecure)})
        json_file(cell / "clusters.json", {"maps": [clusters(rng, seed)]})
    return rows


def _row(
    rng: np.random.Generator,
    method: str,
    seed: int,
    epsilon: float | None,
    luck: float,
    insecure: bool,
) -> Record:
    title, own, uniform = (OPEN | PRIVATE)[method][:3]
    if epsilon is not None:
        lost = PRIVATE[method][3] * np.log10(max(EPSILONS) / epsilon)
        own, uniform = own - lost, uniform - lost
    own, uniform = (value + luck + rng.normal(0, 0.004) for value in (own, uniform))
    clustered = method in ("secfpp", "secfpp-plain", "ifca")
    row: Record = {
        "method": method,
        "title": title,
        "seed": seed,
        "rounds": 0 if method == "zero-shot" else ROUNDS,
        "local_steps": 0 if method == "zero-shot" else 30,
        "own_mix": own,
        "uniform": uniform,
        "own_classes": own + 0.02 + rng.normal(0, 0.01),
        "neighbour_classes": uniform - 0.03 + rng.normal(0, 0.01),
        "other_domains": uniform - 0.12 + rng.normal(0, 0.01),
        "worst_client": own - 0.17 + rng.normal(0, 0.02),
        "ari_first": rng.choice([1.0, 1.0, 0.88]) if clustered else "",
        "ari_last": rng.choice([1.0, 0.88]) if clustered else "",
        "k_last": 5 if clustered else "",
        **_costs(rng, method, insecure),
    }
    return row if epsilon is None else row | _statement(method, epsilon)


def _costs(rng: np.random.Generator, method: str, insecure: bool) -> Record:
    secure = method in COSTLY
    plain_bytes = 0 if method in ("zero-shot", "local-only") else 246_000
    return {
        "secure_rounds": 400 if method == "secfpp" else 20 if secure else 0,
        "bytes_client": 368_000 if secure else plain_bytes,
        "bytes_party": 28_000_000 if method == "secfpp" else 1_900_000 if secure else 0,
        "seconds_train": 0.0 if method == "zero-shot" else 5.2 + rng.normal(0, 0.2),
        "seconds_share": 0.11 if secure else 0.0,
        "seconds_online": 1.05 if secure else 0.0,
        "seconds_dealer": 0.21 if secure else 0.0,
        "insecure": "provider tfp: party 0 can unmask everything" if insecure and secure else "",
    }


def _statement(method: str, epsilon: float) -> Record:
    return {
        "epsilon_target": epsilon,
        "epsilon_pld": epsilon * (1.31 if method == "dp-fpl" else 0.999),
        "epsilon_rdp": epsilon * 1.12,
        "epsilon_paper": epsilon if method == "dp-fpl" else "",
        "delta": 1e-5,
        "unit": "image: one training image of one client"
        if method == "dp-fpl"
        else "client: all images and all rounds of one client",
        "neighbours": "one client's updates are replaced by zero in every round; N is public",
        "sampling": "none credited: a client is charged for every round, drawn or not",
        "compositions": ROUNDS,
        "trust": PRIVATE[method][4],
    }


def _metrics(rng: np.random.Generator, row: Record) -> Iterable[Record]:
    last = int(str(row["rounds"]))
    for number in range(min(1, last), last + 1):
        rise = 1 - np.exp(-number / 2.2) if last else 1.0
        ends = {name: float(str(row[name])) for name in ("own_mix", "uniform")}
        wobble = 0.0 if number == last else rng.normal(0, 0.003)
        scale = rise / (1 - np.exp(-last / 2.2)) if last else 1.0
        yield {
            "seed": row["seed"],
            "method": row["method"],
            "round": number,
            **{name: 0.68 + (end - 0.68) * scale + wobble for name, end in ends.items()},
            "num_participants": 20,
        }
