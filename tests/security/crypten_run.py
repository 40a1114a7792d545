"""Run CrypTen's TTP provider in real processes over gloo and collect what each one prints."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.security.mt19937_attack import Int64Array, PartyView

TIMEOUT_S = 120


@dataclass(frozen=True, kw_only=True, slots=True)
class CrypTenRun:
    """One run: what party 1 sees, and what the test compares the attack's result with."""

    view: PartyView
    upper_bits: int
    """Of the server's seed; told to the attacker."""
    true_seed: int
    true_keys: tuple[bytes, ...]
    true_secrets: tuple[Int64Array, ...]


def run_crypten(num_parties: int, rendezvous: Path, upper_bits: int) -> CrypTenRun:
    """Start parties and server, and end with all of them."""
    children = [
        _start(rank, num_parties, rendezvous, upper_bits) for rank in range(num_parties + 1)
    ]
    try:
        printed = [child.communicate(timeout=TIMEOUT_S) for child in children]
    finally:
        for child in children:
            child.kill()
            child.wait()
    assert all(child.returncode == 0 for child in children), [err for _, err in printed]
    *parties, server = [json.loads(out) for out, _ in printed]
    seen = parties[1]["seen"]
    return CrypTenRun(
        view=PartyView(
            rank=1,
            num_parties=num_parties,
            key=_key(seen["seed"]),
            opened=tuple(np.array(opened, np.int64) for opened in seen["opened"]),
        ),
        upper_bits=upper_bits,
        true_seed=server["truth"]["seed"],
        true_keys=tuple(_key(party["seen"]["seed"]) for party in parties),
        true_secrets=tuple(np.array(x, np.int64) for x in parties[0]["truth"]["secrets"]),
    )


def _start(
    rank: int, num_parties: int, rendezvous: Path, upper_bits: int
) -> "subprocess.Popen[str]":
    environment = {
        **os.environ,
        "RANK": str(rank),
        "WORLD_SIZE": str(num_parties),
        "RENDEZVOUS": f"file://{rendezvous}",
        "DISTRIBUTED_BACKEND": "gloo",
        "GLOO_SOCKET_IFNAME": "lo",
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "tests.security.attackers.crypten_ttp", str(upper_bits)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=Path(__file__).parents[2],
    )


def _key(seed: int) -> bytes:
    """Return CrypTen's seed as the eight bytes that came over the wire."""
    return np.array([seed], np.uint64).tobytes()
