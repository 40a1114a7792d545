"""`secfpp certs`: a folder from which every role can start, and what to copy where."""

import json
import os
from pathlib import Path

import pytest

from mpc.net.addresses import read_addresses
from mpc.net.credential_folder import read_credentials
from secfpp.cli import main
from secfpp.cli.parse import parse
from secfpp.cli.verbs.certs import Certs, Init
from tests.cli.command import secfpp


def test_the_command_makes_a_folder_that_every_role_can_read(tmp_path: Path) -> None:
    folder = tmp_path / "certs"
    done = secfpp("certs", "init", folder, "--parties", "3", "--clients", "6")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    clients = [f"client:{number}" for number in range(6)]
    for role in ["party:0", "party:1", "party:2", "dealer", "server", *clients]:
        assert read_credentials(folder, role).role == role
    assert [str(a) for a in read_addresses(folder / "network.json").by_role().values()] == [
        f"127.0.0.1:{port}" for port in (7000, 7001, 7002, 7003)
    ]
    assert (folder / "ca.key").stat().st_mode & 0o777 == 0o600


def test_people_are_told_what_to_copy_and_what_never(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["certs", "init", str(tmp_path / "certs")]) == 0
    printed = capfd.readouterr().out
    assert "ca.pem party-0.pem party-0.key network.json" in printed
    assert "ca.pem client-ID.pem client-ID.key network.json" in printed
    assert "20 of them" in printed
    assert "valid until" in printed
    copied = [line for line in printed.splitlines() if "network.json" in line]
    assert len(copied) == 5  # two parties, dealer, server, clients
    assert not any("ca.key" in line for line in copied)
    assert "whoever holds ca.key can impersonate everybody" in printed
    assert "PRIVATE" not in printed


@pytest.mark.parametrize("before", [True, False])
def test_json_stands_before_or_after_the_second_verb(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], before: bool
) -> None:
    words = ["init", str(tmp_path / "certs"), "--clients", "1"]
    words = ["--json", *words] if before else [*words, "--json"]
    assert main(["certs", *words]) == 0
    record = json.loads(capfd.readouterr().out)
    assert record["roles"] == ["party:0", "party:1", "dealer", "server", "client:0"]
    assert record["copy"]["client:0"] == ["ca.pem", "client-0.pem", "client-0.key", "network.json"]
    assert record["network"]["dealer"] == "127.0.0.1:7002"
    assert record["expires"].endswith("+00:00")
    assert "PRIVATE" not in json.dumps(record)


def test_roles_are_added_later(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "certs"
    assert main(["certs", "init", str(folder), "--clients", "0"]) == 0
    assert main(["certs", "add", str(folder), "client:north", "client:south"]) == 0
    assert "client-south.key" in capfd.readouterr().out
    assert read_credentials(folder, "client:south").role == "client:south"
    assert main(["certs", "add", str(folder), "client:east", "client:north"]) == 2
    assert "client-north.pem is there already" in capfd.readouterr().err
    assert not (folder / "client-east.pem").exists()


def test_hosts_are_parties_then_dealer_with_or_without_port(tmp_path: Path) -> None:
    verb = parse(
        ["certs", "init", str(tmp_path), "--hosts", "10.0.0.1", "b.example:9", "[fd00::3]"]
    )
    assert isinstance(verb, Certs)
    assert isinstance(verb.action, Init)
    assert verb.execute().exit_code == 0
    addresses = read_addresses(tmp_path / "network.json")
    assert [str(address) for address in addresses.by_role().values()] == [
        "10.0.0.1:7000",
        "b.example:9",
        "[fd00::3]:7002",
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--parties", "1"], "--parties 1: 2 to 5"),
        (["--parties", "6"], "--parties 6: 2 to 5"),
        (["--clients", "-1"], "--clients -1"),
        (["--hosts", "a", "b"], "3 are needed"),
        (["--hosts", "a:1", "a:1", "b"], "has the address of"),
        (["--hosts", "a:1", "fd00::1", "b"], "is no address"),
        (["--days", "0"], "0 days"),
        (["--session", "a b"], "session 'a b'"),
    ],
)
def test_what_cannot_be_is_one_line_and_leaves_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    folder = tmp_path / "certs"
    assert main(["certs", "init", str(folder), *words]) == 2
    streams = capfd.readouterr()
    assert said in streams.err
    assert streams.err.count("\n") == 1
    assert streams.out == ""
    assert not folder.exists()


