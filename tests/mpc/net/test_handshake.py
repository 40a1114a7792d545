"""Who is let in and who is not, with certificates and with a token; the door stays open."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest

from mpc.errors import PeerTimeoutError, RefusedError, TransportError
from mpc.net.addresses import Address
from mpc.net.certificates import Authority, Credentials, certificate_name
from mpc.net.channel import PlainChannel, handshake
from mpc.net.frames import CONTROL, HELLO, Header
from mpc.net.handshake import LOOPBACK, Identity, Reception, connect, listen
from mpc.net.link import Link
from mpc.net.tls import context_of
from tests.mpc.ends import KINDS, concurrently, credentials
from tests.patience import SOON_S

SESSION = "a session"
EXPECTED = {"server", "party:1", "client:3", "client:4"}
CROWD = {f"client:{i}" for i in range(100, 200)}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class House:
    """A reception of party:0, and what it takes to get in."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        listener = listen()
        self.address = Address(LOOPBACK, listener.getsockname()[1])
        self.reception = Reception(
            listener,
            me=self.identity("party:0"),
            admits=(EXPECTED | CROWD).__contains__,
            timeout_s=5,
        )

    def identity(self, role: str, *, session: str = SESSION) -> Identity:
        shown = credentials(role) if self.kind == "tls" else None
        return Identity(role=role, session=session, credentials=shown)

    def enter(self, me: Identity, *, peer: str = "party:0", within_s: float = 5) -> Link:
        return connect(self.address, me=me, peer=peer, timeout_s=SOON_S, within_s=within_s)

    def knock(self) -> socket.socket:
        return socket.create_connection((LOOPBACK, self.address.port), timeout=5)

    def lets_in(self, role: str = "client:3") -> None:
        """Let a right one in, speak both ways, hang up."""
        link = self.enter(self.identity(role))
        other = self.reception.wait_for([role], timeout_s=5)[role]
        link.send_json(CONTROL, {"say": role})
        assert other.recv_json(CONTROL) == {"say": role}
        other.send_json(CONTROL, {"say": "party:0"})
        assert link.recv_json(CONTROL) == {"say": "party:0"}
        assert (other.me, other.peer) == ("party:0", role)
        link.close()


@pytest.fixture
def house(kind: str) -> Iterator[House]:
    house = House(kind)
    yield house
    house.reception.close()


@pytest.fixture
def tls_house() -> Iterator[House]:
    house = House("tls")
    yield house
    house.reception.close()


def with_certificate(role: str, shown: Credentials) -> Identity:
    return Identity(role=role, session=SESSION, credentials=shown)


def test_right_roles_are_let_in_each_once(house: House) -> None:
    links = {role: house.enter(house.identity(role)) for role in sorted(EXPECTED)}
    came = house.reception.wait_for(EXPECTED, timeout_s=5)
    assert {role: link.peer for role, link in came.items()} == {role: role for role in EXPECTED}
    assert house.reception.missing([*EXPECTED, "client:9"]) == ["client:9"]
    for link in links.values():
        assert not link.count.any  # greetings are of no job
        link.close()


def test_a_hundred_at_once_are_let_in(house: House) -> None:
    crowd = map(house.identity, CROWD)
    links = concurrently([partial(house.enter, me, within_s=30) for me in crowd])
    assert all(isinstance(link, Link) for link in links), links
    assert set(house.reception.wait_for(CROWD, timeout_s=10)) == CROWD


@pytest.mark.parametrize(
    ("role", "session", "words"),
    [
        ("client:3", "another session", "'client:3' is of another session"),
        ("client:3", "", "'client:3' is of another session"),
        ("client:3", "\ud800", "'client:3' is of another session"),
        ("party:one", SESSION, "'party:one' has no business with party:0"),
        ("party:0", SESSION, "'party:0' has no business with party:0"),
        ("client:5", SESSION, "'client:5' has no business with party:0"),
    ],
)
def test_another_session_or_no_business_is_told(
    house: House, role: str, session: str, words: str
) -> None:
    if role == "party:one" and house.kind == "tls":
        pytest.skip("no certificate has such a name")
    with pytest.raises(RefusedError, match=rf"{role} and party:0 at .* party:0 says: {words}"):
        house.enter(house.identity(role, session=session))
    house.lets_in()


