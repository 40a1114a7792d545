"""What a data owner does, for an environment with NumPy and `cryptography` only; prints JSON."""

import importlib
import json
import pkgutil
import sys

import numpy as np

import mpc
from mpc import ClusterJob
from mpc.fss import evaluate_sign, generate_sign
from mpc.jobs.bounds import with_bounds
from mpc.jobs.encoding import check_bounds, payload_unit
from mpc.jobs.rows import decode_mean, encode_payload, encode_point
from mpc.net.addresses import Address
from mpc.net.certificates import Authority
from mpc.net.frames import OPENED, SHARE
from mpc.net.handshake import Identity, Reception, connect, listen
from mpc.net.link import Link
from mpc.net.link_meter import LinkMeter
from mpc.ring.randomness import AesCtrStream, new_key
from mpc.session.data_owner import DataOwner, reconstruct, split

PARTIES = 3
PATIENCE_S = 30.0
OWNER = "client:0"


def rows_come_back() -> bool:
    """Encode rows, split them, add the shares up."""
    rows_RD = np.random.default_rng(0).normal(size=(6, 5))
    job = with_bounds(ClusterJob(k=2), rows_RD, rows_RD)
    check_bounds(job, *rows_RD.shape)
    ring = encode_payload(rows_RD, job)
    shares = split(ring, PARTIES)
    back_RD = decode_mean(reconstruct(shares), np.ones(6, dtype=np.int64), payload_unit(job, 5))
    return bool(np.allclose(back_RD, rows_RD, atol=1e-6) and encode_point(rows_RD, job).any())


def rows_travel() -> bool:
    """Send shares to parties through TLS, and get them back as what they open."""
    authority = Authority.create()

    def identity(role: str) -> Identity:
        return Identity(role=role, session="here", credentials=authority.issue(role))

    def meet(rank: int) -> tuple[Link, Link]:
        listener = listen()
        address = Address(*listener.getsockname()[:2])
        party = f"party:{rank}"
        reception = Reception(
            listener, me=identity(party), admits=lambda role: True, timeout_s=PATIENCE_S
        )
        link = connect(address, me=identity(OWNER), peer=party, timeout_s=PATIENCE_S)
        far = reception.wait_for([OWNER], timeout_s=PATIENCE_S)[OWNER]
        reception.close()
        return link, far

    ends = [meet(rank) for rank in range(PARTIES)]
    meter = LinkMeter(role=OWNER, phase="input")
    owner = DataOwner(name=OWNER, links=tuple(link for link, _ in ends), meter=meter)
    ring = np.arange(-6, 6).reshape(3, 4)
    owner.send(ring, job=1)
    for _, party in ends:
        party.send_ring(OPENED, party.recv_ring(SHARE, ring.shape, number=1), number=1)
    back = owner.receive(ring.shape, job=1, wait=lambda link: None)
    owner.close()
    return bool((back == ring).all())


def keys_compare() -> bool:
    """Make a dealer's keys for the signs of some numbers, and evaluate both parties' shares."""
    key = new_key()
    stream = AesCtrStream(key)
    numbers = np.array([-5, -1, 0, 1, 7])
    mask = stream.ring(numbers.shape)
    seeds = [stream.ring((len(numbers), 2)) for _ in range(2)]
    words = generate_sign(
        mask.view(np.uint64), *seeds, num_bits=64, ring_bits=64, key=key[:16]
    )
    masked = (numbers + mask).view(np.uint64)
    signs = sum(evaluate_sign(party, seeds[party], words, masked) for party in range(2))
    return bool((signs == (numbers < 0)).all())


def refusal(name: str) -> str:
    """Return why something of the whole distribution cannot be imported."""
    try:
        getattr(mpc, name)
    except ImportError as error:
        return str(error)
    return ""


def main() -> None:
    """Do it all."""
    done = {"come back": rows_come_back(), "travel": rows_travel(), "compare": keys_compare()}
    modules = [found.name for found in pkgutil.walk_packages(mpc.__path__, "mpc.")]
    for module in modules:
        importlib.import_module(module)
    loaded = {name.partition(".")[0] for name in sys.modules}
    heavy = sorted(loaded & {"torch", "crypten", "sklearn", "scipy", "secfpp"})
    record = {"done": done, "modules": modules, "heavy": heavy, "refusal": refusal("open_session")}
    print(json.dumps(record))


if __name__ == "__main__":
    main()
