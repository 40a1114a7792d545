"""TLS 1.3 contexts from credentials that are held in memory.

A context holds the private key as long as it lives. This module caches no context: the owner
decides how long to keep one (`mpc.net.handshake.Identity`, `mpc.net.handshake.Reception`).
"""

import os
import ssl

from mpc.errors import InputError
from mpc.net.certificates import Credentials


def context_of(credentials: Credentials, *, server_side: bool) -> ssl.SSLContext:
    """Return a context that presents these credentials and requires those of the peer.

    Parameters
    ----------
    credentials : Credentials
    server_side : bool
        True for the accepting side. The connecting side also checks the peer's name.

    Returns
    -------
    ssl.SSLContext
        TLS 1.3 only. Both ends present a certificate of the same authority whose extended key usage
        permits their side. Common names are ignored.

    Raises
    ------
    InputError
        OpenSSL cannot read a certificate or the key, or they do not belong together.
    """
    protocol = ssl.PROTOCOL_TLS_SERVER if server_side else ssl.PROTOCOL_TLS_CLIENT
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    try:
        authority = credentials.authority_pem.encode(
            "ascii", "ignore"
        )  # drops comments outside ASCII
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
    """Load certificate and key from anonymous memory: no file ever holds the key."""
    descriptor = os.memfd_create("credentials", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, (credentials.key_pem + credentials.certificate_pem).encode())
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
