"""`secfpp party` and `secfpp dealer` on the ports of this machine."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_iris

from mpc.net.handshake import LOOPBACK
from secfpp.cli import main
from tests.cli.command import secfpp
from tests.patience import SOON_S

OWNERS = 3


def free_addresses(count: int) -> list[str]:
    with ExitStack() as stack:
        socks = [stack.enter_context(socket.create_server((LOOPBACK, 0))) for _ in range(count)]
        return [f"{LOOPBACK}:{sock.getsockname()[1]}" for sock in socks]


def make_folder(folder: Path) -> Path:
    words = ("--parties", "2", "--clients", str(OWNERS), "--hosts", *free_addresses(3))
    made = secfpp("certs", "init", folder, *words)
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("party") / "certs")


class Roles:
    """Starts roles in processes of their own."""

    def __init__(self) -> None:
        self.started: list[subprocess.Popen[str]] = []
        self.ledgers = 0

    def __call__(self, folder: Path, *words: str | Path) -> subprocess.Popen[str]:
        self.ledgers += 1
        ledger = folder / f"ledger-{id(self)}-{self.ledgers}.jsonl"
        files = ("--network", folder / "network.json", "--certs", folder, "--ledger", ledger)
        self.started.append(
            subprocess.Popen(
                [sys.executable, "-m", "secfpp.cli", *map(str, (*words, *files))],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return self.started[-1]


@pytest.fixture
def start() -> Iterator[Roles]:
    roles = Roles()
    yield roles
    for process in roles.started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def file_stem(role: str) -> str:
    return role.replace(":", "-")


def listens(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    return process.stderr.readline()


def refusal(capfd: pytest.CaptureFixture[str], words: Sequence[str | Path]) -> tuple[int, str]:
    """Run in this process; return exit code and the one line on standard error."""
    code = main([str(word) for word in words])
    streams = capfd.readouterr()
    assert streams.out == ""
    assert "PRIVATE" not in streams.err
    return code, streams.err


@pytest.mark.slow
def test_four_programs_are_one_session_as_the_readme_says(start: Roles, tmp_path: Path) -> None:
    """20 clients, iris with its 150 rows, and no word of owners anywhere."""
    folder, means = tmp_path / "DIR", [tmp_path / f"{name}.npy" for name in ("secure", "plain")]
    words = ("--parties", "2", "--clients", "20", "--hosts", *free_addresses(3))
    assert secfpp("certs", "init", folder, *words).returncode == 0
    np.save(tmp_path / "vectors.npy", load_iris().data)
    roles = {
        "party:0": start(folder, "party", "--rank", "0", "--once", "--json"),
        "party:1": start(folder, "party", "--rank", "1", "--once"),
        "dealer": start(folder, "dealer", "--once", "--json"),
    }
    asked = ("cluster", "--input", tmp_path / "vectors.npy", "--json", "--out")
    files = ("--network", folder / "network.json", "--certs", folder)
    refused = secfpp(*asked, means[0], "--owners", "64", *files)
    assert refused.returncode == 2
    assert "has those of 20; say --owners 20, or add some: secfpp certs add" in refused.stderr
    done = secfpp(*asked, means[0], *files)
    if done.returncode != 0:
        pytest.fail(done.stderr + "".join(p.communicate(timeout=SOON_S)[1] for p in roles.values()))
    owners = {entry["role"] for entry in json.loads(done.stdout)["traffic"]["roles"]}
    assert sum(role.startswith("client:") for role in owners) == 20
    assert main([str(word) for word in (*asked, means[1], "--plain")]) == 0
    secure, plain = map(np.load, means)
    np.testing.assert_allclose(secure, plain, atol=1e-4)
    streams = {role: process.communicate(timeout=SOON_S) for role, process in roles.items()}
    assert {role: process.returncode for role, process in roles.items()} == dict.fromkeys(roles, 0)
    assert json.loads(streams["party:0"][0]) == {"role": "party:0"}
    assert json.loads(streams["dealer"][0]) == {"role": "dealer"}
    assert streams["party:1"][0] == "party:1: the session is over\n"
    for role, (_, err) in streams.items():
        assert f"{role} of session 'secfpp' listens on {LOOPBACK}:" in err


@pytest.mark.parametrize(
    ("change", "words", "said"),
    [
        ("", ("--owners", "4"), "4 data owners need credentials, and .* has those of 3; say --own"),
        ("", ("--owners", "0"), "--owners 0"),
        ("client-*.pem", (), "has no credentials of a numbered client; .* certs add .* client:0"),
        ("client-1.key", ("--owners", "3"), "has those of 2; say --owners 2"),
        ("server.pem", (), r"server\.pem is missing"),
        ("*", (), "has no credentials"),
        ("chmod client-2.key", (), "others may read the private key .*client-2.key"),
    ],
)
def test_credentials_are_looked_at_before_anybody_is_met(
    folder: Path,
    change: str,
    words: tuple[str, ...],
    said: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Nobody listens: a connection would fail with 3."""
    copy = shutil.copytree(folder, tmp_path / "copy")
    kind, _, pattern = change.rpartition(" ")
    for file in copy.glob(pattern or "nothing"):
        file.chmod(0o644) if kind == "chmod" else file.unlink()
    np.save(tmp_path / "x.npy", np.eye(9))
    files = ("--network", folder / "network.json", "--certs", copy)
    code, err = refusal(
        capfd, ("cluster", "--input", tmp_path / "x.npy", "--k", "2", *files, *words)
    )
    assert (code, err.count("\n")) == (2, 1)
    assert re.search(said, err)


