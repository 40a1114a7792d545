"""Packages are fetched by the real npm, checked, and kept."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from secfpp.errors import DataError
from secfpp.worlds.packages import NpmPackage, fetch, read_json_member
from tests.worlds.shapes import pack

ABSENT = NpmPackage(name="@shapes/absent", version="1.0.0", sha256="0" * 64)
needs_npm = pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not on PATH")


def source_folder(folder: Path) -> Path:
    """Write a package that npm can pack; its script would leave a file behind."""
    folder.mkdir()
    script = f"touch {folder.parent / 'was-run'}"
    package = {"name": "shapes", "version": "1.0.0", "scripts": {"prepack": script}}
    (folder / "package.json").write_text(json.dumps(package))
    (folder / "icons.json").write_text('{"icons": {}}')
    return folder


def sum_that_is_found(package: NpmPackage, folder: Path) -> str:
    """Return the checksum that a refusal names."""
    with pytest.raises(DataError, match=r"has sha256 [0-9a-f]{64}, not 0{64}") as refused:
        fetch(package, folder)
    return str(refused.value).split("has sha256 ")[1][:64]


def test_a_kept_archive_needs_no_npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = pack("@shapes/kept", {"icons.json": {"icons": {}}}, tmp_path)
    monkeypatch.setenv("PATH", "")
    assert fetch(package, tmp_path) == tmp_path / "shapes-kept-1.0.0.tgz"
    assert read_json_member(fetch(package, tmp_path), "icons.json") == {"icons": {}}


def test_without_npm_the_error_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match=r"npm is not on PATH, .*install Node\.js with npm, or put"):
        fetch(ABSENT, tmp_path / "packages")


@needs_npm
def test_npm_fetches_runs_no_script_and_a_wrong_sum_is_refused(tmp_path: Path) -> None:
    spec = str(source_folder(tmp_path / "source"))
    package, kept = replace(ABSENT, spec=spec), tmp_path / "packages"
    found = sum_that_is_found(package, kept)
    assert list(kept.iterdir()) == []
    path = fetch(replace(package, sha256=found), kept)
    assert read_json_member(path, "icons.json") == {"icons": {}}
    assert not (tmp_path / "was-run").exists()


@needs_npm
def test_a_failure_of_npm_is_reported(tmp_path: Path) -> None:
    package = replace(ABSENT, spec=str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match=r"npm could not fetch @shapes/absent@1\.0\.0 \(exit code"):
        fetch(package, tmp_path / "packages")


def test_a_kept_archive_that_was_changed_is_refused(tmp_path: Path) -> None:
    package = pack("kept", {"icons.json": {}}, tmp_path)
    with (tmp_path / package.file_name).open("ab") as file:
        file.write(b"x")
    with pytest.raises(DataError, match=r"kept@1\.0\.0 in .* has sha256 .*remove the file"):
        fetch(package, tmp_path)


def test_a_missing_or_damaged_member_is_named(tmp_path: Path) -> None:
    package = pack("kept", {"icons.json": {}}, tmp_path)
    with pytest.raises(DataError, match=r"cannot read 'chars\.json' of"):
        read_json_member(fetch(package, tmp_path), "chars.json")
    (tmp_path / "no.tgz").write_bytes(b"not an archive")
    with pytest.raises(DataError, match=r"cannot read 'icons\.json' of"):
        read_json_member(tmp_path / "no.tgz", "icons.json")