def test_who_is_connected_already_is_told_and_the_first_stays(house: House) -> None:
    first = house.enter(house.identity("client:3"))
    with pytest.raises(RefusedError, match="'client:3' is connected already"):
        house.enter(house.identity("client:3"))
    first.send_json(CONTROL, {"still": "here"})
    other = house.reception.wait_for(["client:3"], timeout_s=1)["client:3"]
    assert other.recv_json(CONTROL) == {"still": "here"}
    first.close()


def test_after_hanging_up_one_comes_again(house: House) -> None:
    for _ in range(3):
        house.lets_in("client:3")


def test_what_was_left_unread_does_not_keep_its_sender_out(house: House) -> None:
    link = house.enter(house.identity("client:3"))
    link.send_json(CONTROL, {"never": "read"})
    link.close()
    house.lets_in("client:3")


def test_a_dropped_role_comes_again(house: House) -> None:
    link = house.enter(house.identity("client:3"))
    house.reception.wait_for(["client:3"], timeout_s=5)
    house.reception.drop("client:3")
    assert link.readable_within(2)
    assert link.hung_up()
    assert house.reception.present(["client:3"]) == {}
    house.lets_in("client:3")


def test_a_stranger_s_certificate_is_refused_and_the_stranger_told(tls_house: House) -> None:
    strange = Authority.create().issue("client:3")
    with pytest.raises(RefusedError, match="its certificate is refused"):  # of party:0, to him
        tls_house.enter(with_certificate("client:3", strange))
    ours = credentials("client:3").authority_pem
    for _ in range(20):  # he who believes us is refused by us
        with pytest.raises(RefusedError, match=r"(?i)unknown.ca"):
            tls_house.enter(with_certificate("client:3", replace(strange, authority_pem=ours)))
    tls_house.lets_in()


def test_no_certificate_is_refused(tls_house: House) -> None:
    context = ssl.create_default_context(cadata=credentials("client:3").authority_pem)
    said = []
    for _ in range(20):
        with tls_house.knock() as sock:
            channel = handshake(
                sock,
                context,
                server_side=False,
                peer_name=certificate_name("party:0"),
                timeout_s=5,
            )
            link = Link(channel, me="client:3", peer="party:0", timeout_s=5)
            with pytest.raises(TransportError) as caught:
                greet(link)
            said.append(str(caught.value))
    assert all("certificate required" in words.lower() for words in said), said
    tls_house.lets_in()


def greet(link: Link) -> None:
    link.send_json(HELLO, {"role": "client:3", "session": SESSION})
    link.recv_any(max_bytes=4096)


def test_a_certificate_of_another_role_is_refused_and_its_holder_told(tls_house: House) -> None:
    for claimed, held in (("client:3", "party:1"), ("party:1", "client:3"), ("server", "client:3")):
        with pytest.raises(
            RefusedError, match=f"it calls itself '{claimed}' but its certificate is of '{held}'"
        ):
            tls_house.enter(with_certificate(claimed, credentials(held)))
    tls_house.lets_in()


def test_a_server_with_the_certificate_of_another_role_is_not_talked_to(tls_house: House) -> None:
    with pytest.raises(RefusedError, match=r"party:1 .*certificate is refused: .*party-1\.secfpp"):
        tls_house.enter(tls_house.identity("client:3"), peer="party:1")
    tls_house.lets_in()


def test_plain_tcp_to_a_tls_listener_is_refused(tls_house: House) -> None:
    me = Identity(role="client:3", session=SESSION, credentials=None)
    with pytest.raises(RefusedError, match="client:3 and party:0"):
        tls_house.enter(me)
    tls_house.lets_in()


