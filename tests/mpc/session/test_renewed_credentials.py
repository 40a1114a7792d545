"""Certificates, keys and at last the authority are replaced while parties and dealer run."""

import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from cryptography import x509

from mpc import ClusterJob
from mpc.net.addresses import read_addresses
from mpc.net.certificates import Authority, certificate_name
from mpc.net.credential_folder import file_names, read_authority, read_credentials
from mpc.net.renewal import install_certificate, request_names, sign_request, write_request
from mpc.net.tls import context_of
from mpc.session.session import join_session
from tests.mpc.deployment import make_credentials, running
from tests.patience import SOON_S

pytestmark = pytest.mark.slow

CLIENTS = 5
POINTS = np.repeat(np.eye(2, 4), [2, 3], axis=0)
SERVING = ("party:0", "party:1", "dealer")
Roles = dict[str, subprocess.Popen[str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_credentials(tmp_path_factory.mktemp("renewing") / "certs", clients=CLIENTS)


@pytest.fixture(scope="module")
def roles(folder: Path) -> Iterator[Roles]:
    with running(folder) as started:
        yield started


def works(folder: Path) -> None:
    with join_session(folder / "network.json", folder, timeout_s=SOON_S) as session:
        given = session.cluster(ClusterJob(k=2), POINTS, POINTS)
    assert given.means_NM.shape == POINTS.shape


def renew(folder: Path, role: str, authority: Authority, to: Path) -> None:
    write_request(folder, role)
    sign_request(authority, folder / request_names(role)[1], role, to, valid_days=7)
    install_certificate(folder, role, to / file_names(role)[0])


def shown_by(folder: Path, role: str) -> str:
    """Return the certificate that a running role shows to a newcomer, as PEM text."""
    place = read_addresses(folder / "network.json").by_role()[role]
    context = context_of(read_credentials(folder, "server"), server_side=False)
    deadline = time.monotonic() + SOON_S
    while True:
        try:
            with (
                socket.create_connection((place.host, place.port), timeout=SOON_S) as sock,
                context.wrap_socket(sock, server_hostname=certificate_name(role)) as tls,
            ):
                return ssl.DER_cert_to_PEM_cert(tls.getpeercert(binary_form=True) or b"")
        except ConnectionRefusedError:  # between two sessions
            assert time.monotonic() < deadline
            time.sleep(0.1)


def serial(pem: str) -> int:
    return x509.load_pem_x509_certificate(pem.encode()).serial_number


def test_a_new_certificate_is_shown_at_once_and_jobs_go_on(
    folder: Path, roles: Roles, tmp_path: Path
) -> None:
    works(folder)
    authority = read_authority(folder)
    before = {role: serial(shown_by(folder, role)) for role in ("party:0", "party:1")}
    for role in (*SERVING, "server", "client:3"):
        renew(folder, role, authority, tmp_path)
    for role, old in before.items():
        now = serial(shown_by(folder, role))
        assert now != old
        assert now == serial((folder / file_names(role)[0]).read_text())
    works(folder)
    assert all(process.poll() is None for process in roles.values())


def test_even_the_authority_is_replaced_without_stopping(
    folder: Path, roles: Roles, tmp_path: Path
) -> None:
    """First both authorities are trusted, then every role changes, then the old one goes."""
    new, old = Authority.create(), read_authority(folder)
    (folder / "ca.pem").write_text(old.certificate_pem + new.certificate_pem)
    works(folder)
    clients = (f"client:{number}" for number in range(CLIENTS))
    for role in (*SERVING, "server", *clients):
        renew(folder, role, new, tmp_path)
        if role in SERVING:
            works(folder)
    (folder / "ca.pem").write_text(new.certificate_pem)
    works(folder)
    parties = ("party:0", "party:1")
    root = x509.load_pem_x509_certificate(new.certificate_pem.encode())
    for role in parties:
        shown = x509.load_pem_x509_certificate(shown_by(folder, role).encode())
        shown.verify_directly_issued_by(root)
    assert all(process.poll() is None for process in roles.values())
