"""Certificates that the authority signed as it should not have: other names, other uses."""

import datetime as dt
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mpc.net.certificates import Authority, Credentials, certificate_name


def dns(*names: str) -> list[x509.GeneralName]:
    return [x509.DNSName(name) for name in names]


def forged(
    authority: Authority,
    role: str,
    names: Sequence[x509.GeneralName],
    *,
    uses: Sequence[x509.ObjectIdentifier] = (),
    common_name: str = "",
) -> Credentials:
    """Return credentials for a role with any alternative names, usages and common name."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = dt.datetime.now(dt.UTC)
    common = common_name or certificate_name(role)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)]))
        .issuer_name(authority._certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(days=1))
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if uses:
        builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
    signed = builder.sign(authority._key, hashes.SHA256())
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    return Credentials(
        role=role,
        certificate_pem=signed.public_bytes(encoding).decode(),
        key_pem=key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain).decode(),
        authority_pem=authority.certificate_pem,
    )
