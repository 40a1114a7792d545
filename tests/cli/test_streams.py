"""Standard streams that are closed, full, read by halves or of another encoding lose no result."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from secfpp.cli import main
from secfpp.cli.streams import ERRORS, prepare_streams

TIMEOUT_S = 120


@pytest.fixture(scope="module")
def points(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("streams") / "x.npy"
    np.save(file, np.array([[0.0, 1.0], [0.5, 1.0], [9.0, 9.0]]))
    return file


def shell(
    redirection: str, *words: str | Path, **variables: str
) -> subprocess.CompletedProcess[bytes]:
    """Run the real command with its streams redirected by a shell."""
    command = [sys.executable, "-m", "secfpp.cli", *map(str, words)]
    settings = [f"{name}={value}" for name, value in variables.items()]
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {redirection}', "sh", "env", *settings, *command],
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def cluster(points: Path, *words: str | Path) -> tuple[str | Path, ...]:
    return ("cluster", "--plain", "--input", points, "--k", "2", *words)


@pytest.mark.parametrize(
    ("redirection", "words"),
    [
        (">&-", ()),
        ("<&- >&- 2>&-", ("--json",)),
        pytest.param(">&-", ("--json",), marks=pytest.mark.slow),
        pytest.param("<&- >&- 2>&-", (), marks=pytest.mark.slow),
    ],
)
def test_closed_streams_are_no_error(
    redirection: str, words: tuple[str, ...], points: Path, tmp_path: Path
) -> None:
    done = shell(redirection, *cluster(points, "--out", tmp_path / "m.npy", *words))
    assert (done.returncode, done.stdout) == (0, b"")
    assert np.load(tmp_path / "m.npy").shape == (3, 2)
    assert b"internal error" not in done.stderr


@pytest.mark.slow
def test_parties_and_dealer_do_not_get_the_closed_descriptors(points: Path) -> None:
    done = shell("<&- >&- 2>&-", "cluster", "--input", points, "--k", "2")
    assert done.returncode == 0


def test_wrong_input_with_closed_streams_is_still_exit_2(tmp_path: Path) -> None:
    assert shell(">&- 2>&-", *cluster(tmp_path / "absent.npy")).returncode == 2


@pytest.mark.parametrize("words", [(), pytest.param(("--json",), marks=pytest.mark.slow)])
def test_a_full_disk_is_named(words: tuple[str, ...], points: Path) -> None:
    done = shell(">/dev/full", *cluster(points, *words))
    assert done.returncode == 1
    assert b"standard output cannot be written: No space left on device" in done.stderr
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("words", [pytest.param((), marks=pytest.mark.slow), ("--json",)])
def test_a_reader_that_leaves_is_success(words: tuple[str, ...], points: Path) -> None:
    pipe = f'{sys.executable} -m secfpp.cli "$@" {" ".join(words)}; echo "exit $?" >&2'
    done = subprocess.run(
        ["sh", "-c", f"( {pipe} ) | true", "sh", *map(str, cluster(points))],
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.stderr == b"exit 0\n"


@pytest.mark.slow
@pytest.mark.usefixtures("parties_stay_open")
def test_the_cost_table_is_shown_in_a_locale_without_dashes(
    points: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    assert main(["cluster", "--input", str(points), "--k", "2"]) == 0
    sys.stdout.flush()
    assert b"busiest client" in raw.getvalue()


def test_cards_and_messages_in_a_locale_of_ascii_alone(tmp_path: Path) -> None:
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = shell("", "pretrain", "--card", **plain)
    assert done.returncode == 0, done.stderr
    assert b"zero-shot" in done.stdout.lower()
    done = shell("", *cluster(tmp_path / "größe.npy"), **plain)
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)


@pytest.mark.parametrize(
    ("encoding", "text", "written"),
    [
        ("ascii", "0.5 – 0.7 ± 0.1", b"0.5 - 0.7 +/- 0.1"),
        ("latin-1", "größe –", "größe -".encode("latin-1")),
        ("ascii", "größe \N{SNOWMAN}", b"gro?e ?"),
        ("utf-8", "name \udcff.npy", b"name \xff.npy"),
        ("utf-16-le", "\udcff–", "?–".encode("utf-16-le")),
    ],
)
def test_what_an_encoding_lacks_is_spelt(
    encoding: str, text: str, written: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    prepare_streams()
    assert sys.stdout.errors == ERRORS
    sys.stdout.write(text)
    sys.stdout.flush()
    assert raw.getvalue() == written


def test_a_file_name_that_is_no_text_can_be_read_and_named(points: Path, tmp_path: Path) -> None:
    file = Path(str(tmp_path / "p\udcff.npy"))
    file.write_bytes(points.read_bytes())
    assert shell("", *cluster(file)).returncode == 0
    file.unlink()
    done = shell("", *cluster(file))
    assert done.returncode == 2
    assert b"p\xff.npy: no such file" in done.stderr


def test_control_characters_of_a_message_are_escaped(tmp_path: Path) -> None:
    done = shell("", *cluster(tmp_path / "\x1b[31mred.npy"))
    assert b"\\x1b[31mred.npy: no such file" in done.stderr
