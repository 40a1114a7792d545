"""A computing party: connect to the other roles, then do one job after another.

A party holds one share of every value. It learns only the public schedule and what the reveal
policy opens to `parties and server`; see `mpc.engine.reveal`.
"""

import contextlib
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import NoReturn

import torch

from mpc.consent.chain import Ledger
from mpc.consent.policy import Consent
from mpc.engine._crypten import plugged
from mpc.engine.communicator import MeshCommunicator
from mpc.engine.context import Party
from mpc.errors import MpcError, PeerClosedError, TransportError
from mpc.jobs.order import Order
from mpc.net.frames import AGREEMENT, CONTROL, FAILED, RoundClock
from mpc.net.handshake import Reception, connect
from mpc.net.last_words import last_words
from mpc.net.link import Link
from mpc.preprocessing.first_party import FirstPartyProvider
from mpc.preprocessing.provider import DealerProvider
from mpc.ring.randomness import AesCtrStream, KeyAgreement, new_key
from mpc.roles.bootstrap import Start, serve_process
from mpc.roles.job_meter import Network
from mpc.roles.party_job import Charter, KeptShares, run_job

PUBLIC_KEY_BYTES = 32


@dataclass(frozen=True, kw_only=True)
class Meeting:
    """A connected party: its network, and the reception that accepts data owners."""

    network: Network
    reception: Reception
    local: AesCtrStream = field(repr=False)
    """Stream that only this party knows, for the masks of CrypTen's own protocols."""

    def plugged(self) -> AbstractContextManager[None]:
        """Install links, correlated randomness and streams in CrypTen."""
        party = self.network.party
        return plugged(
            party.communicator,
            party.provider,
            local=self.local,
            previous=party.previous,
            following=party.following,
        )


def meet(start: Start) -> Meeting:
    """Connect to all roles, and agree on keys."""
    online, offline = RoundClock(), RoundClock()
    reception = Reception(
        start.listener,
        me=start.identity,
        admits=lambda role: _may_connect(role, start),
        timeout_s=start.timeout_s,
        clock_of=lambda role: online if role.startswith("party:") else RoundClock(),
    )
    peers = {rank: _connect(start, rank, online) for rank in range(start.rank)}
    dealer = None
    if start.provider == "dealer":
        dealer = _connect(start, start.num_parties, offline)
    higher = {f"party:{rank}": rank for rank in range(start.rank + 1, start.num_parties)}
    accepted = reception.wait_for([*higher, "server"], timeout_s=start.start_timeout_s)
    peers |= {rank: accepted[role] for role, rank in higher.items()}
    communicator = MeshCommunicator(start.rank, peers, online)
    local = AesCtrStream(new_key())
    provider = (
        DealerProvider(start.rank, dealer, offline, num_parties=start.num_parties)
        if dealer is not None
        else FirstPartyProvider(communicator, local)
    )
    previous, following = agree_ring_keys(start.rank, peers, start.identity.session)
    for link in peers.values():
        link.start_counting()
    party = Party(
        communicator=communicator,
        provider=provider,
        previous=AesCtrStream(previous),
        following=AesCtrStream(following),
    )
    network = Network(
        communicator=communicator,
        provider=provider,
        party=party,
        server=accepted["server"],
        dealer=dealer,
    )
    return Meeting(network=network, reception=reception, local=local)


def _may_connect(role: str, start: Start) -> bool:
    """Whether a role may connect to this party: higher ranks, the server, data owners."""
    if role.startswith("party:"):
        return start.rank < int(role.removeprefix("party:")) < start.num_parties
    return role == "server" or role.startswith("client:")


def _connect(start: Start, rank: int, clock: RoundClock) -> Link:
    peer = "dealer" if rank == start.num_parties else f"party:{rank}"
    return connect(
        start.addresses[rank],
        me=start.identity,
        peer=peer,
        timeout_s=start.timeout_s,
        within_s=start.start_timeout_s,
        patient=True,
        clock=clock,
    )


def agree_ring_keys(rank: int, peers: dict[int, Link], session: str) -> tuple[bytes, bytes]:
    """Agree on keys for zero sharings with the previous and the next party in the ring.

    Parameters
    ----------
    rank : int
    peers : dict of int to Link
    session : str
        Session id, which the keys depend on.

    Returns
    -------
    previous, following : bytes
        16 bytes each; `following` equals the next party's `previous`.

    References
    ----------
    RFC 7748 (X25519), RFC 5869 (HKDF).
    """
    num_parties = len(peers) + 1
    after, before = (rank + 1) % num_parties, (rank - 1) % num_parties
    agreements = {other: KeyAgreement() for other in {after, before}}
    for other, agreement in agreements.items():
        peers[other].send(AGREEMENT, agreement.public_bytes())
    publics = {
        other: bytes(peers[other].recv(AGREEMENT, num_bytes=PUBLIC_KEY_BYTES))
        for other in agreements
    }

    def key(other: int, source: int) -> bytes:
        context = f"secfpp zero sharing {session} from party:{source}".encode()
        return agreements[other].shared_key(publics[other], context=context)

    return key(before, before), key(after, rank)


def serve(meeting: Meeting, start: Start, ledger: Ledger) -> None:
    """Do jobs until the server sends stop or hangs up."""
    charter = Charter(
        session=start.identity.session,
        run=meeting.network.provider.run,
        consent=Consent(start.policy, start.identity.role),
        ledger=ledger,
    )
    server = meeting.network.server
    server.send_json(CONTROL, {"ready": True, "run": charter.run})
    number, kept = 0, KeptShares()
    while True:
        server.readable_within(None)
        number += 1
        try:
            message = server.recv_json(CONTROL, number=number)
        except PeerClosedError:
            return
        if message.get("do") == "stop":
            return
        order = Order.from_json(number, message)
        run_job(
            meeting.network,
            meeting.reception,
            order,
            kept,
            charter=charter,
            timeout_s=start.timeout_s,
            job_timeout_s=start.job_timeout_s,
        )


def run_party(start: Start) -> None:
    """Connect to the others, then serve jobs; report a failure to the server."""
    torch.set_num_threads(1)
    ledger = Ledger(start.ledger, role=start.identity.role)
    meeting = meet(start)
    try:
        with meeting.plugged():
            serve(meeting, start, ledger)
    except MpcError as error:
        with contextlib.suppress(TransportError):  # it may have ended
            meeting.network.server.say_last(FAILED, last_words(error))
        raise
    finally:
        meeting.reception.close()
        ledger.close()


def main() -> NoReturn:
    """Run a party's process; see `mpc.session.local_group`."""
    serve_process("party", run_party)


if __name__ == "__main__":
    main()
