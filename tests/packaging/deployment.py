"""Parties, a dealer and a server of the whole installation, for data owners that run elsewhere."""

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from mpc import ClusterJob
from mpc.jobs.order import Order
from mpc.net.addresses import read_addresses
from mpc.net.credential_folder import file_names, read_credentials
from mpc.net.frames import CONTROL
from mpc.net.handshake import LOOPBACK, Identity, connect
from mpc.net.link import Link
from tests.cli.command import secfpp
from tests.packaging.owner_program import JOB, PATIENCE_S

ROLES = (("party", "--rank", "0"), ("party", "--rank", "1"), ("dealer",))


def make_credentials(folder: Path, clients: int) -> Path:
    """Write addresses on this machine, and certificates and keys of every role."""
    words = ("--parties", "2", "--clients", str(clients), "--hosts", *_free_addresses(3))
    made = secfpp("certs", "init", folder, *words)
    assert made.returncode == 0, made.stderr
    return folder


def _free_addresses(count: int) -> list[str]:
    with ExitStack() as stack:
        socks = [stack.enter_context(socket.create_server((LOOPBACK, 0))) for _ in range(count)]
        return [f"{LOOPBACK}:{sock.getsockname()[1]}" for sock in socks]


def hand_out(folder: Path, name: str, job: ClusterJob, place: Path) -> Path:
    """Copy what one data owner is given, and nothing else, to a place of its own."""
    place.mkdir()
    for file in ("network.json", "ca.pem", *file_names(name)):
        shutil.copy2(folder / file, place)
    (place / "job.json").write_text(json.dumps(job.as_json()))
    return place


def start_roles(folder: Path) -> list[subprocess.Popen[str]]:
    """Start two parties and the dealer by their commands."""
    files = ("--network", str(folder / "network.json"), "--certs", str(folder))
    return [
        subprocess.Popen(
            [sys.executable, "-m", "secfpp.cli", *verb, *files],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for verb in ROLES
    ]


def serve_one_job(folder: Path, job: ClusterJob, owners: Sequence[str], dim: int) -> None:
    """Announce a job as the server, wait for its end, and end the session."""
    links = _meet_parties(folder)
    rows = {name: [row] for row, name in enumerate(owners)}
    order = Order(number=JOB, job=job, rows=rows, dim=dim, payload=dim)
    _tell(links, order.as_json(), number=JOB)
    for link in links:
        assert _after_waiting(link) == {"refused": {}}
    _tell(links, {"go": True}, number=JOB)
    for link in links:
        assert link.recv_json(CONTROL, number=JOB)["undelivered"] == {}
    _tell(links, {"do": "stop"}, number=JOB + 1)
    for link in links:
        link.close()


def _meet_parties(folder: Path) -> list[Link]:
    addresses = read_addresses(folder / "network.json")
    credentials = read_credentials(folder, "server")
    me = Identity(role="server", session=addresses.session, credentials=credentials)
    links = [
        connect(
            address,
            me=me,
            peer=f"party:{rank}",
            timeout_s=PATIENCE_S,
            within_s=PATIENCE_S,
            patient=True,
        )
        for rank, address in enumerate(addresses.parties)
    ]
    for link in links:
        assert link.recv_json(CONTROL) == {"ready": True}
    return links


def _tell(links: Sequence[Link], message: dict[str, object], *, number: int) -> None:
    for link in links:
        link.send_json(CONTROL, message, number=number)


def _after_waiting(link: Link) -> dict[str, object]:
    """Return a party's first message that does not say that it waits for data owners."""
    while "waiting" in (said := link.recv_json(CONTROL, number=JOB)):
        pass
    return said
