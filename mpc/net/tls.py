"""TLS 1.3 contexts from credentials in memory.

A context holds the private key until it is freed, and this module keeps no reference to it. Its
owners are `mpc.net.handshake.Identity` and `mpc.net.handshake.Reception`.
"""

import os
import ssl

from mpc.errors import InputError
from mpc.net.certificates import Credentials


def context_of(credentials: Credentials, *, server_side: bool) -> ssl.SSLContext:
    """Return a context with these credentials that requires a certificate of the peer.

    Parameters
    ----------
    credentials : Credentials
    server_side : bool
        Whether this end accepts the connection. The connecting end also checks the peer's name.

    Returns
    -------
    ssl.SSLContext
        At least TLS 1.3. Both ends must show a certificate of the same authority that allows their
        use. Common names are ignored.

    Raises
    ------
    InputError
        OpenSSL cannot read a certificate or the key, or they do not match.
    """
    protocol = ssl.PROTOCOL_TLS_SERVER if server_side else ssl.PROTOCOL_TLS_CLIENT
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        authority = credentials.authority_pem.encode("ascii", "ignore")  # comments may be non-ASCII
        context.load_verify_locations(cadata=authority.decode())
        _load_chain(context, credentials)
    except ssl.SSLError as error:
        raise InputError(
            f"OpenSSL refuses the credentials of {credentials.role}: {error.reason or error}; copy "
            "them anew"
        ) from None
    if server_side:
        context.num_tickets = 0  # sessions are not resumed
    else:
        context.hostname_checks_common_name = False
    return context


def _load_chain(context: ssl.SSLContext, credentials: Credentials) -> None:
    """Load certificate and key through anonymous memory, so the key is on no file system."""
    descriptor = os.memfd_create("credentials", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, (credentials.key_pem + credentials.certificate_pem).encode())
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
