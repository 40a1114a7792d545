"""Parties and a dealer of the whole installation on this machine, for owners that run elsewhere."""

import json
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from mpc.net.credential_folder import file_names
from mpc.net.handshake import LOOPBACK
from tests.cli.command import secfpp
from tests.patience import SOON_S

ROLES = {
    "party:0": ("party", "--rank", "0"),
    "party:1": ("party", "--rank", "1"),
    "dealer": ("dealer",),
}


def make_credentials(folder: Path, clients: int) -> Path:
    """Write addresses on this machine, and certificates and keys of every role."""
    words = ("--parties", "2", "--clients", str(clients), "--hosts", *free_addresses(3))
    made = secfpp("certs", "init", folder, *words)
    assert made.returncode == 0, made.stderr
    return folder


def free_addresses(count: int) -> list[str]:
    """Return addresses at ports that are free, below those that the system gives to connections."""
    with ExitStack() as stack:
        found: list[str] = []
        while len(found) < count:
            port = secrets.choice(range(20_000, 32_000))
            with suppress(OSError):
                stack.enter_context(socket.create_server((LOOPBACK, port)))
                found.append(f"{LOOPBACK}:{port}")
    return found


def hand_out(folder: Path, name: str, place: Path) -> Path:
    """Copy what one data owner is given, and nothing else, to a place of its own."""
    place.mkdir()
    for file in ("network.json", "ca.pem", *file_names(name)):
        shutil.copy2(folder / file, place)
    return place


def ledger_of(folder: Path, role: str) -> Path:
    """Return where a role of `running` keeps its ledger."""
    return folder / f"{role.replace(':', '-')}.jsonl"


@contextmanager
def running(
    folder: Path, policies: Mapping[str, Mapping[str, object]] | None = None
) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """Run two parties and the dealer by their commands; end them in order, by SIGTERM.

    Parameters
    ----------
    folder : Path
        Of `make_credentials`.
    policies : mapping, optional
        Content of a party's policy file, by role; parties that are left out have none.
    """
    with ExitStack() as stack:
        started = {}
        for role in ROLES:
            policy = None if policies is None else policies.get(role)
            started[role] = start(folder, role, policy)
        stack.callback(_end_all, started)
        yield started


def start(
    folder: Path, role: str, policy: Mapping[str, object] | None = None
) -> subprocess.Popen[str]:
    """Start a party or the dealer by its command."""
    words: list[str | Path] = [*ROLES[role], "--network", folder / "network.json"]
    words += ["--certs", folder, "--ledger", ledger_of(folder, role)]
    if policy is not None:
        path = folder / f"policy-{role.replace(':', '-')}.json"
        path.write_text(json.dumps(policy))
        words += ["--policy", path]
    return subprocess.Popen(
        [sys.executable, "-m", "secfpp.cli", *map(str, words)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _end_all(started: Mapping[str, subprocess.Popen[str]]) -> None:
    for process in started.values():
        _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    """Ask a role to end; kill it if it does not."""
    if process.poll() not in (None, 0):
        raise AssertionError(f"a role ended before: {process.communicate()[1]}")
    process.terminate()
    try:
        process.communicate(timeout=SOON_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    assert process.returncode == 0
