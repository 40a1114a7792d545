"""Names, keys and certificates of the roles, for TLS with mutual authentication.

A role's certificate has exactly one name, the DNS name `party-0.secfpp` for `party:0`; common names
are ignored. The name is independent of the host: addresses are in the network file, and a host may
move without a new certificate. The extended key usage is to listen, to connect, or both, as the
role does.

The holder of an authority's key can impersonate every role, which breaks secret sharing. Where one
program makes an authority and all keys, it is for tests. In a deployment each role makes its own
key and a request (`mpc.net.requests`), the key never leaves its host, and an authority that all
organisations trust signs a certificate with the same name.
"""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mpc.errors import InputError

DOMAIN: Final = "secfpp"
VALID_DAYS_MAX: Final = 3650
DATE: Final = "%Y-%m-%d %H:%M UTC"
CLOCK_SKEW: Final = dt.timedelta(minutes=5)
"""Certificates are valid from this long before they are issued: a peer's clock may be behind."""

_ROLE: Final = re.compile(r"server|dealer|party:(0|[1-9][0-9]{0,2})|client:[A-Za-z0-9_-]{1,50}")
"""An ID of 50 letters gives a name of 64, the longest common name of a certificate."""
_CONNECTS: Final = ExtendedKeyUsageOID.CLIENT_AUTH
_LISTENS: Final = ExtendedKeyUsageOID.SERVER_AUTH
_USES: Final[Mapping[str, tuple[x509.ObjectIdentifier, ...]]] = {
    "party": (_CONNECTS, _LISTENS),
    "dealer": (_LISTENS,),
    "server": (_CONNECTS,),
    "client": (_CONNECTS,),
}
"""By kind of role. Parties connect to one another and to the dealer; the server and data owners
connect to parties and accept no connections."""
_OURS: Final = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "SecFPP authority")])


def certificate_name(role: str) -> str:
    """Return the DNS name in a role's certificate.

    Parameters
    ----------
    role : str
        `party:R`, `client:ID` (1 to 50 ASCII letters, digits, `-`, `_`), `dealer` or `server`.

    Returns
    -------
    str
        E.g. `party-0.secfpp`. Letters keep their case.

    Raises
    ------
    InputError
        `role` is not a role.
    """
    if not _ROLE.fullmatch(role):
        raise InputError(
            f"{role!r} is no role: needed is party:R, client:ID (1 to 50 letters, digits, - or _), "
            "dealer or server"
        )
    return f"{role.replace(':', '-', 1)}.{DOMAIN}"


def role_of(name: str) -> str:
    """Return the role of a certificate's DNS name, the inverse of `certificate_name`.

    Raises
    ------
    InputError
        `name` is not the name of a role.
    """
    role = name.removesuffix(f".{DOMAIN}").replace("-", ":", 1)
    if not _ROLE.fullmatch(role) or certificate_name(role) != name:
        raise InputError(f"{name!r} is not the name of a role, such as party-0.{DOMAIN}")
    return role


def uses_of(role: str) -> tuple[x509.ObjectIdentifier, ...]:
    """Return the extended key usages of a role's certificate: to connect, to listen, or both."""
    return _USES[role.partition(":")[0]]


def utc_now() -> dt.datetime:
    """Return the current time in UTC."""
    return dt.datetime.now(dt.UTC)


