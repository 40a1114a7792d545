"""A made-up run folder with plausible shapes, for looking at pages; nothing in it was measured."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

ROUNDS = 10
STOPPING = ("parties and server", "one bit: assignments unchanged", [1])
DOMAINS = ("mnist", "mnistm", "rot180", "optdigits", "synth")
CLIENTS_PER_DOMAIN = 4
# name: title, own mix and uniform accuracy at the end, whether it uses the secure part
METHODS = {
    "zero-shot": ("Zero-shot", 0.620, 0.623, False),
    "local-only": ("Local only", 0.733, 0.644, False),
    "promptfl": ("PromptFL", 0.612, 0.609, False),
    "dp-promptfl": ("PromptFL with DP", 0.606, 0.609, False),
    "one-cluster": ("One cluster", 0.695, 0.629, True),
    "random-clusters": ("Random clusters", 0.693, 0.624, False),
    "oracle": ("Oracle domains", 0.727, 0.656, False),
    "secfpp-plain": ("SecFPP in plaintext", 0.726, 0.655, False),
    "secfpp": ("SecFPP", 0.726, 0.655, True),
}


def write_fixture(
    folder: Path,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    methods: Sequence[str] = tuple(METHODS),
    insecure: bool = False,
) -> Path:
    """Write a run folder and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(7)
    json_file(folder / "config.json", _config(methods, len(seeds), insecure))
    json_file(
        folder / "versions.json", {"python": "3.11.7", "torch": "0.0 (fixture)", "gpu": "none"}
    )
    jsonl_file(folder / "metrics.jsonl", _metrics(rng, methods, seeds))
    jsonl_file(folder / "ledger.jsonl", ledger(seeds))
    json_file(folder / "results.json", {"complete": True, "methods": _results(rng, methods, seeds)})
    json_file(folder / "traffic.json", {f"secfpp/seed{seed}": traffic(insecure) for seed in seeds})
    json_file(folder / "clusters.json", {"maps": [clusters(rng)]})
    return folder


def json_file(path: Path, value: object) -> None:
    path.write_text(json.dumps(value))


