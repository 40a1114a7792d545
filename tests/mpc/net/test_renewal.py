"""Keys that a role makes on its own host: requested, signed, put in place, renewed, taken up."""

import datetime as dt
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from mpc.errors import InputError
from mpc.net import certificates
from mpc.net.certificates import Authority, certificate_name
from mpc.net.credential_folder import (
    read_authority,
    read_credentials,
    roles_in,
    write_certificates,
)
from mpc.net.handshake import Identity
from mpc.net.renewal import (
    RenewedCredentials,
    expiry_in,
    install_certificate,
    request_names,
    sign_request,
    write_request,
)
from mpc.net.signing_request import fingerprint, new_request, read_request

ROLE = "party:0"


@pytest.fixture
def issuer(tmp_path: Path) -> Path:
    write_certificates(Authority.create(valid_days=365), tmp_path / "authority", ())
    return tmp_path / "authority"


@pytest.fixture
def host(tmp_path: Path, issuer: Path) -> Path:
    """Return the folder of a role whose first certificate is in place."""
    folder = tmp_path / "host"
    install_certificate(folder, ROLE, signed(folder, issuer), issuer / "ca.pem")
    return folder


def signed(folder: Path, issuer: Path, role: str = ROLE, days: int = 90) -> Path:
    """Ask for a certificate, have it signed, and return its file, which is not in place yet."""
    asked = write_request(folder, role)
    to = issuer / f"for {len(list(issuer.iterdir()))}"
    request = folder / request_names(role)[1]
    given, _ = sign_request(read_authority(issuer), request, role, to, valid_days=days)
    assert given == asked
    return next(to.iterdir())


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_key_is_made_certified_and_used_and_never_leaves(host: Path, issuer: Path) -> None:
    held = read_credentials(host, ROLE)
    assert set(contents(host)) == {"ca.pem", "party-0.pem", "party-0.key"}
    assert (host / "party-0.key").stat().st_mode & 0o777 == 0o600
    files = [path for path in issuer.rglob("*.*") if path.name != "ca.key"]
    elsewhere = b"".join(path.read_bytes() for path in files)
    assert len(files) == 2
    assert b"PRIVATE" not in elsewhere
    certificate = x509.load_pem_x509_certificate(held.certificate_pem.encode())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert list(names.value) == [x509.DNSName("party-0.secfpp")]
    left = certificate.not_valid_after_utc - certificates.utc_now()
    assert dt.timedelta(days=89) < left <= dt.timedelta(days=90)
    for server_side in (True, False):
        me = Identity(role=ROLE, session="s", credentials=held)
        assert me.context(server_side=server_side) is not None


def test_the_old_key_serves_until_the_new_certificate_is_in_place(host: Path, issuer: Path) -> None:
    old = read_credentials(host, ROLE)
    certificate = signed(host, issuer)
    assert read_credentials(host, ROLE) == old
    assert (host / "party-0.new.key").stat().st_mode & 0o777 == 0o600
    install_certificate(host, ROLE, certificate)
    new = read_credentials(host, ROLE)
    assert new.certificate_pem == certificate.read_text()
    assert new.key_pem != old.key_pem
    assert set(contents(host)) == {"ca.pem", "party-0.pem", "party-0.key"}


def test_a_second_request_waits_for_the_first(host: Path) -> None:
    write_request(host, ROLE)
    before = contents(host)
    with pytest.raises(InputError, match=r"party-0\.new\.key is there already.*certs install"):
        write_request(host, ROLE)
    assert contents(host) == before


@pytest.mark.parametrize("wrong", ["key", "role", "authority", "damaged", "missing"])
def test_a_certificate_that_does_not_fit_changes_nothing(
    host: Path, issuer: Path, tmp_path: Path, wrong: str
) -> None:
    certificate = signed(host, issuer)
    if wrong == "key":
        certificate = signed(tmp_path / "another", issuer)
    elif wrong == "role":
        certificate = signed(tmp_path / "another", issuer, role="party:1")
    elif wrong == "authority":
        write_certificates(Authority.create(), tmp_path / "other", ())
        request = host / "party-0.csr"
        to = tmp_path / "to"
        sign_request(read_authority(tmp_path / "other"), request, ROLE, to, valid_days=1)
        certificate = to / "party-0.pem"
    elif wrong == "damaged":
        certificate.write_text(certificate.read_text()[:200])
    else:
        certificate = tmp_path / "nowhere.pem"
    before = contents(host)
    with pytest.raises(InputError) as refused:
        install_certificate(host, ROLE, certificate)
    assert str(certificate) in str(refused.value)
    assert contents(host) == before


def test_a_kill_between_the_two_files_is_mended_by_a_second_try(host: Path, issuer: Path) -> None:
    certificate = signed(host, issuer)
    (host / "party-0.new.key").replace(host / "party-0.key")  # as far as the first try came
    with pytest.raises(InputError, match="is not the key of"):
        read_credentials(host, ROLE)
    install_certificate(host, ROLE, certificate)
    assert read_credentials(host, ROLE).certificate_pem == certificate.read_text()