def check_validity(certificate: x509.Certificate, whose: str) -> None:
    """Reject a certificate that is not valid now.

    Parameters
    ----------
    certificate : x509.Certificate
    whose : str
        Name of the certificate in the message.

    Raises
    ------
    InputError
        Names the date.
    """
    now = utc_now()
    if now < certificate.not_valid_before_utc:
        raise InputError(
            f"{whose} is not valid before {certificate.not_valid_before_utc:{DATE}}, and this "
            f"machine's clock says {now:{DATE}}: wait, or set the clock"
        )
    if now > certificate.not_valid_after_utc:
        raise InputError(
            f"{whose} expired on {certificate.not_valid_after_utc:{DATE}}, and this machine's "
            f"clock says {now:{DATE}}: make new ones, or set the clock"
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Credentials:
    """Certificate and key of one role, and the authorities it trusts, as PEM text."""

    role: str
    certificate_pem: str
    key_pem: str = field(repr=False)
    """The private key; must not appear in a log, a message or argv."""
    authority_pem: str
    """Certificates of the authorities trusted for peers."""

    def __post_init__(self) -> None:
        certificate_name(self.role)

    def as_json(self) -> dict[str, str]:
        """Return plain strings, including the private key, for a child's standard input."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Return the credentials of an `as_json` value.

        Raises
        ------
        InputError
            The value is malformed; the message contains no value.
        """
        names = [entry.name for entry in fields(cls)]
        if not isinstance(value, Mapping) or set(value) != set(names):
            raise InputError(f"credentials must be an object with exactly {', '.join(names)}")
        for name in names:
            if not isinstance(value[name], str):
                raise InputError(f"{name} of credentials must be a string")
        return cls(**{name: value[name] for name in names})


class Authority:
    """An authority: ECDSA P-256, in memory.

    Parameters
    ----------
    certificate : x509.Certificate
    key : ec.EllipticCurvePrivateKey
        The private key of the certificate.
    """

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self._certificate = certificate
        self._key = key
        self.certificate_pem = _pem(certificate)
        identifier = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        self._identifier = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
            identifier
        )

    @classmethod
    def create(cls, *, valid_days: int = 30) -> Self:
        """Create a new authority.

        Parameters
        ----------
        valid_days : int
            1 to 3650; limits every certificate of this authority.

        Raises
        ------
        InputError
        """
        _check_days(valid_days)
        key = ec.generate_private_key(ec.SECP256R1())
        until = utc_now() + dt.timedelta(days=valid_days)
        builder = _builder(_OURS, _OURS, key.public_key(), until)
        for extension, critical in (
            (x509.BasicConstraints(ca=True, path_length=0), True),
            (_key_usage(for_certificates=True), True),
        ):
            builder = builder.add_extension(extension, critical)
        return cls(builder.sign(key, hashes.SHA256()), key)

    @property
    def valid_until(self) -> dt.datetime:
        """End of validity in UTC, also of every certificate that it issues."""
        return self._certificate.not_valid_after_utc

    @property
    def key_pem(self) -> str:
        """The private key, unencrypted. It can impersonate every role: keep it secret."""
        return private_pem(self._key)

    def issue(self, role: str, *, listens: bool = False) -> Credentials:
        """Create a new key and certificate for a role.

        Parameters
        ----------
        role : str
        listens : bool
            Whether the role also accepts connections, if its kind only connects by itself.

        Raises
        ------
        InputError
            `role` is not a role, or the authority has expired.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        return Credentials(
            role=role,
            certificate_pem=self.certify(role, key.public_key(), listens=listens),
            key_pem=private_pem(key),
            authority_pem=self.certificate_pem,
        )

    def certify(
        self,
        role: str,
        key: ec.EllipticCurvePublicKey,
        *,
        valid_days: int | None = None,
        listens: bool = False,
    ) -> str:
        """Return a certificate, as PEM text, of a public key for a role.

        Parameters
        ----------
        role : str
        key : ec.EllipticCurvePublicKey
        valid_days : int, optional
            1 to 3650, and no longer than the authority; None: as long as the authority.
        listens : bool
            As for `issue`.

        Raises
        ------
        InputError
            `role` is not a role, or the authority has expired.
        """
        name = certificate_name(role)
        check_validity(self._certificate, "the authority")
        until = self.valid_until
        if valid_days is not None:
            _check_days(valid_days)
            until = min(until, utc_now() + dt.timedelta(days=valid_days))
        uses = dict.fromkeys((*uses_of(role), *((_LISTENS,) if listens else ())))
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _builder(self._certificate.subject, subject, key, until)
        for extension, critical in (
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (_key_usage(for_certificates=False), True),
            (x509.ExtendedKeyUsage(uses), False),
            (x509.SubjectAlternativeName([x509.DNSName(name)]), False),
            (self._identifier, False),
        ):
            builder = builder.add_extension(extension, critical)
        return _pem(builder.sign(self._key, hashes.SHA256()))


def _check_days(valid_days: int) -> None:
    if not 1 <= valid_days <= VALID_DAYS_MAX:
        raise InputError(
            f"{valid_days} days of validity asked for; 1 to {VALID_DAYS_MAX} are possible"
        )


def _builder(
    issuer: x509.Name, subject: x509.Name, key: ec.EllipticCurvePublicKey, until: dt.datetime
) -> x509.CertificateBuilder:
    """Return a certificate builder with the fields common to authorities and roles."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(utc_now() - CLOCK_SKEW)
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _key_usage(*, for_certificates: bool) -> x509.KeyUsage:
    """Return keyCertSign only, or digitalSignature only."""
    return x509.KeyUsage(
        digital_signature=not for_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=for_certificates,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def private_pem(key: ec.EllipticCurvePrivateKey) -> str:
    """Return a private key as unencrypted PEM text, PKCS #8. It must not appear in a log."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
