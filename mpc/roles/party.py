"""A computing party: connect to the other roles, then do one job after another.

A party holds one share of every value. It learns only the public schedule and what the reveal
policy opens to `parties and server`; see `mpc.engine.reveal`.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Final, NoReturn

import torch

from mpc.consent.chain import Ledger
from mpc.consent.policy import Consent
from mpc.engine._crypten import plugged
from mpc.engine.communicator import MeshCommunicator
from mpc.engine.context import Party
from mpc.errors import (
    Cause,
    FrameError,
    MpcError,
    PeerClosedError,
    PeerTimeoutError,
    TransportError,
)
from mpc.jobs.order import Order
from mpc.jobs.sharding import HAND_BACK, SECOND_LEVEL
from mpc.net.frames import AGREEMENT, CONTROL, FAILED, PRESENT, RoundClock
from mpc.net.handshake import Reception, connect
from mpc.net.last_words import last_words
from mpc.net.link import MAX_CONTROL_BYTES, Link
from mpc.preprocessing.first_party import FirstPartyProvider
from mpc.preprocessing.provider import DealerProvider
from mpc.ring.randomness import AesCtrStream, KeyAgreement, new_key
from mpc.roles.bootstrap import Start, serve_process
from mpc.roles.job_meter import Network
from mpc.roles.mailbox import Mailbox
from mpc.roles.party_job import Charter, KeptShares, run_job
from mpc.roles.shards import Shards
from mpc.roles.staying import serve_sessions

PUBLIC_KEY_BYTES = 32
_TICK_S: Final = 1.0
"""How often an idle party looks whether the other roles are there."""


@dataclass(frozen=True, kw_only=True)
class Meeting:
    """A connected party: its network, and the reception that accepts data owners."""

    network: Network
    reception: Reception
    mailbox: Mailbox = field(default_factory=Mailbox, repr=False)
    """Results that owners may not have yet."""
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
    """Connect to all roles, and agree on keys; nothing stays open if that fails."""
    online = RoundClock()
    reception = Reception(
        start.listener,
        me=start.identity,
        admits=lambda role: _may_connect(role, start),
        timeout_s=start.timeout_s,
        clock_of=lambda role: online if role.startswith("party:") else RoundClock(),
    )
    opened: list[Link] = []
    try:
        return _met(start, reception, online, opened)
    except BaseException:
        for link in opened:
            link.close()
        reception.close()
        raise


def _met(start: Start, reception: Reception, online: RoundClock, opened: list[Link]) -> Meeting:
    """Connect and agree; links to other roles are added to `opened` at once."""
    offline = RoundClock()

    def reach(rank: int, clock: RoundClock) -> Link:
        opened.append(_connect(start, rank, clock))
        return opened[-1]

    peers = {rank: reach(rank, online) for rank in range(start.rank)}
    dealer = reach(start.num_parties, offline) if start.provider == "dealer" else None
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


def serve(meeting: Meeting, start: Start, charter: Charter) -> None:
    """Do jobs until the server sends stop, or hangs up on a party that does not stay."""
    number, kept, shards = 0, KeptShares(), Shards()
    _greet(meeting, charter, number)
    while True:
        try:
            asked = _next_request(meeting, start, number + 1)
        except PeerClosedError as error:
            if not start.stays or error.cause.lost != "server":
                if start.stays:
                    raise
                return
            meeting.network.server = _next_server(meeting)
            _check_others(meeting)
            _greet(meeting, charter, number)
            continue
        if asked.get("do") == "stop":
            return
        number += 1
        with start.ending.job() if start.ending else nullcontext():
            if _follows_shards(meeting, shards, charter, number, asked):
                continue
            order = Order.from_json(number, asked)
            run_job(
                meeting.network,
                meeting.reception,
                order,
                kept,
                shards,
                charter=charter,
                mailbox=meeting.mailbox,
                timeout_s=start.timeout_s,
                job_timeout_s=start.job_timeout_s,
            )


def _follows_shards(
    meeting: Meeting, shards: Shards, charter: Charter, number: int, asked: Mapping[str, object]
) -> bool:
    """Do what a server asks after the shards; return False if it asks for something else."""
    network = meeting.network
    if asked.get("do") == SECOND_LEVEL:
        shards.run_second_level(network, charter.ledger, number)
        return True
    if asked.get("do") == HAND_BACK:
        shard = asked.get("shard")
        if not isinstance(shard, int):
            raise FrameError("the server asked for results of no shard")
        shards.run_hand_back(
            network, charter.ledger, number, shard, meeting.reception, meeting.mailbox
        )
        return True
    return False


def _greet(meeting: Meeting, charter: Charter, number: int) -> None:
    """Tell the server that this party is ready, in which run, and after how many jobs."""
    ready = {"ready": True, "run": charter.run, "jobs": number}
    with suppress(PeerClosedError):  # it is waited for again
        meeting.network.server.send_json(CONTROL, ready)


def _next_request(meeting: Meeting, start: Start, number: int) -> dict[str, object]:
    """Return the server's next message; meanwhile say which data owners are connected."""
    server = meeting.network.server
    while True:
        _idle(meeting, start)
        header, payload = server.recv_any(max_bytes=MAX_CONTROL_BYTES)
        if header.tag == PRESENT:
            server.send_json(PRESENT, {"owners": meeting.reception.connected("client:")})
            continue
        server.check(header, CONTROL, number, header.length)
        return server.object_in(payload)


