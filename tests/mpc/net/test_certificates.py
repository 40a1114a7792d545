"""Names, certificates and files of the roles; and that TLS 1.3 agrees with what they promise."""

import datetime as dt
import os
import socket
import ssl
import threading
import time
from typing import TypeVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from mpc.errors import InputError
from mpc.net import certificates
from mpc.net.certificates import CLOCK_SKEW, Authority, Credentials, certificate_name, role_of

ROLES = ["party:0", "party:4", "client:0", "client:north-east_2", "client:" + "x" * 50]
ROLES += ["client:a--b", "client:-", "dealer", "server"]

Kind = TypeVar("Kind", bound=x509.ExtensionType)


def parsed(credentials: Credentials) -> x509.Certificate:
    return x509.load_pem_x509_certificate(credentials.certificate_pem.encode())


def extension(certificate: x509.Certificate, kind: type[Kind]) -> x509.Extension[Kind]:
    return certificate.extensions.get_extension_for_class(kind)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.create()


@pytest.mark.parametrize("role", ROLES)
def test_names_go_there_and_back(role: str) -> None:
    assert role_of(certificate_name(role)) == role


def test_names_are_those_promised() -> None:
    assert certificate_name("party:0") == "party-0.secfpp"
    assert certificate_name("dealer") == "dealer.secfpp"


@pytest.mark.parametrize(
    "role",
    [
        "",
        "party",
        "party:",
        "party:-1",
        "party:01",
        "party:x",
        "client:",
        "client:a.b",
        "client:a b",
    ]
    + [
        "client:a/..",
        "client:\u00e9",
        "client:\u0661",
        "client:" + "x" * 51,
        "client:a\n",
        "Dealer",
    ]
    + ["dealer:0", "server:1", "evaluator", "*", "client:*", "party:0\n"],
)
def test_other_roles_have_no_name(role: str) -> None:
    with pytest.raises(InputError, match="is no role"):
        certificate_name(role)


@pytest.mark.parametrize(
    "name",
    ["", "party-0", "party-0.secfpp.org", "party-0.secfpp.", "x.party-0.secfpp", "party:0.secfpp"]
    + [
        "*.secfpp",
        "party-.secfpp",
        "dealer-.secfpp",
        "dealer-0.secfpp",
        ".secfpp",
        "party-0.Secfpp",
    ],
)
def test_other_names_are_nobodys(name: str) -> None:
    with pytest.raises(InputError, match="is not the name of a role"):
        role_of(name)


@pytest.mark.parametrize(
    ("role", "uses"),
    [
        ("client:7", {ExtendedKeyUsageOID.CLIENT_AUTH}),
        ("server", {ExtendedKeyUsageOID.CLIENT_AUTH}),
        ("dealer", {ExtendedKeyUsageOID.SERVER_AUTH}),
        ("party:1", {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH}),
    ],
)
def test_a_leaf_says_what_it_is_for_and_no_more(
    authority: Authority, role: str, uses: set[x509.ObjectIdentifier]
) -> None:
    leaf = parsed(authority.issue(role))
    names = extension(leaf, x509.SubjectAlternativeName)
    assert list(names.value) == [x509.DNSName(certificate_name(role))]
    assert set(extension(leaf, x509.ExtendedKeyUsage).value) == uses
    basic = extension(leaf, x509.BasicConstraints)
    assert (basic.value.ca, basic.critical) == (False, True)
    usage = extension(leaf, x509.KeyUsage)
    assert usage.critical
    assert usage.value.digital_signature
    assert not usage.value.key_cert_sign
    assert not usage.value.key_agreement
    key = leaf.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"
    assert leaf.signature_hash_algorithm is not None
    assert leaf.signature_hash_algorithm.name == "sha256"


@pytest.mark.parametrize("role", ["client:7", "party:1"])
def test_a_role_that_listens_may_do_both(authority: Authority, role: str) -> None:
    """A client of the protocol in which clients compute for one another."""
    leaf = parsed(authority.issue(role, listens=True))
    uses = list(extension(leaf, x509.ExtendedKeyUsage).value)
    assert sorted(uses, key=lambda use: use.dotted_string) == [
        ExtendedKeyUsageOID.SERVER_AUTH,
        ExtendedKeyUsageOID.CLIENT_AUTH,
    ]


