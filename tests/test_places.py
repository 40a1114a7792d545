"""A user id without an entry in the password file and without HOME, as in containers."""

import os
import pwd
from pathlib import Path

import pytest

from secfpp.analysis.doctor import CHECKS
from secfpp.cli import main
from secfpp.data.cache import default_cache_dir
from secfpp.errors import ConfigError
from secfpp.places import cache_home, expand_home


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return where temporary files go; the password file knows nobody."""

    def nobody(key: object) -> None:
        raise KeyError(key)

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_the_cache_is_a_folder_of_this_user_alone(homeless: Path) -> None:
    assert cache_home() == homeless / f"cache-{os.getuid()}"
    assert default_cache_dir() == cache_home() / "secfpp"
    assert cache_home().stat().st_mode & 0o777 == 0o700


def test_a_folder_that_others_may_write_is_not_taken(homeless: Path) -> None:
    cache_home().chmod(0o777)
    with pytest.raises(ConfigError, match="set XDG_CACHE_HOME"):
        cache_home()
    cache_home_of_another = homeless / f"cache-{os.getuid()}"
    cache_home_of_another.rmdir()
    (homeless / "elsewhere").mkdir()
    cache_home_of_another.symlink_to("elsewhere")
    with pytest.raises(ConfigError, match="set XDG_CACHE_HOME"):
        cache_home()


def test_where_nothing_can_be_made_there_is_still_an_answer(
    homeless: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (homeless / "file").write_text("")
    monkeypatch.setattr("tempfile.tempdir", str(homeless / "file"))
    assert cache_home().parent == homeless / "file"


def test_a_folder_that_is_named_wins(homeless: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(homeless / "mine"))
    assert cache_home() == homeless / "mine"


@pytest.mark.parametrize("place", ["~/x", "~", "~nobody-of-this-name"])
def test_a_tilde_is_refused_in_words(homeless: Path, place: str) -> None:
    with pytest.raises(ConfigError, match="no home folder"):
        expand_home(place)


def test_doctor_finds_the_cache(homeless: Path) -> None:
    assert CHECKS["cache"]("cache").status == "ok"


@pytest.mark.slow
def test_runs_and_descriptors_need_no_home(
    homeless: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(homeless)
    images = ("--images-per-class", "12", "--test-images-per-domain", "20")
    few = (*images, "--images-per-client", "10", "--clients-per-domain", "2")
    assert main(["run", "--methods", "zero-shot", *few]) == 0, capfd.readouterr().err
    short = ("--local-steps", "2", "--shared-steps", "1", "--seeds", "1")
    assert main(["descriptors", *few[2:], *short]) == 0, capfd.readouterr().err
