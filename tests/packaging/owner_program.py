"""A data owner as a program, for an environment with NumPy and `cryptography` only.

    python owner_program.py FOLDER client:0 1.5 2.5

FOLDER holds what a data owner is given: network.json, ca.pem, its own certificate and key, and the
public job.json. The row on the command line is clustered and averaged. The program sends a share of
it to each party and writes, as JSON, the mean and the size of its own cluster.
"""

import json
import sys
from pathlib import Path

import numpy as np

from mpc import ClusterJob
from mpc.jobs.encoding import payload_unit
from mpc.jobs.rows import decode_mean, encode_payload, encode_point
from mpc.net.addresses import read_addresses
from mpc.net.credential_folder import read_credentials
from mpc.net.handshake import Identity, connect
from mpc.net.link import Link
from mpc.net.link_meter import LinkMeter
from mpc.session.data_owner import DataOwner

PATIENCE_S = 120.0
JOB = 1


def meet_parties(folder: Path, name: str) -> DataOwner:
    """Connect to every party, with this data owner's certificate."""
    addresses = read_addresses(folder / "network.json")
    credentials = read_credentials(folder, name)
    me = Identity(role=name, session=addresses.session, credentials=credentials)

    def meet(rank: int) -> Link:
        return connect(
            addresses.parties[rank],
            me=me,
            peer=f"party:{rank}",
            timeout_s=PATIENCE_S,
            within_s=PATIENCE_S,
            patient=True,
        )

    links = tuple(meet(rank) for rank in range(len(addresses.parties)))
    return DataOwner(name=name, links=links, meter=LinkMeter(role=name, phase="input"))


def take_part(owner: DataOwner, job: ClusterJob, row_D: np.ndarray) -> dict[str, object]:
    """Share one row, and reconstruct what comes back."""
    row_1D = row_D[None, :]
    ring = np.concatenate([encode_point(row_1D, job), encode_payload(row_1D, job)], axis=1)
    owner.send(ring, job=JOB)
    back = owner.receive((1, len(row_D) + 1), job=JOB, wait=lambda link: None)
    size_1 = back[:, -1]
    mean_1D = decode_mean(back[:, :-1], size_1, payload_unit(job, len(row_D)))
    return {"mean": mean_1D[0].tolist(), "size": int(size_1[0])}


def main() -> None:
    """Take part in one job."""
    folder, name, *row = sys.argv[1:]
    job = ClusterJob.from_json(json.loads((Path(folder) / "job.json").read_text()))
    owner = meet_parties(Path(folder), name)
    said = take_part(owner, job, np.array([float(entry) for entry in row]))
    sys.stdout.write(json.dumps(said))
    owner.close()


if __name__ == "__main__":
    main()