def test_the_authority_may_sign_leaves_and_nothing_else(authority: Authority) -> None:
    root = x509.load_pem_x509_certificate(authority.certificate_pem.encode())
    basic = extension(root, x509.BasicConstraints)
    assert (basic.value.ca, basic.value.path_length, basic.critical) == (True, 0, True)
    usage = extension(root, x509.KeyUsage)
    assert usage.critical
    assert usage.value.key_cert_sign
    assert not usage.value.digital_signature
    root.verify_directly_issued_by(root)


def test_a_leaf_points_at_its_authority(authority: Authority) -> None:
    leaf = parsed(authority.issue("dealer"))
    root = x509.load_pem_x509_certificate(authority.certificate_pem.encode())
    leaf.verify_directly_issued_by(root)
    of_root = extension(root, x509.SubjectKeyIdentifier).value.digest
    assert extension(leaf, x509.AuthorityKeyIdentifier).value.key_identifier == of_root
    assert extension(leaf, x509.SubjectKeyIdentifier).value.digest != of_root


def test_validity_begins_a_little_ago_and_ends_with_the_authority() -> None:
    authority = Authority.create(valid_days=3)
    leaf, now = parsed(authority.issue("server")), dt.datetime.now(dt.UTC)
    since = now - leaf.not_valid_before_utc
    assert CLOCK_SKEW <= since < CLOCK_SKEW + dt.timedelta(minutes=1)
    assert leaf.not_valid_after_utc == authority.valid_until
    left = authority.valid_until - now
    assert dt.timedelta(days=3, minutes=-1) < left <= dt.timedelta(days=3)


def test_every_issue_has_a_key_and_a_serial_number_of_its_own(authority: Authority) -> None:
    first, second = authority.issue("party:0"), authority.issue("party:0")
    assert first.key_pem != second.key_pem
    assert parsed(first).serial_number != parsed(second).serial_number
    for issued in (first, second):
        key = serialization.load_pem_private_key(issued.key_pem.encode(), password=None)
        assert key.public_key() == parsed(issued).public_key()


@pytest.mark.parametrize("days", [0, -1, 3651])
def test_a_validity_out_of_range_is_refused(days: int) -> None:
    with pytest.raises(InputError, match=str(days)):
        Authority.create(valid_days=days)


