"""The life of one computing party: meet the others, then do one job after another.

A party holds share p of everything and learns nothing but the public schedule and what the reveal
policy opens to `parties and server`; see `mpc.reveal`.
"""

import sys

import torch

from mpc._crypten import install
from mpc.child import Bootstrap, serve_process
from mpc.communicator import MeshCommunicator
from mpc.errors import PeerClosedError
from mpc.jobs import ClusterJob
from mpc.meter import Network
from mpc.protocol import run_job
from mpc.provider import DealerProvider, FirstPartyProvider
from mpc.randomness import KEY_BYTES, AesCtrStream, new_key
from mpc.transport import CONTROL, RING_KEY, Link, accept, allow_open_files, connect


def meet(start: Bootstrap) -> Network:
    """Connect to everybody, agree on keys and put our plug-ins under CrypTen."""
    me = f"party:{start.rank}"
    peers: dict[int, Link] = {}
    for rank in range(start.rank):
        peers[rank] = _connect(start, me, f"party:{rank}", start.ports[rank])
    dealer = None
    if start.provider == "dealer":
        dealer = _connect(start, me, "dealer", start.ports[start.num_parties])
    higher = [f"party:{rank}" for rank in range(start.rank + 1, start.num_parties)]
    came = accept(
        start.listener,
        me=me,
        token=start.token,
        expected=[*higher, "server"],
        timeout_s=start.timeout_s,
    )
    server = came.pop("server")
    peers |= {int(role.split(":")[1]): link for role, link in came.items()}
    communicator = MeshCommunicator(start.rank, peers)
    local = AesCtrStream(new_key())
    provider = (
        DealerProvider(start.rank, dealer)
        if dealer is not None
        else FirstPartyProvider(communicator, local)
    )
    previous, following = _ring_keys(start.rank, peers)
    install(
        communicator,
        provider,
        local=local,
        previous=AesCtrStream(previous),
        following=AesCtrStream(following),
    )
    return Network(communicator=communicator, provider=provider, server=server, dealer=dealer)


def _connect(start: Bootstrap, me: str, peer: str, port: int) -> Link:
    return connect(port, me=me, peer=peer, token=start.token, timeout_s=start.timeout_s)


def _ring_keys(rank: int, peers: dict[int, Link]) -> tuple[bytes, bytes]:
    """Give the next party a key for zero sharings, get one from the previous."""
    num_parties = len(peers) + 1
    following = new_key()
    peers[(rank + 1) % num_parties].send(RING_KEY, following)
    previous = peers[(rank - 1) % num_parties].recv(RING_KEY, num_bytes=KEY_BYTES)
    return bytes(previous), following


def serve(start: Bootstrap, network: Network) -> None:
    """Do jobs until the server says stop or hangs up."""
    server = network.server
    server.send_json(CONTROL, {"ready": True})
    owners: dict[str, Link] = {}
    while True:
        server.wait_readable()
        try:
            request = server.recv_json(CONTROL)
        except PeerClosedError:
            return
        if request.get("do") == "stop":
            return
        job = ClusterJob.from_json(request["job"])
        rows = {str(name): list(held) for name, held in request["owners"].items()}  # type: ignore[attr-defined]
        allow_open_files(len(rows))
        owners |= accept(
            start.listener,
            me=f"party:{start.rank}",
            token=start.token,
            expected=[name for name in rows if name not in owners],
            timeout_s=start.timeout_s,
        )
        held = {owners[name]: rows_of for name, rows_of in rows.items()}
        reply = run_job(
            network, job, held, dim=int(str(request["dim"])), payload=int(str(request["payload"]))
        )
        server.send_json(CONTROL, reply)


def main() -> None:
    """Run a party's process; see `mpc.launch`."""

    def body(start: Bootstrap) -> None:
        torch.set_num_threads(1)
        serve(start, meet(start))

    sys.exit(serve_process("party", body))


if __name__ == "__main__":
    main()
