"""No torch, NumPy or Python generator anywhere on a path that touches a share.

Whole sessions run with those generators patched to raise in every process: server and data owners,
parties, dealer. See `no_generators/sitecustomize.py`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.security.attackers.walk_jobs import JOBS

HERE = Path(__file__).parent
TIMEOUT_S = 150

DRAWS = (
    "import torch; torch.randint(2, (1,))",
    "import torch; torch.rand(1)",
    "import torch; torch.randn(1)",
    "import torch; torch.randperm(2)",
    "import torch; torch.bernoulli(torch.ones(1))",
    "import torch; torch.ones(2).multinomial(1)",
    "import torch; torch.empty(1).random_()",
    "import torch; torch.empty(1).uniform_()",
    "import torch; torch.empty(1).normal_()",
    "import torch; torch.Generator()",
    "import torch; torch.manual_seed(0)",
    "from crypten.common.rng import generate_random_ring_element as draw; import torch; "
    "draw((1,), generator=object())",
    "import numpy; numpy.random.default_rng()",
    "import numpy; numpy.random.rand(1)",
    "import numpy; numpy.random.RandomState(0)",
    "import numpy; numpy.random.Generator(None)",
    "import numpy; numpy.random.mtrand._rand.rand(1)",
    "import random; random.random()",
    "import random; random.getrandbits(8)",
    "import random; random.shuffle([1, 2])",
    "import random; random.Random(0).choice([1, 2])",
)

CONTROL = """
import json, sys
from mpc.engine import _crypten  # an alias that CrypTen needs to be imported at all
silent = []
for draw in json.loads(sys.argv[1]):
    try:
        exec(draw, {})
    except Exception as error:
        if type(error).__name__ == "GeneratorUsedError":
            continue
    silent.append(draw)
import os, secrets, random
secrets.token_bytes(8), os.urandom(8), random.SystemRandom().choice([1, 2])
print(json.dumps(silent))
"""


def run_patched(
    marks: Path, *words: str, planted: bool = False
) -> "subprocess.CompletedProcess[str]":
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(HERE / "no_generators"), str(HERE.parents[1])]),
        "GENERATOR_MARKS": str(marks),
        "GENERATOR_PLANTED": "1" if planted else "",
    }
    return subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
        cwd=HERE.parents[1],
        env=environment,
    )


def lines_by_process(marks: Path) -> dict[int, list[str]]:
    return {int(path.name): path.read_text().splitlines() for path in marks.iterdir()}


@pytest.mark.slow
@pytest.mark.parametrize("num_parties", [2, 3], ids=["2-party", "3-party"])
def test_jobs_under_every_policy_draw_from_no_generator(num_parties: int, tmp_path: Path) -> None:
    done = run_patched(tmp_path, "-m", "tests.security.attackers.walk_jobs", str(num_parties))
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert len(printed["equal"]) == len(JOBS)
    assert all(printed["equal"])
    lines = lines_by_process(tmp_path)
    assert not [line for each in lines.values() for line in each if line.startswith("used")]
    assert set(lines) >= set(printed["pids"].values())
    assert len(printed["pids"]) == num_parties + 1
    for role, pid in printed["pids"].items():
        assert "started" in lines[pid], role
        if role != "dealer":  # which need not load torch
            assert "patched torch" in lines[pid], role


@pytest.mark.slow
def test_the_patches_make_every_generator_raise(tmp_path: Path) -> None:
    done = run_patched(tmp_path, "-c", CONTROL, json.dumps(DRAWS))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


@pytest.mark.slow
def test_masks_drawn_from_torch_would_be_noticed(tmp_path: Path) -> None:
    done = run_patched(tmp_path, "-m", "tests.security.attackers.walk_jobs", "2", planted=True)
    assert done.returncode != 0
    lines = [line for each in lines_by_process(tmp_path).values() for line in each]
    assert [line for line in lines if line.startswith("used torch.randint")]
