"""`--estimate` of runs and comparisons: what it says, and what it leaves alone."""

import json
from pathlib import Path

import numpy as np
import pytest

from mpc import SecPCSession, SecPCSettings, open_session
from secfpp.analysis.estimate.secure_cost import secure_cost
from secfpp.analysis.estimate.sizes import count_sizes
from secfpp.cli import main
from secfpp.config.clustering import ClusteringConfig
from secfpp.config.secure import SecureConfig
from secfpp.experiment.config import RunConfig
from secfpp.federation.workload import Sources, open_sources
from secfpp.methods.registry import METHODS
from secfpp.methods.shared.round_job import job_of
from tests.clip.conftest import TEXT, VISION, save_random
from tests.data.published import published

WORDS = ["--methods", "zero-shot", "promptfl", "secfpp", "--rounds", "3"]


@pytest.fixture(scope="module")
def sources() -> Sources:
    return open_sources(RunConfig(device="cpu"), num_context=8)


def test_sizes_of_the_default(sources: Sources) -> None:
    sizes = count_sizes(RunConfig(), sources)
    assert (sizes.images, sizes.domains, sizes.clients) == (7000, 5, 20)
    assert (sizes.images_per_client, sizes.test_images, sizes.classes) == (30, 600, 10)
    assert sizes.encoded_bytes(with_patches=False) == 7000 * 128 * 4
    assert sizes.cohort_bytes(with_patches=False) == (20 * 30 + 5 * 600) * (128 * 4 + 9)


@pytest.mark.slow
def test_estimate_of_every_method_leaves_nothing_behind(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    layer = {"text_cfg": {**TEXT, "layers": 1}, "vision_cfg": VISION, "embed_dim": 32}
    small = ["--model", save_random(tmp_path_factory.mktemp("small") / "model", layer)]
    words = ["--rounds", "3", *small, "--methods", *METHODS]
    assert main(["run", "--estimate", "--json", *words]) == 0
    record = json.loads(capfd.readouterr().out)
    assert list(record["methods"]) == list(METHODS)
    for name, method in record["methods"].items():
        trains = name not in ("zero-shot", "tip-adapter")
        assert (method["step_s"] > 0) == trains
        assert method["run_s"] > 0
        assert method["step_bytes"] > 10**6
    assert record["refusal"] == ""
    assert record["secure"][0]["rounds"] > record["secure"][1]["rounds"] > 0
    assert record["host_bytes"] < record["host_free"]
    assert record["methods"]["fedotp"]["step_bytes"] > record["methods"]["promptfl"]["step_bytes"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_people_see_images_memory_time_and_bytes(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--estimate", *WORDS]) == 0
    printed = " ".join(capfd.readouterr().out.split())
    assert "7,000 images to encode, 3.58 MB of features on disk" in printed
    assert "20 clients with 30 training images each, all at once" in printed
    assert "secure part, first round:" in printed
    assert "host memory:" in printed
    assert "all together:" in printed


@pytest.mark.slow
def test_a_comparison_counts_workers_and_budgets(capfd: pytest.CaptureFixture[str]) -> None:
    words = ["--methods", "secfpp-plain", "dp-promptfl", "--seeds", "2", "--jobs", "2"]
    assert main(["compare", "--estimate", "--json", *words, "--reference", "secfpp-plain"]) == 0
    record = json.loads(capfd.readouterr().out)
    assert record["jobs"] == 2
    assert record["seeds"] == 2
    methods = record["methods"]
    work = methods["secfpp-plain"]["run_s"] + 3 * methods["dp-promptfl"]["run_s"]
    assert record["total_s"] == pytest.approx(2 * record["encode_s"] + work / 2)


@pytest.mark.slow
def test_files_are_counted_and_not_opened(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    data = published("domainnet", tmp_path / "data")
    broken = next((tmp_path / "data").rglob("*.png"))
    broken.write_bytes(b"not an image")
    words = ["--data", data, "--clients-per-domain", "2", "--images-per-client", "6"]
    words += ["--validation-images-per-client", "2"]
    sizes = ["--test-images-per-domain", "10", "--methods", "promptfl"]
    cache = ["--cache-dir", str(tmp_path / "cache")]
    assert main(["run", "--estimate", "--json", *words, *sizes, *cache]) == 0
    record = json.loads(capfd.readouterr().out)
    assert record["sizes"]["images"] == 6 * 10 * 6
    assert not (tmp_path / "cache").exists()


@pytest.mark.slow
@pytest.mark.parametrize("parties", [2, 3])
def test_rounds_of_a_real_job_are_the_estimated(sources: Sources, parties: int) -> None:
    config = RunConfig()
    sizes = count_sizes(config, sources)
    rng = np.random.default_rng(0)
    points = rng.normal(size=(5, 1280))[np.arange(20) % 5] + 0.1 * rng.normal(size=(20, 1280))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    with open_session(parties) as session:
        result = session.cluster(job_of(config.clustering, 20), points, rng.normal(size=(20, 1792)))
    from dataclasses import replace

    secure = replace(config.secure, parties=parties)
    said = secure_cost(
        replace(config, secure=secure), sizes, width=64, iterations=result.iterations
    )
    extra = result.traffic.rounds_online - said.rounds
    assert 0 <= extra <= 5, "the iteration that finds no change is cut short"
    online = max(
        entry.bytes_sent
        for entry in result.traffic.roles
        if entry.phase == "online" and entry.role.startswith("party")
    )
    assert online == pytest.approx(said.bytes_party, rel=0.15)


def test_cryptens_own_operations_do_all_iterations_of_every_round(sources: Sources) -> None:
    config = RunConfig(secure=SecureConfig(protocol="crypten"))
    sizes = count_sizes(config, sources)
    first, later = (secure_cost(config, sizes, width=64, round_index=at) for at in (0, 1))
    assert first == later
    assert first.iterations == config.clustering.iterations
    assert first.rounds > 20 * first.iterations


def test_a_job_of_clients_alone_takes_no_more_than_is_estimated(sources: Sources) -> None:
    """The paper's protocol, in which a client sends more than it would to parties."""
    secure = SecureConfig(protocol="secpc", secpc=SecPCSettings(client_processes=False))
    config = RunConfig(
        secure=secure, clustering=ClusteringConfig(reveal="distances"), methods=("secfpp",)
    )
    rng = np.random.default_rng(0)
    points = rng.normal(size=(5, 1280))[np.arange(20) % 5] + 0.1 * rng.normal(size=(20, 1280))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    payload = rng.normal(size=(20, 1792))
    with SecPCSession(secure.secpc) as session:
        result = session.cluster(job_of(config.clustering, 20, protocol="secpc"), points, payload)
    sizes = count_sizes(config, sources)
    said = secure_cost(config, sizes, width=64, iterations=result.iterations)
    sent = sum(step.bytes_sent for step in result.traffic.steps)
    assert 0.9 * said.bytes_client < sent < 1.01 * said.bytes_client
    assert said.rounds - 4 <= result.traffic.rounds_online <= said.rounds
    assert (said.bytes_party, said.bytes_dealer) == (0, 0)
