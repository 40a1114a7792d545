"""A data owner as a program, for an environment with NumPy and `cryptography` only.

    python owner_program.py FOLDER client:0 1.5 2.5

FOLDER holds what a data owner is given: network.json, ca.pem, its own certificate and key. The row
on the command line is clustered and averaged in one job. The program checks the job against its
policy, sends a share of the row to each party and writes, as JSON, the mean and the size of its own
cluster.
"""

import json
import sys
from pathlib import Path

import numpy as np

from mpc import Owner
from mpc.consent.policy import Policy
from mpc.net.addresses import read_addresses

PATIENCE_S = 120.0
POLICY = Policy(max_value_bound=16.0, max_payload_bound=16.0)


def main() -> None:
    """Take part in one job."""
    folder, name, *row = sys.argv[1:]
    row_1D = np.array([[float(entry) for entry in row]])
    addresses = read_addresses(Path(folder) / "network.json")
    ledger = Path(folder) / "ledger.jsonl"
    with Owner(name, addresses, Path(folder), policy=POLICY, ledger=ledger) as owner:
        terms = owner.await_job(PATIENCE_S)
        owner.share(terms, row_1D, row_1D)
        result = owner.fetch(terms)
    said = {"mean": result.mean_RM[0].tolist(), "size": int(result.size_R[0])}
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main()
