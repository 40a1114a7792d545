"""Credentials in files: private, never overwritten, and refused with the reason when unfit."""

import base64
import datetime as dt
import os
import stat
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TextIO

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from mpc.errors import InputError
from mpc.net import certificates, credential_folder
from mpc.net.certificates import Authority
from mpc.net.credential_folder import (
    add_certificates,
    read_authority,
    read_credentials,
    write_certificates,
)
from mpc.net.tls import context_of
from tests.mpc.forged import dns, forged
from tests.patience import SOON_S

ROLES = ("party:0", "party:1", "dealer", "server", "client:7")
NAMES = {"ca.pem", "ca.key"} | {
    f"{stem}.{suffix}"
    for stem in ("party-0", "party-1", "dealer", "server", "client-7")
    for suffix in ("pem", "key")
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "certs"
    write_certificates(Authority.create(), made, ROLES)
    return made


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def refusal(folder: Path, role: str = "party:0") -> str:
    with pytest.raises(InputError) as refused:
        read_credentials(folder, role)
    assert "PRIVATE KEY" not in str(refused.value)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_what_is_written_can_be_read(folder: Path) -> None:
    assert names(folder) == NAMES
    for role in ROLES:
        credentials = read_credentials(folder, role)
        assert credentials.role == role
        assert credentials.authority_pem == (folder / "ca.pem").read_text()


def test_keys_are_their_owners_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_certificates(Authority.create(), tmp_path / "certs", ROLES)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "certs").stat().st_mode) == 0o700
    for path in (tmp_path / "certs").glob("*.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_keys_are_private_from_creation_and_not_by_a_later_chmod(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: dict[str, tuple[int, int]] = {}
    honest = os.open

    def watched(
        path: str | Path, flags: int, mode: int = 0o777, *, dir_fd: int | None = None
    ) -> int:
        modes[os.path.basename(path)] = (flags, mode)
        return honest(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", watched)
    write_certificates(Authority.create(), tmp_path / "certs", ["party:0"])
    for name in ("ca.key", "party-0.key"):
        flags, mode = modes[name]
        assert mode == 0o600
        assert flags & os.O_EXCL


@pytest.mark.parametrize("present", ["ca.pem", "ca.key", "party-1.pem", "client-7.key"])
def test_nothing_is_overwritten_and_nothing_is_half_written(tmp_path: Path, present: str) -> None:
    (tmp_path / present).write_text("mine")
    with pytest.raises(InputError, match=f"{present} is there already"):
        write_certificates(Authority.create(), tmp_path, ROLES)
    assert contents(tmp_path) == {present: b"mine"}


def test_a_dangling_link_is_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "certs"
    folder.mkdir()
    (folder / "party-0.key").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="is there already"):
        write_certificates(Authority.create(), folder, ROLES)
    assert not (tmp_path / "elsewhere").exists()


def test_a_disk_that_refuses_midway_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = credential_folder._create

    def full(path: Path) -> TextIO:
        if path.name == "dealer.pem":
            raise OSError(28, "No space left on device")
        return honest(path)

    monkeypatch.setattr(credential_folder, "_create", full)
    with pytest.raises(InputError, match="No space left"):
        write_certificates(Authority.create(), tmp_path / "certs", ROLES)
    assert names(tmp_path / "certs") == set()


@pytest.mark.parametrize(
    ("roles", "said"),
    [(("party:0", "dealer", "party:0"), "party:0 is named twice"), (("queen",), "is no role")],
)
def test_wrong_roles_write_nothing(tmp_path: Path, roles: tuple[str, ...], said: str) -> None:
    with pytest.raises(InputError, match=said):
        write_certificates(Authority.create(), tmp_path / "certs", roles)
    assert not (tmp_path / "certs").exists()


def test_roles_can_be_added_by_the_same_authority(folder: Path) -> None:
    before = contents(folder)
    add_certificates(folder, ["client:8", "client:9"])
    assert read_credentials(folder, "client:9").authority_pem == before["ca.pem"].decode()
    after = contents(folder)
    assert {name: after[name] for name in before} == before
    with pytest.raises(InputError, match="client-8.pem is there already"):
        add_certificates(folder, ["client:10", "client:8"])
    assert contents(folder) == after


def test_roles_cannot_be_added_where_the_authoritys_key_is_not(folder: Path) -> None:
    (folder / "ca.key").unlink()
    with pytest.raises(InputError, match="ca.key is missing"):
        add_certificates(folder, ["client:8"])
    assert "client-8.pem" not in names(folder)


@pytest.mark.parametrize("key", ["party-0.key", None])
def test_a_key_that_is_not_the_authoritys_issues_nothing(folder: Path, key: str | None) -> None:
    if key is None:  # a role poses as the authority, with a key that fits
        (folder / "party-0.pem").replace(folder / "ca.pem")
    (folder / "party-0.key").replace(folder / "ca.key")
    with pytest.raises(InputError, match="not the key of" if key else "may not issue"):
        read_authority(folder)


@pytest.mark.parametrize("name", ["ca.pem", "party-0.pem", "party-0.key"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert f"{name} is missing" in refusal(folder)


@pytest.mark.parametrize("name", ["ca.pem", "party-0.pem", "party-0.key"])
@pytest.mark.parametrize("garbage", [b"", b"not PEM", b"\xff\xfe\x00", b"cut"])
def test_a_damaged_file_is_named(folder: Path, name: str, garbage: bytes) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes()[:90] if garbage == b"cut" else garbage)
    assert name in refusal(folder)


@pytest.mark.parametrize(
    ("there", "instead"),
    [
        (b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x05"),  # version 6
        (b"\x06\x03\x55\x1d\x25", b"\x06\x03\x55\x1d\x11"),  # two of subjectAltName
        (b"\x2a\x86\x48\xce\x3d\x03\x01\x07", b"\x2a\x86\x48\xce\x3d\x03\x01\x09"),  # no such curve
        (b"\x03\x42\x00\x04", b"\x03\x42\x00\x09"),  # no point of the curve
    ],
    ids=["version", "extensions", "curve", "point"],
)
def test_damage_within_a_certificate_is_named(folder: Path, there: bytes, instead: bytes) -> None:
    path = folder / "party-0.pem"
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    content = certificate.public_bytes(serialization.Encoding.DER)
    assert there in content
    inner = base64.encodebytes(content.replace(there, instead)).decode()
    path.write_text(f"-----BEGIN CERTIFICATE-----\n{inner}-----END CERTIFICATE-----\n")
    assert "party-0.pem holds no readable PEM certificate" in refusal(folder)


@pytest.mark.timeout(SOON_S)
def test_a_pipe_in_a_files_place_is_refused_also_while_somebody_writes(folder: Path) -> None:
    (folder / "party-0.pem").unlink()
    os.mkfifo(folder / "party-0.pem")
    writer = os.open(folder / "party-0.pem", os.O_RDWR)
    try:
        assert "party-0.pem is a pipe or a device" in refusal(folder)
    finally:
        os.close(writer)


def test_comments_of_an_authority_may_be_of_any_language(folder: Path) -> None:
    text = (folder / "ca.pem").read_text()
    (folder / "ca.pem").write_text(f"größte Stelle\n{text}", encoding="utf-8")
    context_of(read_credentials(folder, "party:0"), server_side=True)


def test_credentials_that_openssl_refuses_are_refused_by_role(folder: Path) -> None:
    others = read_credentials(folder, "dealer")
    given = replace(read_credentials(folder, "party:0"), key_pem=others.key_pem)
    with pytest.raises(InputError, match="refuses the credentials of party:0: .*copy them anew"):
        context_of(given, server_side=True)


@pytest.mark.timeout(SOON_S)
def test_a_pipe_in_a_files_place_does_not_hang(folder: Path) -> None:
    (folder / "party-0.pem").unlink()
    os.mkfifo(folder / "party-0.pem")
    assert "party-0.pem" in refusal(folder)


def test_a_folder_in_a_files_place_is_refused(folder: Path) -> None:
    (folder / "party-0.pem").unlink()
    (folder / "party-0.pem").mkdir()
    assert "Is a directory" in refusal(folder)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620])
def test_a_key_that_others_may_touch_is_refused_with_the_remedy(folder: Path, mode: int) -> None:
    (folder / "party-0.key").chmod(mode)
    assert f"chmod 600 {folder / 'party-0.key'}" in refusal(folder)


def test_a_key_of_a_volume_is_accepted_for_a_group_of_this_process_only(folder: Path) -> None:
    key = folder / "party-0.key"
    key.chmod(0o440)
    os.chown(key, -1, os.getegid())
    assert read_credentials(folder, "party:0").role == "party:0"
    strange = max(os.getgroups(), default=0) + 4321
    try:
        os.chown(key, -1, strange)
    except PermissionError:
        pytest.skip("only root gives a file to a group of others")
    assert "chmod 600" in refusal(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a file of root's")
@pytest.mark.parametrize(
    ("owner", "group", "accepted"), [(0, 0, True), (0, 9, False), (9, 0, False)]
)
def test_a_key_that_systemd_hands_over_is_roots_alone(
    folder: Path, owner: int, group: int, accepted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = folder / "party-0.key"
    key.chmod(0o440)
    os.chown(key, owner, group)
    monkeypatch.setattr(os, "getegid", lambda: 1000)  # as a service without privileges
    monkeypatch.setattr(os, "getgroups", lambda: [1000])
    if accepted:
        assert read_credentials(folder, "party:0").role == "party:0"
    else:
        assert "chmod 600" in refusal(folder)


def test_anothers_certificate_is_refused_by_both_names(folder: Path) -> None:
    for suffix in ("pem", "key"):
        (folder / f"party-1.{suffix}").replace(folder / f"party-0.{suffix}")
    said = refusal(folder)
    assert "party-1.secfpp" in said
    assert "not for party:0" in said


def test_anothers_key_is_refused(folder: Path) -> None:
    (folder / "party-1.key").replace(folder / "party-0.key")
    assert "party-0.key is not the key of party-0.pem" in refusal(folder)


def test_another_authoritys_certificate_is_refused(folder: Path) -> None:
    (folder / "ca.pem").write_text(Authority.create().certificate_pem)
    assert f"not issued by {folder / 'ca.pem'}" in refusal(folder)


def test_one_authority_of_several_suffices(folder: Path) -> None:
    more = Authority.create().certificate_pem + (folder / "ca.pem").read_text()
    (folder / "ca.pem").write_text(more)
    assert read_credentials(folder, "party:0").authority_pem == more


def replaced(
    folder: Path,
    names: Sequence[x509.GeneralName],
    uses: Sequence[x509.ObjectIdentifier] = (),
) -> None:
    """Put another certificate of the same authority in the place of party 0's."""
    made = forged(read_authority(folder), "party:0", names, uses=uses)
    (folder / "party-0.pem").write_text(made.certificate_pem)
    (folder / "party-0.key").write_text(made.key_pem)


@pytest.mark.parametrize(
    "names",
    [
        [],
        dns("party-0.secfpp", "party-1.secfpp"),
        dns("*.secfpp"),
        [x509.UniformResourceIdentifier("party-0.secfpp")],
        [*dns("party-0.secfpp"), x509.RFC822Name("me@example.org")],
    ],
    ids=str,
)
def test_a_certificate_with_any_other_names_is_refused_before_a_peer_does(
    folder: Path, names: list[x509.GeneralName]
) -> None:
    replaced(folder, names)
    assert "not for party:0, whose certificate has the one DNS name party-0" in refusal(folder)


def test_a_certificate_that_is_for_something_else_is_refused_before_a_peer_does(
    folder: Path,
) -> None:
    name = dns("party-0.secfpp")
    connects, listens = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
    for use, missing in ((connects, "serverAuth"), (listens, "clientAuth")):
        replaced(folder, name, [use])
        assert f"may not be used for {missing}, which party:0 needs" in refusal(folder)
    for uses in ((), (connects, listens), (listens, connects, ExtendedKeyUsageOID.TIME_STAMPING)):
        replaced(folder, name, uses)
        assert read_credentials(folder, "party:0").role == "party:0"


@pytest.mark.parametrize("name", ["ca.pem", "party-0.pem", "party-0.key"])
def test_a_byte_order_mark_is_no_part_of_a_file(folder: Path, name: str) -> None:
    path = folder / name
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    text = "".join(read_credentials(folder, "party:0").as_json().values())
    assert "\ufeff" not in text


def test_an_encrypted_key_is_refused_with_the_reason(folder: Path) -> None:
    path = folder / "party-0.key"
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"x"),
        )
    )
    assert "without a passphrase" in refusal(folder)


@pytest.mark.parametrize(("days", "said"), [(31, "expired on"), (-1, "not valid before")])
def test_a_certificate_out_of_its_time_is_refused_with_the_date(
    folder: Path, monkeypatch: pytest.MonkeyPatch, days: int, said: str
) -> None:
    honest = certificates.utc_now
    start = honest() - certificates.CLOCK_SKEW
    date = start if days < 0 else read_authority(folder).valid_until
    monkeypatch.setattr(certificates, "utc_now", lambda: honest() + dt.timedelta(days=days))
    found = refusal(folder)
    assert f"{said} {date:%Y-%m-%d}" in found
    assert "party-0.pem" in found