def test_tls_to_a_plain_listener_is_refused() -> None:
    house = House("plain")
    with pytest.raises(TransportError, match="client:3 and party:0"):
        house.enter(with_certificate("client:3", credentials("client:3")), within_s=2)
    house.lets_in()
    house.reception.close()


def test_tls_1_2_is_refused_by_both_ends(tls_house: House) -> None:
    old = context_of(credentials("client:3"), server_side=False)
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_2
    with tls_house.knock() as sock, pytest.raises(TransportError, match=r"(?i)version"):
        handshake(sock, old, server_side=False, peer_name=certificate_name("party:0"), timeout_s=5)
    with listen() as listener:
        threading.Thread(target=accept_old, args=(listener,), daemon=True).start()
        address = Address(LOOPBACK, listener.getsockname()[1])
        with pytest.raises(RefusedError, match=r"(?i)version"):
            connect(address, me=tls_house.identity("client:3"), peer="party:0", timeout_s=5)
    tls_house.lets_in()


def accept_old(listener: socket.socket) -> None:
    context = context_of(credentials("party:0"), server_side=True)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    sock, _ = listener.accept()
    with sock, contextlib.suppress(TransportError):
        handshake(sock, context, server_side=True, timeout_s=5)


GARBAGE = {
    "nothing": b"",
    "http": b"GET / HTTP/1.1\r\nHost: party-0\r\n\r\n",
    "noise": bytes(range(256)) * 64,
    "half a hello": Header(HELLO, 0, 0, 100).pack() + b'{"role"',
    "a hello of 1 GB": Header(HELLO, 0, 0, 1 << 30).pack() + bytes(1 << 16),
    "no JSON": Header(HELLO, 0, 0, 3).pack() + b"{.}",
    "no object": Header(HELLO, 0, 0, 4).pack() + b"null",
    "deep JSON": Header(HELLO, 0, 0, 4096).pack() + b"[" * 4096,
    "numbers": Header(HELLO, 0, 0, 24).pack() + b'{"role":1,"session":[2]}',
    "another tag": Header(CONTROL, 0, 0, 2).pack() + b"{}",
}


@pytest.mark.slow
@pytest.mark.parametrize("noise", GARBAGE.values(), ids=GARBAGE.keys())
@pytest.mark.parametrize("stays", [True, False], ids=["stays", "leaves"])
def test_noise_keeps_nobody_out_and_no_thread_busy(house: House, noise: bytes, stays: bool) -> None:
    with house.knock() as sock:
        sock.sendall(noise)
        if stays:
            house.lets_in()
    house.lets_in()
    time.sleep(0.05)  # until who left is noticed
    before = time.process_time()
    time.sleep(0.1)
    assert time.process_time() - before < 0.05


def test_noise_inside_tls_is_answered_or_hung_up_on(tls_house: House) -> None:
    for noise in (GARBAGE["a hello of 1 GB"], GARBAGE["no JSON"], GARBAGE["deep JSON"]):
        sock = tls_house.knock()
        sock.settimeout(None)
        context = context_of(credentials("client:3"), server_side=False)
        name = certificate_name("party:0")
        channel = handshake(sock, context, server_side=False, peer_name=name, timeout_s=5)
        link = Link(channel, me="client:3", peer="party:0", timeout_s=3)
        with contextlib.suppress(OSError):
            for piece in channel.encode(noise):
                sock.sendall(piece)
        with pytest.raises(TransportError) as caught:
            link.recv(CONTROL, num_bytes=0)
        assert not isinstance(caught.value, PeerTimeoutError)
        sock.close()
    tls_house.lets_in()


