"""Every example runs as its README says, and prints what it promises."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).parents[2]
EXAMPLES = CHECKOUT / "examples"
PROGRAMS = sorted(
    path.name for path in EXAMPLES.iterdir() if path.suffix in (".py", ".sh", ".ipynb")
)
FOUND = {"PYTHONPATH": str(CHECKOUT), "PYTHON": sys.executable}


def run(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a program in a folder outside the checkout, which it must not need."""
    return subprocess.run(
        [*map(str, words)],
        cwd=cwd,
        env=os.environ | FOUND,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def printed(*words: str | Path, cwd: Path) -> str:
    """Return what a program prints, which must succeed."""
    done = run(*words, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def example(name: str, *words: str | Path, cwd: Path) -> str:
    """Return what an example in Python prints."""
    return printed(sys.executable, EXAMPLES / name, *words, cwd=cwd)


@pytest.fixture(scope="module")
def federation(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Run the federation once: its run folder, and what it prints."""
    folder = tmp_path_factory.mktemp("federation") / "run"
    said = example("federation_in_ten_lines.py", folder, cwd=folder.parent)
    return folder, said


def test_the_readme_lists_every_program() -> None:
    text = (EXAMPLES / "README.md").read_text()
    assert sorted(re.findall(r"^\| \[(.*?)\]", text, re.MULTILINE)) == PROGRAMS


def test_vectors_are_clustered_as_scikit_learn_does(tmp_path: Path) -> None:
    said = example("cluster_vectors.py", cwd=tmp_path)
    assert float(re.findall(r"two clusterings: (\S+)", said)[0]) > 0.95
    assert "each client: own cluster's sum and size" in said


def test_the_federation_prints_the_accuracy_of_each_method(federation: tuple[Path, str]) -> None:
    folder, said = federation
    found = dict(re.findall(r"^ *(\S.*): (\d+\.\d) %$", said, re.MULTILINE))
    assert list(found) == ["Zero-shot", "Local only", "SecFPP"]
    assert all(10 < float(accuracy) < 100 for accuracy in found.values())
    assert (folder / "results.json").is_file()


def test_ten_lines_are_ten() -> None:
    """The call with its settings, and the loop that prints, without imports and checks."""
    body = (EXAMPLES / "federation_in_ten_lines.py").read_text().partition("config = ")[2]
    lines = body.partition("\n\n\nif __name__")[0].splitlines()
    assert len(lines) <= 10


def test_ledger_and_traffic_are_drawn(federation: tuple[Path, str], tmp_path: Path) -> None:
    picture = tmp_path / "picture.svg"
    said = example("ledger_and_traffic.py", federation[0], picture, cwd=tmp_path)
    lines = (federation[0] / "ledger.jsonl").read_text().splitlines()
    assert said.startswith(f"{len(lines)} openings of ")
    assert ElementTree.parse(picture).getroot().tag.endswith("svg")  # noqa: S314  our own


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    done = run(sys.executable, EXAMPLES / "ledger_and_traffic.py", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("usage: ")


def test_hosts_in_namespaces_cluster_rows(tmp_path: Path) -> None:
    if sys.platform != "linux" or shutil.which("ip") is None or os.getuid() != 0:
        pytest.skip("network namespaces need Linux, root and the command `ip` of iproute2")
    done = run("bash", EXAMPLES / "three_namespaces.sh", cwd=tmp_path)
    if "namespaces cannot be made" in done.stderr:
        pytest.skip(f"network namespaces cannot be made here: {done.stderr}")
    assert done.returncode == 0, done.stdout + done.stderr
    labels = re.findall(r"^labels: (.*)$", done.stdout, re.MULTILINE)[0].split()
    assert labels in (["0", "1"] * 18, ["1", "0"] * 18)
    for role in ("party:0", "party:1", "dealer"):
        assert f"{role}: the session is over" in done.stdout
    made = re.findall(r"^namespace (\S+) has", done.stdout, re.MULTILINE)
    assert len(made) == 3
    left = {line.split()[0] for line in printed("ip", "netns", cwd=tmp_path).splitlines()}
    assert not left & {*made, made[0].replace("party0", "switch")}


def test_without_the_command_ip_the_remedy_is_said(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    done = run(bash, "-c", f"PATH={tmp_path} . {EXAMPLES / 'three_namespaces.sh'}", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "three_namespaces.sh: the command ip is missing; install iproute2\n"