def _idle(meeting: Meeting, start: Start) -> None:
    """Wait for the server as long as it takes; a party that stays notices others that end."""
    if not start.stays:
        meeting.network.server.readable_within(None)
        return
    while not meeting.network.server.readable_within(_TICK_S):
        meeting.mailbox.deliver(meeting.reception)
        _check_others(meeting)


def _next_server(meeting: Meeting) -> Link:
    """Wait for a server to connect, as long as it takes."""
    while True:
        try:
            return meeting.reception.wait_for(["server"], timeout_s=_TICK_S)["server"]
        except PeerTimeoutError:
            meeting.mailbox.deliver(meeting.reception)
            _check_others(meeting)


def _check_others(meeting: Meeting) -> None:
    """Raise if another party or the dealer has hung up, or its wire was cut."""
    for link in meeting.network.others:
        if link.hung_up():
            if link.fell_silent():
                raise PeerTimeoutError(
                    f"{link.peer} no longer answers {link.me}: its host or the network is gone",
                    cause=Cause(silent=link.peer),
                )
            raise PeerClosedError(
                f"{link.peer} closed its connection to {link.me}", cause=Cause(lost=link.peer)
            )


def run_party(start: Start) -> None:
    """Connect to the others, then serve jobs; report a failure to the server.

    A party that stays serves one server after another. If a session fails, because a role died or
    fell silent, it forms the next one with fresh keys.
    """
    torch.set_num_threads(1)
    ledger = Ledger(start.ledger, role=start.identity.role, listener=start.on_event)
    consent = Consent(start.policy, start.identity.role, spending=ledger.spending)
    try:
        serve_sessions(start, ledger, lambda now: _serve_one_session(now, consent, ledger))
    finally:
        ledger.close()


def _serve_one_session(start: Start, consent: Consent, ledger: Ledger) -> bool:
    """Serve until the server sends stop; return False: it was the last session."""
    meeting = meet(start)
    charter = Charter(
        session=start.identity.session,
        run=meeting.network.provider.run,
        consent=consent,
        ledger=ledger,
    )
    ledger.write("session began", run=charter.run)
    try:
        with meeting.plugged():
            serve(meeting, start, charter)
    except MpcError as error:
        with suppress(TransportError):  # it may have ended
            meeting.network.server.say_last(FAILED, last_words(error))
        raise
    finally:
        meeting.reception.close()
        for link in meeting.network.others:
            link.close()
    return False


def main() -> NoReturn:
    """Run a party's process; see `mpc.session.local_group`."""
    serve_process("party", run_party)


if __name__ == "__main__":
    main()
