"""Requests by which a role has its own key certified: the key never leaves the role's host.

A role makes a key and a request (PKCS #10) with the one DNS name of its role. The request proves
that its maker holds the key, and nothing about who that is: the authority's holder must know from
whom a request comes, and compare `fingerprint` with that person over another channel.
"""

from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.x509.oid import NameOID

from mpc.errors import InputError
from mpc.net.certificates import certificate_name, private_pem

_CURVES: Final = (ec.SECP256R1.name, ec.SECP384R1.name, ec.SECP521R1.name)


def new_request(role: str) -> tuple[str, str]:
    """Make a key and a request for a role.

    Parameters
    ----------
    role : str

    Returns
    -------
    key, request : str
        PEM text. The key must stay on this host.

    Raises
    ------
    InputError
        `role` is not a role.
    """
    name = certificate_name(role)
    key = ec.generate_private_key(ec.SECP256R1())
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return private_pem(key), request.public_bytes(serialization.Encoding.PEM).decode()


def read_request(text: str, role: str) -> ec.EllipticCurvePublicKey:
    """Return the public key of a request, after checking that the request is for a role.

    Parameters
    ----------
    text : str
        PEM text of the request.
    role : str
        The role that it must be for.

    Raises
    ------
    InputError
        The request is damaged, is not signed by its key, has other names than the role's, or a key
        that is not of an elliptic curve of NIST.
    """
    name = certificate_name(role)
    try:
        request = x509.load_pem_x509_csr(text.encode())
        is_signed, key = request.is_signature_valid, request.public_key()
        names = _names_of(request)
    except Exception:  # cryptography raises many types for damaged input
        raise InputError("it holds no readable PEM request; have it sent anew") from None
    if not is_signed:
        raise InputError("its signature is not of its own key; have it made anew")
    if names != [name]:
        shown = ", ".join(names) or "nobody"
        raise InputError(f"it is for {shown} and not for {role}, which has the one name {name}")
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in _CURVES:
        raise InputError(f"its key is not of an elliptic curve among {', '.join(_CURVES)}")
    return key


def fingerprint(key: PublicKeyTypes) -> str:
    """Return the SHA-256 of a public key in DER, as groups of hexadecimal digits."""
    der = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    digest = hashes.Hash(hashes.SHA256())
    digest.update(der)
    return digest.finalize().hex(" ", 4)


def _names_of(request: x509.CertificateSigningRequest) -> list[str]:
    """Return all alternative names; the common name is ignored, as everywhere."""
    try:
        found = request.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return [str(name.value) for name in found.value]