def test_forty_silent_strangers_keep_nobody_out(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mpc.net.handshake.HANDSHAKE_TIMEOUT_S", 2 * SOON_S)
    with contextlib.ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(house.knock())
        started = time.monotonic()
        house.lets_in()
        assert time.monotonic() - started < SOON_S


def test_silence_ends(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mpc.net.handshake.HANDSHAKE_TIMEOUT_S", 0.3)
    with house.knock() as sock:
        sock.settimeout(SOON_S)
        assert sock.recv(1) == b""
    house.lets_in()


@pytest.mark.slow
def test_who_speaks_too_slowly_is_hung_up_on(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mpc.net.handshake.HANDSHAKE_TIMEOUT_S", 0.5)
    started = time.monotonic()
    with house.knock() as sock, contextlib.suppress(OSError):
        for byte in GARBAGE["half a hello"] + bytes(1000):
            sock.sendall(bytes([byte]))
            time.sleep(0.1)
            if time.monotonic() - started > SOON_S:
                pytest.fail("a newcomer that sends a byte now and then is borne for ever")
    house.lets_in()


def test_those_who_do_not_come_are_named_with_the_last_refusals(house: House) -> None:
    with pytest.raises(RefusedError):
        house.enter(house.identity("client:9"))
    started = time.monotonic()
    with pytest.raises(PeerTimeoutError) as caught:
        house.reception.wait_for(["client:4", "party:1"], timeout_s=0.3)
    assert time.monotonic() - started < SOON_S
    words = str(caught.value)
    assert words.startswith("client:4, party:1 did not connect to party:0 within 0.3 s")
    assert "refused meanwhile: 'client:9' has no business with party:0" in words


def test_who_comes_while_he_is_waited_for_is_there(house: House) -> None:
    me = house.identity("client:4")
    timer = threading.Timer(0.2, house.enter, (me,))
    timer.start()
    assert house.reception.wait_for(["client:4"], timeout_s=5)["client:4"].peer == "client:4"
    timer.join()


def test_nobody_at_the_door_is_said_at_once_or_waited_for() -> None:
    with listen() as listener:
        address = Address(LOOPBACK, listener.getsockname()[1])
    me = Identity(role="client:3", session=SESSION, credentials=None)
    with pytest.raises(TransportError, match=r"client:3 cannot reach party:0 at .*refused"):
        connect(address, me=me, peer="party:0", timeout_s=1)
    started = time.monotonic()
    with pytest.raises(TransportError, match="client:3 cannot reach party:0"):
        connect(address, me=me, peer="party:0", timeout_s=1, within_s=0.5, patient=True)
    assert 0.4 < time.monotonic() - started < SOON_S


@pytest.mark.slow
def test_a_listener_that_never_answers_is_not_waited_for(kind: str) -> None:
    with listen() as listener:
        address = Address(LOOPBACK, listener.getsockname()[1])
        shown = credentials("client:3") if kind == "tls" else None
        me = Identity(role="client:3", session=SESSION, credentials=shown)
        started = time.monotonic()
        with pytest.raises(PeerTimeoutError, match="client:3 and party:0"):
            connect(address, me=me, peer="party:0", timeout_s=1, within_s=0.5)
        assert time.monotonic() - started < SOON_S


def test_a_closed_reception_takes_nobody(house: House) -> None:
    house.reception.close()
    with pytest.raises(TransportError):
        house.enter(house.identity("client:3"), within_s=1)


def test_plain_channels_are_plain() -> None:
    """What the tests above count on where `kind` is plain."""
    house = House("plain")
    link = house.enter(house.identity("client:3"))
    assert isinstance(link._channel, PlainChannel)
    link.close()
    house.reception.close()


def test_a_peer_that_is_lost_before_it_lets_one_in_is_the_cause(kind: str) -> None:
    house = House(kind)
    with listen() as listener:

        def hang_up() -> None:
            listener.accept()[0].close()

        threading.Thread(target=hang_up, daemon=True).start()
        address, me = Address(LOOPBACK, listener.getsockname()[1]), house.identity("client:3")
        with pytest.raises(RefusedError, match="do not meet") as caught:
            connect(address, me=me, peer="party:0", timeout_s=SOON_S)
    assert caught.value.cause.lost == "party:0"
    house.reception.close()