def jsonl_file(path: Path, rows: Iterable[object]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def _config(methods: Sequence[str], seeds: int, insecure: bool) -> dict[str, object]:
    return {
        "data": "digits",
        "model": "embedded",
        "methods": list(methods),
        "seeds": seeds,
        "device": "cpu",
        "training": {"rounds": ROUNDS, "local_steps": 30, "lr": 0.01},
        "clustering": {"k": 5, "reveal": "own-mean", "evaluate": True, "min_cluster_size": 3},
        "secure": {
            "parties": 2,
            "insecure_dev": insecure,
            "provider": "tfp" if insecure else "dealer",
        },
    }


def _metrics(
    rng: np.random.Generator, methods: Sequence[str], seeds: Sequence[int]
) -> Iterable[dict[str, object]]:
    for name in methods:
        _, own, uniform, _secure = METHODS[name]
        for seed in seeds:
            last = 0 if name == "zero-shot" else ROUNDS
            for number in range(min(1, last), last + 1):
                rise = 1 - np.exp(-number / 3) if last else 1.0
                noise = rng.normal(0, 0.004, 2)
                yield {
                    "seed": seed,
                    "method": name,
                    "round": number,
                    "own_mix": 0.6 + (own - 0.6) * rise + noise[0],
                    "uniform": 0.61 + (uniform - 0.61) * rise + noise[1],
                    "worst_client": own - 0.17,
                    "train_loss": 1.0,
                    "ari": 1.0 if name.startswith("secfpp") else None,
                    "k": 5,
                    "num_participants": 20,
                    "seconds_train": 0.83,
                    "seconds_share": 0.0,
                    "seconds_online": 0.0,
                    "seconds_dealer": 0.0,
                    "rounds": 0,
                    "bytes_client_max": 0,
                    "bytes_party_max": 0,
                }


def ledger(seeds: Sequence[int]) -> Iterable[dict[str, object]]:
    for seed in seeds:
        for number in range(1, ROUNDS + 1):
            job = f"secfpp, seed {seed}, round {number}"
            for to, what, shape, why in (
                (*STOPPING, "iteration 1: when to stop"),
                (*STOPPING, "iteration 2: when to stop"),
                ("each client", "own cluster's sum and size", [20, 513], "own mean, one row each"),
                ("evaluator", "labels", [20], "ARI against known domains; simulation only"),
            ):
                yield {
                    "to": to,
                    "what": what,
                    "shape": shape,
                    "why": why,
                    "policy": "own-mean",
                    "job": job,
                }


def _results(
    rng: np.random.Generator, methods: Sequence[str], seeds: Sequence[int]
) -> dict[str, object]:
    return {name: _result(rng, name, len(seeds)) for name in methods}


def _result(rng: np.random.Generator, name: str, seeds: int) -> dict[str, object]:
    title, own, uniform, secure = METHODS[name]
    error = None if seeds == 1 else float(rng.uniform(0.004, 0.012))
    gaps = rng.normal(0, 0.008, seeds)
    gaps -= gaps.mean()
    return {
        "title": title,
        "own_mix": {
            "mean": own,
            "standard_error": error,
            "per_seed": [own + gap for gap in gaps],
        },
        "uniform": {
            "mean": uniform,
            "standard_error": error,
            "per_seed": [uniform - gap for gap in gaps],
        },
        "worst_client": {"mean": own - 0.17, "standard_error": None},
        "ari_first": {"mean": 0.99, "standard_error": None} if name.startswith("secfpp") else None,
        "epsilon": 8.0 if name == "dp-promptfl" else None,
        "rounds": 640 if secure else 0,
        "bytes_client_max": 361_000 if secure else 0,
        "bytes_party_max": 14_800_000 if secure else 0,
        "seconds_train": 0.0 if name == "zero-shot" else 8.3,
        "seconds_share": 0.12 if secure else 0.0,
        "seconds_online": 21.4 if secure else 0.0,
        "seconds_dealer": 3.2 if secure else 0.0,
    }


def traffic(insecure: bool) -> list[dict[str, object]]:
    roles = [
        ("party:0", "online", 620_000),
        ("party:0", "offline", 410_000),
        ("party:0", "input", 285_000),
        ("party:0", "output", 82_000),
        ("party:1", "online", 620_000),
        ("party:1", "offline", 402_000),
        ("party:1", "input", 285_000),
        ("party:1", "output", 82_000),
        ("dealer", "offline", 812_000),
        ("server", "control", 1_400),
        ("server", "control", 1_400),
        *((f"client:{client}", "input", 36_000 + client) for client in range(20)),
    ]
    job = {
        "roles": [
            {"role": role, "phase": phase, "bytes_sent": moved // 2, "bytes_received": moved // 2}
            for role, phase, moved in roles
        ],
        "steps": [
            {"name": "distances", "rounds": 1, "bytes_sent": 205_000, "seconds": 0.11},
            {"name": "first centres", "rounds": 24, "bytes_sent": 44_000, "seconds": 0.32},
            {"name": "assignment", "rounds": 38, "bytes_sent": 61_000, "seconds": 1.52},
            {"name": "means", "rounds": 1, "bytes_sent": 10_000, "seconds": 0.02},
        ],
        "insecure": ["provider tfp: party 0 can unmask everything"] if insecure else [],
    }
    return [{**job, "round": number} for number in range(1, ROUNDS + 1)]


def clusters(rng: np.random.Generator, seed: int = 0) -> dict[str, object]:
    centres = rng.normal(0, 1.6, (len(DOMAINS), 2))
    owner = np.repeat(np.arange(len(DOMAINS)), CLIENTS_PER_DOMAIN)
    places = centres[owner] + rng.normal(0, 0.16, (len(owner), 2))
    return {
        "method": "secfpp",
        "seed": seed,
        "round": 1,
        "domains": [DOMAINS[index] for index in owner],
        "labels": [int((index + 2) % len(DOMAINS)) for index in owner],
        "points": places.tolist(),
    }
