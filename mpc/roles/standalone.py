"""A party or the dealer as a separate program on its own host."""

from collections.abc import Callable
from pathlib import Path

from mpc.consent.chain import Listener
from mpc.consent.policy import Policy
from mpc.net.addresses import Addresses
from mpc.net.handshake import Identity, listen
from mpc.net.renewal import RenewedCredentials
from mpc.roles.bootstrap import START_TIMEOUT_S, Start
from mpc.roles.ending import Ending


def start_of(
    role: str,
    addresses: Addresses,
    certificates: Path,
    *,
    bind: str | None = None,
    timeout_s: float = 60.0,
    job_timeout_s: float = 600.0,
    start_timeout_s: float = START_TIMEOUT_S,
    policy: Policy | None = None,
    ledger: Path | None = None,
    stays: bool = True,
    ending: Ending | None = None,
    say: Callable[[str], None] = lambda line: None,
    on_event: Listener = lambda event, values: None,
) -> Start:
    """Read a role's credentials, and listen at its address.

    Parameters
    ----------
    role : str
        `party:0` .. or `dealer`.
    addresses : Addresses
    certificates : Path
        Folder with the role's certificate and key, and the authority's certificate. Files that
        are replaced are read when the role next connects or is connected to.
    bind : str, optional
        Host to listen on instead, such as 0.0.0.0 if the public address is not this host's own.
    timeout_s : float
        Longest silence of a peer.
    job_timeout_s : float
        Longest time that one job may take.
    start_timeout_s : float
        Longest wait for the others.
    policy : Policy, optional
        What the role allows; None: the defaults.
    ledger : Path, optional
        File of the role's ledger; None: it keeps none.
    stays : bool
        Whether the role serves one server after another, and goes on when a session has failed.
    ending : Ending, optional
        How the process ends on request.
    say : callable
        Is told why a session failed, if the role stays, and of renewed credentials that cannot be
        used.
    on_event : callable
        Is told of every event of the ledger.

    Raises
    ------
    InputError
        The network has no such role, or its credentials cannot be used.
    TransportError
        The address cannot be listened on.
    """
    address = addresses.address_of(role)
    credentials = RenewedCredentials(certificates, role, say=say)
    listener = listen(bind or address.host, address.port)
    return Start(
        listener=listener,
        place=listener.getsockname()[:2],
        identity=Identity(role=role, session=addresses.session, credentials=credentials),
        rank=list(addresses.by_role()).index(role),
        num_parties=len(addresses.parties),
        timeout_s=timeout_s,
        job_timeout_s=job_timeout_s,
        provider="dealer",
        addresses=(*addresses.parties, addresses.dealer),
        start_timeout_s=start_timeout_s,
        policy=policy or Policy(),
        ledger=ledger,
        stays=stays,
        ending=ending,
        say=say,
        on_event=on_event,
    )
