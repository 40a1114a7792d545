"""What makes a certificate and a key usable for a role; the messages name files, never a key."""

from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from mpc.errors import InputError
from mpc.net.certificates import certificate_name, check_validity, uses_of


def check_name(certificate: x509.Certificate, role: str, path: Path) -> None:
    """Reject a certificate whose names are not exactly its role's."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        found = list(names.value)
    except x509.ExtensionNotFound:
        found = []
    if found != [x509.DNSName(certificate_name(role))]:
        shown = ", ".join(str(name.value) for name in found)
        raise InputError(
            f"{path} is for {shown or 'nobody'} and not for {role}, whose certificate "
            f"has the one DNS name {certificate_name(role)}"
        )


def check_uses(certificate: x509.Certificate, role: str, path: Path) -> None:
    """Reject a certificate whose extended key usage lacks a use that the role needs."""
    try:
        allowed = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return  # any use is allowed: RFC 5280, section 4.2.1.12
    missing = [use._name for use in uses_of(role) if use not in allowed]
    if missing:
        raise InputError(
            f"{path} may not be used for {' and '.join(missing)}, which {role} needs; have it "
            "issued with that extended key usage"
        )


def issuer_of(
    certificate: x509.Certificate, path: Path, authority_pem: str, authority_path: Path
) -> x509.Certificate:
    """Return the authority that signed a certificate; it must be valid now.

    Parameters
    ----------
    certificate : x509.Certificate
    path : Path
        Of the certificate.
    authority_pem : str
        PEM text of one authority or more.
    authority_path : Path

    Raises
    ------
    InputError
        No authority of the file has signed the certificate, or the one that did is not valid now.
    """
    authorities = certificates_in(authority_pem, authority_path)
    issuers = [authority for authority in authorities if _issued(authority, certificate)]
    if not issuers:
        raise InputError(
            f"{path} was not issued by {authority_path}; both must come from the same authority"
        )
    check_validity(issuers[0], str(authority_path))
    return issuers[0]


def _issued(authority: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def belong(key: PrivateKeyTypes, certificate: x509.Certificate) -> bool:
    """Whether a key is that of a certificate."""
    return key.public_key() == certificate.public_key()


def certificates_in(text: str, path: Path) -> list[x509.Certificate]:
    """Return the certificates of PEM text; at least one."""
    try:
        found = x509.load_pem_x509_certificates(text.encode())
        for certificate in found:
            _read_all_of(certificate)
    except Exception:  # cryptography raises many types for damaged input
        raise InputError(f"{path} holds no readable PEM certificate; copy it anew") from None
    return found


def _read_all_of(certificate: x509.Certificate) -> None:
    """Read the fields that cryptography parses lazily, to find damage early."""
    for name in ("extensions", "issuer", "subject", "not_valid_before_utc", "not_valid_after_utc"):
        getattr(certificate, name)
    certificate.public_key()


def key_in(text: str, path: Path) -> PrivateKeyTypes:
    """Return the private key of PEM text."""
    try:
        return serialization.load_pem_private_key(text.encode(), password=None)
    except TypeError:
        raise InputError(f"{path} is encrypted; a key without a passphrase is needed") from None
    except Exception:  # as above
        raise InputError(f"{path} holds no readable PEM private key; copy it anew") from None
