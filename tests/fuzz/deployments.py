"""Cases of network files and credentials: a party, a dealer, a clustering elsewhere, a new role."""

from __future__ import annotations

import base64
import functools
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519

from mpc.net.certificates import Authority
from mpc.net.credential_folder import write_certificates
from secfpp.json_file import JsonValue
from tests.fuzz.command import Case
from tests.fuzz.damage import damaged
from tests.fuzz.json_values import mutated
from tests.fuzz.odd_files import foreign, lasting_folder, put

NETWORK: dict[str, JsonValue] = {
    "session": "secfpp",
    "parties": ["127.0.0.1:7000", "127.0.0.1:7001"],
    "dealer": "[::1]:7002",
}
CLOSED = {"session": "secfpp", "parties": ["127.0.0.1:1", "127.0.0.1:2"], "dealer": "127.0.0.1:3"}
ROLES = ("party:0", "party:1", "dealer", "server", "client:0", "client:1")
SHORT = ("--timeout-s", "0.2")


def networks(random: Random, folder: Path) -> Case:
    """Return a dealer or a party whose network file may be wrong, and who has no credentials."""
    file, certs = folder / "network.json", folder / "certs"
    certs.mkdir()
    way = random.random()
    content = (
        mutated(random, NETWORK) if way < 0.6 else damaged(random, json.dumps(NETWORK).encode())
    )
    if way > 0.9:
        put(random, file, foreign(random) if way > 0.95 else content)
    else:
        file.write_bytes(content)
    verb = random.choice([("dealer",), ("party", "--rank", random.choice(["0", "1", "-1", "9"]))])
    words: tuple[str | Path, ...] = (
        *verb,
        "--network",
        file,
        "--certs",
        certs,
        *_one_session(folder),
        *SHORT,
    )
    return Case(words=words, blamed=(str(file), str(certs), "network file"), kept=(file,))


def credentials(random: Random, folder: Path) -> Case:
    """Return a verb that reads credentials, of which one is damaged, and that meets nobody."""
    certs = folder / "certs"
    shutil.copytree(_good_folder(), certs)
    network = folder / "network.json"
    network.write_text(json.dumps(CLOSED))
    np.save(folder / "x.npy", np.eye(2))
    verbs: dict[str, tuple[str | Path, ...]] = {
        "ca": (
            "certs",
            "add",
            certs,
            random.choice(["client:7", "client:x", "party:9", "", "\udcff"]),
        ),
        "server": ("cluster", "--input", folder / "x.npy", "--k", "1", *_at(network, certs)),
        "client-1": ("cluster", "--input", folder / "x.npy", "--k", "1", *_at(network, certs)),
        "dealer": (
            *("dealer", *_one_session(folder), "--bind", "127.0.0.1"),
            *_at(network, certs),
        ),
    }
    stem = random.choice(list(verbs))
    file = certs / f"{random.choice([stem, stem, 'ca'])}.{random.choice(['pem', 'key'])}"
    _spoil(random, file)
    kept = tuple(path for path in certs.iterdir() if path.name != "client-7.pem")
    return Case(
        words=verbs[stem],
        blamed=(str(certs), "role", "127.0.0.1", "party:", "the credentials of"),
        kept=kept,
    )


def _one_session(folder: Path) -> tuple[str | Path, ...]:
    """Return flags of a role that waits for nobody, and writes no file beside the case's own."""
    return ("--once", "--wait-s", "0.1", "--ledger", folder / "ledger.jsonl")


def _at(network: Path, certs: Path) -> tuple[str | Path, ...]:
    return ("--network", network, "--certs", certs, *SHORT)


def _spoil(random: Random, file: Path) -> None:
    """Put something else in the place of a certificate or a key."""
    content, way = file.read_bytes(), random.randrange(6)
    if way == 0:
        put(random, file, content)
        return
    if way == 1:
        content = damaged(random, content)
    elif way == 2:
        content = random.choice([foreign(random), random.choice(_others())])
    elif way == 3:
        content = random.choice(sorted(file.parent.iterdir())).read_bytes()
    else:
        content = _within(random, content)
    file.write_bytes(content)
    if file.suffix == ".key":
        file.chmod(random.choice([0o600] * 9 + [0o644]))


def _within(random: Random, pem: bytes) -> bytes:
    """Damage what a PEM file has in base64, and leave its frame whole."""
    first, *lines, last = pem.decode().strip().splitlines()
    inner = damaged(random, base64.b64decode("".join(lines)))
    return "\n".join([first, base64.encodebytes(inner).decode().strip(), last, ""]).encode()


@functools.cache
def _good_folder() -> Path:
    """Return a folder of credentials, made once."""
    folder = lasting_folder()
    write_certificates(Authority.create(valid_days=1), folder / "certs", ROLES)
    return folder / "certs"


@functools.cache
def _others() -> tuple[bytes, ...]:
    """Return keys of other kinds and forms, and what else PEM files may hold."""
    keys = (
        rsa.generate_private_key(public_exponent=65537, key_size=2048),
        ed25519.Ed25519PrivateKey.generate(),
        x25519.X25519PrivateKey.generate(),
        ec.generate_private_key(ec.SECP521R1()),
    )
    elliptic = keys[3]
    plain, pem = serialization.NoEncryption(), serialization.Encoding.PEM
    forms = serialization.PrivateFormat
    locked = serialization.BestAvailableEncryption(b"secret")
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return (
        *(key.private_bytes(pem, forms.PKCS8, plain) for key in keys),
        *(key.private_bytes(pem, forms.PKCS8, locked) for key in keys[:1]),
        *(key.private_bytes(pem, forms.OpenSSH, plain) for key in keys[:2]),
        elliptic.private_bytes(pem, forms.TraditionalOpenSSL, locked),
        elliptic.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo),
        request.sign(keys[1], None).public_bytes(pem),
        b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    )


MAKERS: dict[str, Callable[[Random, Path], Case]] = {
    "networks": networks,
    "credentials": credentials,
}