def test_a_run_looks_at_its_clients_credentials_before_it_trains(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    files = ("--network", folder / "network.json", "--certs", folder, "--out", tmp_path / "run")
    code, err = refusal(capfd, ("run", "--methods", "local-only", "secfpp", *files))
    assert (code, err.count("\n")) == (2, 1)
    assert "client-3.pem is missing" in err
    assert not (tmp_path / "run" / "metrics.jsonl").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("party", "--rank", "2"), "party:2 is none of party:0, party:1, dealer"),
        (("party", "--rank", "-1"), "party:-1 is none of"),
        (("party",), "say --rank, or set RANK or JOB_COMPLETION_INDEX in the environment"),
        (("dealer", "--timeout-s", "0"), "--timeout-s 0.0: seconds above 0"),
        (("dealer", "--wait-s", "nan"), "--wait-s nan: seconds above 0"),
        (
            ("party", "--rank", "0", "--job-timeout-s", "-1"),
            "--job-timeout-s -1.0: seconds above 0",
        ),
    ],
)
def test_flags_that_cannot_be_exit_2(
    folder: Path, words: tuple[str, ...], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    files = ("--network", folder / "network.json", "--certs", folder)
    code, err = refusal(capfd, (*words, *files))
    assert (code, err.count("\n")) == (2, 1)
    assert said in err


@pytest.mark.parametrize("name", ["RANK", "JOB_COMPLETION_INDEX"])
def test_a_scheduler_says_which_party_it_is(
    folder: Path, name: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = ("--network", folder / "network.json", "--certs", folder)
    monkeypatch.setenv(name, "7")
    assert "party:7 is none of party:0, party:1" in refusal(capfd, ("party", *files))[1]
    monkeypatch.setenv(name, "seven")
    assert f"{name}='seven' in the environment is no rank" in refusal(capfd, ("party", *files))[1]


@pytest.mark.parametrize("absent", ["network.json", "ca.pem", "dealer.pem", "dealer.key"])
def test_a_missing_file_is_named(
    folder: Path, absent: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / absent).unlink()
    words = ("dealer", "--network", copy / "network.json", "--certs", copy)
    code, err = refusal(capfd, words)
    assert (code, err.count("\n")) == (2, 1)
    assert str(copy / absent) in err


@pytest.mark.parametrize(("role", "other"), [("dealer", "party:1"), ("party:0", "party:1")])
def test_the_certificate_of_another_role_is_refused_at_home(
    folder: Path, role: str, other: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    for suffix in (".pem", ".key"):
        shutil.copy(folder / f"{file_stem(other)}{suffix}", copy / f"{file_stem(role)}{suffix}")
    verb = ("dealer",) if role == "dealer" else ("party", "--rank", "0")
    code, err = refusal(capfd, (*verb, "--network", copy / "network.json", "--certs", copy))
    assert code == 2
    assert f"is for {file_stem(other)}.secfpp and not for {role}" in err


def test_a_port_in_use_is_named(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    address = json.loads((folder / "network.json").read_text())["dealer"]
    with socket.create_server((LOOPBACK, int(address.split(":")[1]))):
        words = ("dealer", "--network", folder / "network.json", "--certs", folder)
        code, err = refusal(capfd, words)
    assert code == 3
    assert f"cannot listen on {address}" in err


@pytest.mark.slow
def test_waiting_in_vain_names_who_did_not_come(folder: Path, start: Roles) -> None:
    dealer = start(folder, "dealer", "--once", "--wait-s", "0.5", "--json")
    out, err = dealer.communicate(timeout=SOON_S)
    assert (dealer.returncode, out) == (3, "")
    assert "party:0, party:1 did not connect to dealer within 0.5 s" in err


@pytest.mark.parametrize(
    "verb", [("dealer",), pytest.param(("party", "--rank", "1"), marks=pytest.mark.slow)]
)
@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_a_waiting_role(
    folder: Path, start: Roles, verb: tuple[str, ...], signum: signal.Signals, code: int
) -> None:
    process = start(folder, *verb)
    assert "listens on" in listens(process)
    os.kill(process.pid, signum)
    out, err = process.communicate(timeout=SOON_S)
    assert (process.returncode, out) == (code, "")
    assert "Traceback" not in err


def test_in_the_background_of_a_script_sigterm_ends_a_role_and_sigint_does_not(
    folder: Path, start: Roles
) -> None:
    """A shell lets its background programs ignore SIGINT: Ctrl-C is meant for what is in front."""
    former = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = start(folder, "dealer")
    finally:
        signal.signal(signal.SIGINT, former)
    assert "listens on" in listens(process)
    for signum in (signal.SIGINT, signal.SIGTERM):
        process.send_signal(signum)
    process.communicate(timeout=SOON_S)
    assert process.returncode == 0


@pytest.mark.slow
def test_a_stranger_s_certificate_is_refused_by_both_ends(
    folder: Path, start: Roles, tmp_path: Path
) -> None:
    """The stranger has the same role, but of another authority."""
    foreign = make_folder(tmp_path / "foreign")
    shutil.copy(folder / "network.json", foreign / "network.json")
    guest = start(foreign, "party", "--rank", "1", "--once", "--wait-s", "60")
    assert "listens on" in listens(guest)  # so that it meets the host at once
    wait = ("--once", "--wait-s", "5")
    host = start(folder, "party", "--rank", "0", *wait)
    assert "listens on" in listens(host)
    dealer = start(folder, "dealer", *wait)
    _, said_by_guest = guest.communicate(timeout=2 * SOON_S)
    assert guest.returncode == 3
    assert "party:1 and party:0" in said_by_guest
    assert "certificate is refused: self-signed certificate" in said_by_guest
    assert (host.poll(), dealer.poll()) == (None, None)
    _, said_by_host = host.communicate(timeout=2 * SOON_S)
    _, said_by_dealer = dealer.communicate(timeout=2 * SOON_S)
    assert (host.returncode, dealer.returncode) == (3, 3)
    assert "party:1" in said_by_dealer
    assert "party:1" in said_by_host
    assert "refused meanwhile: " in said_by_host
    assert "UNKNOWN_CA" in said_by_host
