"""A data owner that takes part in every job until its standard input closes.

    python -m tests.mpc.programs.owner FOLDER client:0 POLICY LEDGER 1.5 2.5

It writes a line of JSON for every job: the mean and the size of its own cluster, or why there are
none.
"""

import json
import os
import sys
import threading
from pathlib import Path

import numpy as np

from mpc.consent.policy import read_policy
from mpc.errors import ConsentError, MpcError
from mpc.net.addresses import read_addresses
from mpc.session.owner import Owner

RECONNECT = "--reconnect"
"""Connect anew for every job."""


def main() -> None:
    folder, name, policy, ledger, *row = (word for word in sys.argv[1:] if word != RECONNECT)
    row_1D = np.array([[float(entry) for entry in row]])
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with Owner(
        name,
        read_addresses(Path(folder) / "network.json"),
        Path(folder),
        policy=read_policy(Path(policy)),
        ledger=Path(ledger),
        timeout_s=float(os.environ.get("OWNER_TIMEOUT_S", "60")),
    ) as owner:
        while True:
            sys.stdout.write(json.dumps(_one_job(owner, row_1D)) + "\n")
            sys.stdout.flush()
            if RECONNECT in sys.argv:
                owner._links.hang_up()


def _one_job(owner: Owner, row_1D: np.ndarray) -> dict[str, object]:
    try:
        terms = owner.await_job()
        owner.share(terms, row_1D, row_1D)
        result = owner.fetch(terms)
    except ConsentError as error:
        return {"refused": sorted({str(each["field"]) for each in error.refusals})}
    except MpcError as error:
        return {"error": str(error)}
    return {
        "job": terms.number,
        "mean": result.mean_RM[0].tolist(),
        "size": int(result.size_R[0]),
    }


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
