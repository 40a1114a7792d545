"""Flower's own programs on this machine: a SuperLink with TLS, and SuperNodes with keys."""

import datetime
import ipaddress
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.mpc.deployment import free_addresses
from tests.patience import SOON_S

NAME = "here"


@dataclass
class Superlink:
    """Flower's programs, of which all that are left end together.

    Parameters
    ----------
    root : Path
        Folder of their files; each node has a home of its own in it.
    kind : str
        Flag that says what nodes there are: SuperNodes with keys, or simulated ones.
    """

    root: Path
    kind: str = "--enable-supernode-auth"
    started: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.address = free_addresses(1)[0]
        self._tls()
        self._start("superlink", "flower-superlink", *self._serving())
        home = self.root / "home"
        home.mkdir()
        lines = ["[superlink]", f'default = "{NAME}"', f"[superlink.{NAME}]"]
        lines += [f'address = "{self.address}"', f'root-certificates = "{self.root / "tls.pem"}"']
        (home / "config.toml").write_text("\n".join(lines) + "\n")
        deadline = time.monotonic() + 3 * SOON_S
        while self._flwr("supernode", "ls", NAME).returncode:
            assert time.monotonic() < deadline, self.said("superlink")
            time.sleep(0.5)

    def _serving(self) -> list[str | Path]:
        host, port = self.address.split(":")
        words: list[str | Path] = ["--host", host, "--port", port, self.kind]
        words += ["--ssl-certfile", "tls.pem", "--ssl-keyfile", "tls.key"]
        return [*words, "--ssl-ca-certfile", "tls.pem", "--disable-runtime-dependency-installation"]

    def register(self, node: str) -> None:
        """Make a key for a node, and tell the SuperLink."""
        key = ec.generate_private_key(ec.SECP384R1())
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        )
        (self.root / node).write_bytes(private)
        public = self.root / f"{node}.pub"
        public.write_bytes(
            key.public_key().public_bytes(
                serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
            )
        )
        done = self._flwr("supernode", "register", public, NAME)
        assert done.returncode == 0, done.stdout

    def start_node(self, node: str, socket: Path) -> None:
        """Start a SuperNode whose ClientApp asks at a socket."""
        host, port = free_addresses(1)[0].split(":")
        words: list[str | Path] = ["--superlink", self.address, "--root-certificates", "tls.pem"]
        words += ["--auth-supernode-private-key", node, "--host", host, "--port", port]
        self._start(node, "flower-supernode", *words, "--node-config", f'socket="{socket}"')

    def run(self, app: Path, *words: str, **config: str | int | float) -> None:
        """Start a run of an app, as a user does."""
        values = [f"{key.replace('_', '-')}={json.dumps(each)}" for key, each in config.items()]
        done = self._flwr("run", app, NAME, *words, "-c", " ".join(values))
        assert done.returncode == 0, done.stdout

    def family(self, name: str) -> list[psutil.Process]:
        """Return a program and all that it started, ClientApps included."""
        return _family(self.started[name].pid)

    def kill(self, name: str) -> None:
        """Kill a program and all that it started."""
        family = self.family(name)
        process = self.started.pop(name)
        for each in family:
            with suppress(psutil.NoSuchProcess):
                each.send_signal(signal.SIGKILL)
        process.wait()

    def lives(self, name: str) -> bool:
        """Tell whether a program has not ended."""
        return self.started[name].poll() is None

    def said(self, name: str) -> str:
        """Return all that a program has written."""
        return (self.root / f"{name}.log").read_text(errors="replace")

    def end(self) -> None:
        """Kill everything."""
        for name in reversed(list(self.started)):
            self.kill(name)

    def _flwr(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [_program("flwr"), *map(str, words)],
            cwd=self.root,
            env=self._environment("home"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=3 * SOON_S,
            check=False,
        )

    def _start(self, name: str, program: str, *words: str | Path) -> None:
        (self.root / f"home-{name}").mkdir(exist_ok=True)
        with (self.root / f"{name}.log").open("ab") as log:
            self.started[name] = subprocess.Popen(
                [_program(program), *map(str, words)],
                cwd=self.root,
                env=self._environment(f"home-{name}"),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _environment(self, home: str) -> dict[str, str]:
        return {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "FLWR_HOME": str(self.root / home),
            "FLWR_TELEMETRY_ENABLED": "0",
            "FLWR_DISABLE_UPDATE_CHECK": "1",
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
        }

    def _tls(self) -> None:
        """Write a certificate that vouches for itself, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        now = datetime.datetime.now(datetime.UTC)
        host = ipaddress.ip_address(self.address.split(":")[0])
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(host)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        (self.root / "tls.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        (self.root / "tls.key").write_bytes(private)


def _program(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def _family(pid: int) -> list[psutil.Process]:
    """Return a process and all below it, some of which are leaders of sessions of their own."""
    try:
        parent = psutil.Process(pid)
        return [*parent.children(recursive=True), parent]
    except psutil.NoSuchProcess:
        return []


@contextmanager
def superlink(root: Path, kind: str = "--enable-supernode-auth") -> Iterator[Superlink]:
    """Start a SuperLink; end it and all nodes afterwards."""
    root.mkdir()
    link = Superlink(root, kind)
    try:
        yield link
    finally:
        link.end()
