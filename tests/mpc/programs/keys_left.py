"""Open a session, use it, close it, and count the private keys that can be reached: `python -m`.

Words say how the session is reached. What is counted, while it is open and after, goes to standard
output as JSON. Reachable is whatever the garbage collector finds from any object of this process.
"""

import gc
import json
import re
import ssl
import sys
import tempfile
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric import ec

from mpc import ClusterJob, SecureSession, open_session
from mpc.net.addresses import Address, Addresses, write_addresses
from mpc.net.credential_folder import write_certificates
from mpc.net.handshake import LOOPBACK
from mpc.session.local_group import ProcessGroup
from mpc.session.session import join_session

POINTS = np.random.default_rng(0).normal(size=(8, 3)) / 4
_KEY = rb"PRIVATE KEY-----\\?n?\s*[A-Za-z0-9+/]{40}"
_IN_BYTES, _IN_TEXT = re.compile(_KEY), re.compile(_KEY.decode())


def reachable() -> dict[int, object]:
    """Return all objects, by identity: those that are tracked, and whatever they refer to."""
    found = {id(each): each for each in gc.get_objects()}
    new = list(found.values())
    while new:
        new = [each for each in gc.get_referents(*new) if id(each) not in found]
        found |= {id(each): each for each in new}
    return found


def counted() -> dict[str, int]:
    """Count what holds a private key."""
    gc.collect()
    objects = list(reachable().values())
    return {
        "texts": sum(isinstance(each, str) and bool(_IN_TEXT.search(each)) for each in objects)
        + sum(
            isinstance(each, (bytes, bytearray)) and bool(_IN_BYTES.search(each))
            for each in objects
        ),
        "keys": sum(isinstance(each, ec.EllipticCurvePrivateKey) for each in objects),
        "contexts": sum(isinstance(each, (ssl.SSLContext, ssl.SSLObject)) for each in objects),
    }


def joined(folder: Path) -> tuple[SecureSession, ProcessGroup]:
    """Join parties and a dealer as if they were on other hosts, with credentials in a folder."""
    group = ProcessGroup(2, timeout_s=60)
    assert group._authority is not None
    roles = ["server", *(f"client:{number}" for number in range(len(POINTS)))]
    write_certificates(group._authority, folder / "certs", roles)
    parties = tuple(Address(LOOPBACK, port) for port in group.ports[:2])
    places = Addresses(
        session=group.session, parties=parties, dealer=Address(LOOPBACK, group.ports[2])
    )
    write_addresses(folder / "network.json", places)
    group._authority = group._latest = None
    return join_session(folder / "network.json", folder / "certs"), group


def main(how: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        session, group = (open_session(2), None) if how == "open" else joined(Path(name))
        session.cluster(ClusterJob(k=2), POINTS, POINTS)
        while_open = counted()
        session.close()
        sys.stdout.write(json.dumps({"open": while_open, "closed": counted()}) + "\n")
        if group is not None:
            group.end()


if __name__ == "__main__":
    main(sys.argv[1])
