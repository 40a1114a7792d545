"""A new method is one file and one line of the registry: no other file of the package changes."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import secfpp
from tests.data.pictures import save_noise
from tests.methods import drift

PACKAGE = Path(secfpp.__file__).parent
LAST = '    "dp_secfpp",\n)'


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with the toy method in it."""
    site = tmp_path_factory.mktemp("site")
    copied = site / "secfpp"
    shutil.copytree(PACKAGE, copied, ignore=shutil.ignore_patterns("__pycache__", "assets"))
    (copied / "assets").symlink_to(PACKAGE / "assets")
    shutil.copy(drift.__file__, copied / "methods" / "drift.py")
    registry = copied / "methods" / "registry.py"
    lines = registry.read_text()
    assert lines.count(LAST) == 1
    registry.write_text(lines.replace(LAST, '    "drift",\n' + LAST))
    return site


COMMANDS = """
import contextlib, io, json, sys
from secfpp.cli import main
answers = []
for words in json.loads(sys.argv[1]):
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        code = main(words)
    answers.append([code, out.getvalue(), errors.getvalue()])
print(json.dumps(answers))
"""


def answers(site: Path, *commands: tuple[object, ...]) -> tuple[list[str], list[list[str | int]]]:
    """Give commands one after another to one process.

    Return the lines of those with --json, which have standard output to themselves, and for each
    command its exit code and what else it wrote to its streams.
    """
    paths = os.pathsep.join([str(site), str(PACKAGE.parent)])
    words = json.dumps([[*map(str, command)] for command in commands])
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS, words],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=site,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert done.returncode == 0, done.stderr
    *lines, last = done.stdout.splitlines()
    return lines, json.loads(last)


def pictures(folder: Path) -> Path:
    """Two domains of three classes; no image is like another."""
    for i in range(2 * 3 * 12):
        domain, label = i % 2, i // 2 % 3
        save_noise(folder / f"domain{domain}" / f"class{label}" / f"{i}.png", seed=i)
    return folder


@pytest.mark.slow
def test_a_new_method_runs_with_settings_of_its_own_which_are_checked(
    site: Path, tmp_path: Path
) -> None:
    clients = ("--clients-per-domain", 2, "--images-per-client", 6)
    sizes = (*clients, "--validation-images-per-client", 2, "--test-images-per-domain", 6)
    steps = ("--rounds", 2, "--local-steps", 2, "--shared-steps", 1, "--num-context", 2)
    data = ("--data", pictures(tmp_path / "data"), "--cache-dir", tmp_path / "cache")
    out = tmp_path / "run"
    method = ("--methods", "drift-toy", "promptfl", "--drift-share", "1.0", "--out", out)
    (record,), ((code, shown, _), (again, _, _), (refused, _, why)) = answers(
        site,
        ("run", *data, *sizes, *steps, *method),
        ("run", "--resume", out, "--json"),
        ("run", "--methods", "drift-toy", "--drift-share", "2"),
    )
    assert (code, again, refused) == (0, 0, 2)
    assert json.loads((out / "config.json").read_text())["drifttoy"] == {"drift_share": 1.0}
    assert "Drift" in str(shown)
    prompts = load_file(out / "prompts.safetensors")
    drifted = prompts["drift-toy/seed0/shared"]
    assert np.ptp(drifted, axis=0).max() < 1e-6, "the whole way to the mean is the mean"
    np.testing.assert_allclose(drifted, prompts["promptfl/seed0/shared"], atol=1e-6)
    assert json.loads(record)["results"]["drift-toy"]["rounds_done"] == 2
    assert "drift_share=2.0 but it must be in 0..1" in str(why)