def test_an_expired_authority_issues_nothing(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = authority.valid_until + dt.timedelta(days=1)
    monkeypatch.setattr(certificates, "utc_now", lambda: later)
    with pytest.raises(InputError, match=f"expired on {authority.valid_until:%Y-%m-%d}"):
        authority.issue("party:0")


def test_keys_are_never_shown(authority: Authority) -> None:
    issued = authority.issue("party:0")
    inside = issued.key_pem.splitlines()[1]
    for shown in (repr(issued), str(issued), f"{issued}", repr(authority)):
        assert "PRIVATE" not in shown
        assert inside not in shown


def test_credentials_survive_json(authority: Authority) -> None:
    issued = authority.issue("client:a")
    assert Credentials.from_json(issued.as_json()) == issued


@pytest.mark.parametrize("spoil", ["drop", "extra", "number", "role", "list"])
def test_spoilt_json_is_refused_without_showing_the_key(authority: Authority, spoil: str) -> None:
    value: dict[str, object] = dict(authority.issue("client:a").as_json())
    key = value["key_pem"]
    if spoil == "drop":
        del value["authority_pem"]
    elif spoil == "extra":
        value["more"] = key
    elif spoil == "number":
        value["certificate_pem"] = 3
    elif spoil == "role":
        value["role"] = "queen"
    with pytest.raises(InputError) as refusal:
        Credentials.from_json([value] if spoil == "list" else value)
    assert str(key) not in str(refusal.value)


def test_issuing_is_quick_enough_for_one_client_after_another(authority: Authority) -> None:
    seconds = []
    for number in range(50):
        started = time.thread_time()
        authority.issue(f"client:{number}")
        seconds.append(time.thread_time() - started)
    assert min(seconds) < 1e-2  # an RSA key takes ten times as long


# TLS 1.3 between two credentials, by the standard library.


def context(credentials: Credentials, *, server_side: bool) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server_side else ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    made.verify_mode = ssl.CERT_REQUIRED
    made.verify_flags |= ssl.VERIFY_X509_STRICT
    made.load_verify_locations(cadata=credentials.authority_pem)
    descriptor = os.memfd_create("pem")
    os.write(descriptor, (credentials.key_pem + credentials.certificate_pem).encode())
    made.load_cert_chain(f"/proc/self/fd/{descriptor}")
    os.close(descriptor)
    return made


def shake_hands(caller: Credentials, answerer: Credentials, *, expected: str) -> dict[str, object]:
    """Return what each end saw of the other: its names and the protocol, or the exception."""
    ours, theirs = socket.socketpair()
    seen: dict[str, object] = {}

    def one_end(which: str, sock: socket.socket) -> None:
        sock.settimeout(10)
        server_side = which == "answerer"
        mine = context(answerer if server_side else caller, server_side=server_side)
        name = None if server_side else certificate_name(expected)
        try:
            with mine.wrap_socket(sock, server_side=server_side, server_hostname=name) as tls:
                tls.sendall(b"x")
                tls.recv(1)  # with TLS 1.3 a caller learns of its refusal at the first read
                shown = tls.getpeercert()
                assert shown is not None
                seen[which] = (tls.version(), shown["subjectAltName"])
        except OSError as error:
            seen[which] = error
            sock.close()

    thread = threading.Thread(target=one_end, args=("answerer", theirs))
    thread.start()
    one_end("caller", ours)
    thread.join(timeout=20)
    assert not thread.is_alive()
    return seen


def test_two_roles_of_one_authority_meet(authority: Authority) -> None:
    seen = shake_hands(authority.issue("client:7"), authority.issue("party:0"), expected="party:0")
    assert seen["caller"] == ("TLSv1.3", (("DNS", "party-0.secfpp"),))
    assert seen["answerer"] == ("TLSv1.3", (("DNS", "client-7.secfpp"),))


def test_names_with_underscores_and_trailing_hyphens_pass_tls(authority: Authority) -> None:
    seen = shake_hands(
        authority.issue("client:a_b-"), authority.issue("party:0"), expected="party:0"
    )
    assert seen["answerer"] == ("TLSv1.3", (("DNS", "client-a_b-.secfpp"),))


def test_a_stranger_who_calls_is_refused(authority: Authority) -> None:
    impostor = Authority.create().issue("client:7")
    knowing = Credentials(
        role="client:7",
        certificate_pem=impostor.certificate_pem,
        key_pem=impostor.key_pem,
        authority_pem=authority.certificate_pem,  # so that only its own certificate is amiss
    )
    seen = shake_hands(knowing, authority.issue("party:0"), expected="party:0")
    assert isinstance(seen["answerer"], ssl.SSLCertVerificationError)
    assert isinstance(seen["caller"], OSError)


def test_a_stranger_who_answers_is_refused(authority: Authority) -> None:
    impostor = Authority.create().issue("party:0")
    seen = shake_hands(authority.issue("client:7"), impostor, expected="party:0")
    assert isinstance(seen["caller"], ssl.SSLCertVerificationError)


def test_another_role_cannot_answer_in_a_partys_place(authority: Authority) -> None:
    seen = shake_hands(authority.issue("client:7"), authority.issue("party:1"), expected="party:0")
    assert isinstance(seen["caller"], ssl.SSLCertVerificationError)
    assert "party-0.secfpp" in str(seen["caller"])


def test_a_leaf_cannot_issue_leaves(authority: Authority) -> None:
    signer = authority.issue("client:7")
    key = serialization.load_pem_private_key(signer.key_pem.encode(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    chained = Authority(parsed(signer), key).issue("party:0")
    parsed(chained).verify_directly_issued_by(parsed(signer))
    seen = shake_hands(
        authority.issue("client:8"),
        Credentials(
            role="party:0",
            certificate_pem=chained.certificate_pem + signer.certificate_pem,
            key_pem=chained.key_pem,
            authority_pem=authority.certificate_pem,
        ),
        expected="party:0",
    )
    assert isinstance(seen["caller"], ssl.SSLCertVerificationError)