@pytest.mark.parametrize("present", ["network.json", "ca.pem", "party-1.key"])
def test_nothing_is_overwritten(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], present: str
) -> None:
    (tmp_path / present).write_text("mine")
    assert main(["certs", "init", str(tmp_path)]) == 2
    assert f"{present} is there already" in capfd.readouterr().err
    assert os.listdir(tmp_path) == [present]
    assert (tmp_path / present).read_text() == "mine"


def test_adding_nobody_or_to_no_folder_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["certs", "add", str(tmp_path)]) == 2
    assert "no role is named" in capfd.readouterr().err
    assert main(["certs", "add", str(tmp_path / "absent"), "client:1"]) == 2
    assert "ca.pem is missing" in capfd.readouterr().err


@pytest.mark.parametrize("words", [["certs"], ["certs", "fly"], ["certs", "init"]])
def test_words_that_make_no_sense_exit_2(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    assert capsys.readouterr().out == ""


def test_each_role_makes_its_own_key_and_an_authority_signs_it(tmp_path: Path) -> None:
    """Authority, role and its files, by the commands of the guide; then doctor reads them."""
    issuer, host, to = tmp_path / "authority", tmp_path / "host", tmp_path / "to"
    hosts = ("--hosts", "a.example:9", "b.example", "c.example")
    made = said("certs", "authority", issuer, *hosts, "--days", "30")
    addresses = read_addresses(issuer / "network.json").by_role()
    assert [str(place) for place in addresses.values()] == [
        *("a.example:9", "b.example:7001", "c.example:7002")
    ]
    asked = said("certs", "request", "party:1", "--certs", host)
    words = ("--authority", issuer, "--to", to, "--days", "7")
    signed = said("certs", "sign", "party:1", host / "party-1.csr", *words)
    assert signed["fingerprint"] == asked["fingerprint"]
    folders = ("--certs", host, "--authority", issuer / "ca.pem")
    placed = said("certs", "install", "party:1", to / "party-1.pem", *folders)
    assert placed["authority_fingerprint"] == made["fingerprint"]
    assert placed["expires"] == signed["expires"]
    assert read_credentials(host, "party:1").role == "party:1"
    checks = said("doctor", "--certs", host)["checks"]
    assert isinstance(checks, list)
    assert (checks[-1]["name"], checks[-1]["status"]) == ("party:1", "ok")


def said(*words: str | Path) -> dict[str, object]:
    """Run a command, and return what it says as JSON."""
    done = secfpp(*words, "--json")
    assert done.returncode == 0, done.stderr
    assert "PRIVATE" not in done.stdout
    record = json.loads(done.stdout)
    assert isinstance(record, dict)
    return record


def test_doctor_names_credentials_that_cannot_be_used(tmp_path: Path) -> None:
    folder = tmp_path / "certs"
    assert secfpp("certs", "init", folder, "--clients", "3").returncode == 0
    (folder / "client-1.key").unlink()
    done = secfpp("doctor", "--certs", folder)
    assert done.returncode == 1
    assert "6 roles" in done.stdout
    assert "client-1.key is missing" in " ".join(done.stdout.split())


@pytest.mark.parametrize("hosts", [(), ("a", "b"), ("a",) * 7])
def test_a_network_file_needs_parties_and_a_dealer(tmp_path: Path, hosts: tuple[str, ...]) -> None:
    done = main(["certs", "authority", str(tmp_path / "authority"), "--hosts", *hosts])
    assert done == (0 if not hosts else 2)
    assert (tmp_path / "authority" / "ca.key").exists() == (not hosts)
