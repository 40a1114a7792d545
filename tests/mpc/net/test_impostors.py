"""A certificate of the right authority opens no door but that of the one role that it names."""

import ipaddress
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from mpc.errors import RefusedError
from mpc.net.addresses import Address
from mpc.net.certificates import Credentials
from mpc.net.handshake import LOOPBACK, Identity, Reception, connect, listen
from mpc.net.link import Link
from tests.mpc.ends import authority, credentials
from tests.mpc.forged import dns, forged

Names = Sequence[x509.GeneralName]

SESSION = "a session"
CONNECTS, LISTENS = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH


def identity(shown: Credentials) -> Identity:
    return Identity(role=shown.role, session=SESSION, credentials=shown)


@contextmanager
def received(by: Credentials) -> Iterator[Callable[[Credentials, str], Link]]:
    """Yield what lets somebody connect, with some credentials, to a role that has others."""
    listener = listen()
    address = Address(LOOPBACK, listener.getsockname()[1])
    reception = Reception(listener, me=identity(by), admits=lambda role: True, timeout_s=20)
    try:
        yield lambda shown, peer: connect(address, me=identity(shown), peer=peer, timeout_s=20)
    finally:
        reception.close()


def meet(caller: Credentials, answerer: Credentials) -> None:
    """Let one connect to the other and be let in, or raise `RefusedError`."""
    with received(answerer) as enter:
        link = enter(caller, answerer.role)
        assert not link.hung_up()
        link.close()


def spoilt(name: str, other: str) -> dict[str, Names]:
    """Return names that a certificate of `name` must not have, or not alone."""
    return {
        "none": [],
        "another": dns(other),
        "another behind it": dns(name, other),
        "another before it": dns(other, name),
        "itself twice": dns(name, name),
        "in capitals": dns(name.upper()),
        "a wildcard": dns("*.secfpp"),
        "a wildcard behind it": dns(name, "*.secfpp"),
        "a foreign one behind it": dns(name, "example.org"),
        "an address behind it": [*dns(name), x509.IPAddress(ipaddress.ip_address(LOOPBACK))],
        "a letter box behind it": [*dns(name), x509.RFC822Name("me@example.org")],
        "a page before it": [x509.UniformResourceIdentifier(f"https://{name}"), *dns(name)],
        "a page alone": [x509.UniformResourceIdentifier(name)],
        "the role itself": [x509.DNSName("client:3")],
    }


SPOILT = list(spoilt("a", "b"))


@pytest.mark.parametrize("which", SPOILT)
def test_who_connects_believes_no_certificate_with_other_names(which: str) -> None:
    names = spoilt("party-0.secfpp", "party-1.secfpp")[which]
    shown = forged(authority(), "party:0", names, uses=(CONNECTS, LISTENS))
    with pytest.raises(RefusedError, match=r"client:3 and party:0 .*certificate is refused"):
        meet(credentials("client:3"), shown)


@pytest.mark.parametrize("which", SPOILT)
def test_who_listens_believes_no_certificate_with_other_names(which: str) -> None:
    names = spoilt("client-3.secfpp", "client-4.secfpp")[which]
    shown = forged(authority(), "client:3", names, uses=(CONNECTS,))
    with pytest.raises(
        RefusedError, match=r"party:0 says: it calls itself 'client:3' but its cert"
    ):
        meet(shown, credentials("party:0"))


@pytest.mark.parametrize("common_name", ["party-0.secfpp", "server.secfpp", "Clinic A"])
def test_the_common_name_says_nothing(common_name: str) -> None:
    """With one right name it may be anything; with none it does not help."""
    right = forged(authority(), "party:1", dns("party-1.secfpp"), common_name=common_name)
    meet(right, credentials("party:0"))
    meet(credentials("client:3"), right)
    without = forged(authority(), "party:0", [], common_name=common_name)
    with pytest.raises(RefusedError, match="certificate is refused"):
        meet(credentials("client:3"), without)
    with pytest.raises(RefusedError, match="its certificate is of the names"):
        meet(without, credentials("party:1"))


def test_parties_connect_and_listen_others_do_one_of_the_two() -> None:
    for caller, answerer in (
        ("party:1", "party:0"),
        ("party:0", "dealer"),
        ("server", "party:1"),
        ("client:3", "party:1"),
    ):
        meet(credentials(caller), credentials(answerer))
    for listening in ("server", "client:3"):
        with pytest.raises(RefusedError, match="certificate is refused: .*purpose"):
            meet(credentials("party:0"), credentials(listening))
    with pytest.raises(RefusedError, match=r"(?i)unsupported.certificate"):
        meet(credentials("dealer"), credentials("party:0"))


@pytest.mark.parametrize("role", ["party:0", "dealer", "client:3"])
def test_a_usage_is_for_its_side_whatever_the_name(role: str) -> None:
    name = dns(role.replace(":", "-") + ".secfpp")
    to_connect = forged(authority(), role, name, uses=(CONNECTS,))
    to_listen = forged(authority(), role, name, uses=(LISTENS,))
    for_mail = forged(authority(), role, name, uses=(ExtendedKeyUsageOID.EMAIL_PROTECTION,))
    meet(to_connect, credentials("party:1"))
    meet(credentials("party:1"), to_listen)
    for shown in (to_listen, for_mail):
        with pytest.raises(RefusedError, match=r"(?i)unsupported.certificate"):
            meet(shown, credentials("party:1"))
    for shown in (to_connect, for_mail):
        with pytest.raises(RefusedError, match="certificate is refused: .*purpose"):
            meet(credentials("party:1"), shown)