def test_nothing_signed_is_overwritten_and_no_certificate_outlives_its_authority(
    host: Path, issuer: Path, tmp_path: Path
) -> None:
    write_request(host, ROLE)
    authority = read_authority(issuer)
    to = tmp_path / "to"
    _, expiry = sign_request(authority, host / "party-0.csr", ROLE, to, valid_days=3650)
    assert expiry.until == authority.valid_until
    with pytest.raises(InputError, match="is there already"):
        sign_request(authority, host / "party-0.csr", ROLE, to, valid_days=90)
    for days in (0, 3651):
        with pytest.raises(InputError, match=f"{days} days"):
            sign_request(authority, host / "party-0.csr", ROLE, tmp_path, valid_days=days)


def test_a_request_for_another_role_is_not_signed(host: Path, issuer: Path, tmp_path: Path) -> None:
    write_request(host, ROLE)
    with pytest.raises(InputError, match=r"party-0\.csr: it is for party-0\.secfpp and not for pa"):
        sign_request(
            read_authority(issuer), host / "party-0.csr", "party:1", tmp_path, valid_days=1
        )


def made_request(
    *names: str, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None
) -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    if names:
        alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        builder = builder.add_extension(alternatives, critical=False)
    signed_request = builder.sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed_request.public_bytes(serialization.Encoding.PEM).decode()


def test_requests_of_other_tools_are_read_and_doubtful_ones_refused() -> None:
    name = certificate_name(ROLE)
    key = ec.generate_private_key(ec.SECP384R1())
    assert read_request(made_request(name, key=key), ROLE) == key.public_key()
    rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with pytest.raises(InputError, match="elliptic curve"):
        read_request(made_request(name, key=rsa_key), ROLE)
    with pytest.raises(InputError, match="it is for nobody"):
        read_request(made_request(), ROLE)
    with pytest.raises(InputError, match="it is for party-0.secfpp, dealer.secfpp"):
        read_request(made_request(name, "dealer.secfpp"), ROLE)
    with pytest.raises(InputError, match="no readable PEM request"):
        read_request("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END", ROLE)


def test_a_request_whose_signature_is_of_another_key_is_refused() -> None:
    text = new_request(ROLE)[1]
    der = bytearray(x509.load_pem_x509_csr(text.encode()).public_bytes(serialization.Encoding.DER))
    point = der.index(b"\x03\x42\x00\x04") + 4
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    der[point : point + 64] = other.public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )[1:]
    forged = x509.load_der_x509_csr(bytes(der)).public_bytes(serialization.Encoding.PEM).decode()
    with pytest.raises(InputError, match="its signature is not of its own key"):
        read_request(forged, ROLE)


def test_a_running_role_takes_up_what_is_put_in_place(host: Path, issuer: Path) -> None:
    lines: list[str] = []
    latest = RenewedCredentials(host, ROLE, say=lines.append)
    old = latest()
    assert latest() is old
    me = Identity(role=ROLE, session="s", credentials=latest)
    context = me.context(server_side=True)
    assert me.context(server_side=True) is context
    install_certificate(host, ROLE, signed(host, issuer))
    assert latest() == read_credentials(host, ROLE)
    assert latest() != old
    assert me.context(server_side=True) is not context
    assert lines == []


def test_what_cannot_be_used_is_said_once_and_the_old_stays(host: Path) -> None:
    lines: list[str] = []
    latest = RenewedCredentials(host, ROLE, say=lines.append)
    old, whole = latest(), (host / "party-0.pem").read_bytes()
    (host / "party-0.pem").write_text("half")
    assert latest() is old
    assert latest() is old
    assert len(lines) == 1
    assert "party-0.pem holds no readable PEM certificate" in lines[0]
    (host / "party-0.pem").write_bytes(whole)
    assert latest() == old
    assert len(lines) == 1


def test_expiry_is_near_when_a_third_of_the_life_is_left(
    host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not expiry_in(host, ROLE).is_near
    now = certificates.utc_now()
    for days, near in ((58, False), (61, True)):
        at = now + dt.timedelta(days=days)
        monkeypatch.setattr("mpc.net.renewal.utc_now", lambda at=at: at)
        assert expiry_in(host, ROLE).is_near == near


def test_roles_of_a_folder_are_those_of_its_files(host: Path, issuer: Path) -> None:
    write_request(host, "client:north-east")
    (host / "notes.pem").touch()
    (host / "party-00.pem").touch()
    assert roles_in(host) == [ROLE]
    assert roles_in(issuer) == []
    with pytest.raises(InputError, match="cannot list"):
        roles_in(host / "none")


def test_fingerprints_tell_keys_apart() -> None:
    keys = [ec.generate_private_key(ec.SECP256R1()).public_key() for _ in range(2)]
    assert fingerprint(keys[0]) == fingerprint(keys[0]) != fingerprint(keys[1])
    assert len(fingerprint(keys[0]).split()) == 8
