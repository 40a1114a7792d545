import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from mpc.reference.session import PlainSession
from secfpp.config.clustering import ClusteringConfig
from secfpp.config.privacy import PrivacyConfig
from secfpp.config.secure import SecureConfig
from secfpp.config.training import TrainingConfig
from secfpp.errors import RunFolderError, RunInterruptedError
from secfpp.experiment.config import RunConfig
from secfpp.experiment.experiment import run_experiment
from secfpp.experiment.run_folder import RunFolder
from secfpp.experiment.units import Silence
from secfpp.federation.round import RoundRecord
from secfpp.methods.registry import MethodName
from secfpp.methods.shared.personal import WEIGHTS
from secfpp.methods.shared.prototypes import PROTOTYPES
from tests.federation.toy import TOY_PARTITION, T, toy_workload

METHODS: tuple[MethodName, ...] = ("zero-shot", "local-only", "promptfl", "secfpp-plain", "secfpp")


def config(out: Path, methods: tuple[MethodName, ...] = METHODS) -> RunConfig:
    return RunConfig(
        partition=TOY_PARTITION,
        training=TrainingConfig(rounds=4, local_steps=6, shared_steps=4, num_context=T),
        clustering=ClusteringConfig(k=3),
        privacy=PrivacyConfig(epsilon=8.0),
        methods=methods,
        seeds=2,
        participation=0.8,
        out=out,
    )


def plain_opener(secure: SecureConfig) -> PlainSession:
    return PlainSession()


class StopAfter(Silence):
    """Presses Ctrl-C after some rounds, and counts."""

    def __init__(self, rounds: int) -> None:
        self.left = rounds
        self.seen: list[RoundRecord] = []
        self.announced = (0, 0)

    def run_started(self, units: object, rounds_total: int, rounds_done: int) -> None:
        self.announced = (rounds_total, rounds_done)

    def round_done(self, record: RoundRecord) -> None:
        self.seen.append(record)
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def run(settings: RunConfig, observer: Silence | None = None) -> Path:
    summary = run_experiment(settings, observer, workload=toy_workload(), opener=plain_opener)
    return summary.folder


def lines(folder: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / name).read_text().splitlines()]


def without_seconds(folder: Path) -> list[dict[str, Any]]:
    found = lines(folder, "metrics.jsonl")
    return [{k: v for k, v in line.items() if not k.startswith("seconds")} for line in found]


def test_run_folder_is_whole(tmp_path: Path) -> None:
    folder = run(config(tmp_path / "run"))
    metrics = lines(folder, "metrics.jsonl")
    assert len(metrics) == 2 * (1 + 4 * 4)
    results = json.loads((folder / "results.json").read_text())
    assert results["complete"] is True
    assert list(results["methods"]) == list(METHODS)
    last = [m["uniform"] for m in metrics if m["method"] == "promptfl" and m["round"] == 4]
    uniform = results["methods"]["promptfl"]["uniform"]
    assert uniform["per_seed"] == last
    assert uniform["mean"] == pytest.approx(sum(last) / 2)
    assert uniform["standard_error"] == pytest.approx(abs(last[0] - last[1]) / 2)
    prompts = load_file(folder / "prompts.safetensors")
    assert prompts["secfpp/seed1/shared"].shape == (9, T, 4)
    maps = json.loads((folder / "clusters.json").read_text())["maps"]
    assert {m["round"] for m in maps} == {1, 4}
    assert len(maps[0]["points"]) == len(maps[0]["labels"]) == len(maps[0]["domains"]) == 8
    assert (folder / "versions.json").exists()
    assert not list(folder.rglob("*.draft"))


@pytest.mark.slow
@pytest.mark.parametrize("stop_after", [1, 3, 13, 24])
def test_resumed_run_equals_uninterrupted_run(tmp_path: Path, stop_after: int) -> None:
    whole = run(config(tmp_path / "whole"))
    with pytest.raises(RunInterruptedError, match="--resume"):
        run(config(tmp_path / "parts"), StopAfter(stop_after))
    saved = json.loads((tmp_path / "parts" / "results.json").read_text())
    assert saved["complete"] is False
    observer = StopAfter(-1)
    parts = run(RunConfig(resume=tmp_path / "parts"), observer)
    assert observer.announced == (34, stop_after)
    assert len(observer.seen) == 34 - stop_after
    assert without_seconds(parts) == without_seconds(whole)
    one, two = (load_file(folder / "prompts.safetensors") for folder in (whole, parts))
    assert one.keys() == two.keys()
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_lines_beyond_the_last_state_are_run_again(tmp_path: Path) -> None:
    """A kill between the metrics line and the state must not leave a line twice."""
    folder = run(config(tmp_path / "run", ("promptfl",)))
    (folder / "state" / "promptfl" / "seed1.safetensors").unlink()
    text = (folder / "metrics.jsonl").read_text()
    (folder / "metrics.jsonl").write_text(text + '{"seed": 1, "meth')
    run(RunConfig(resume=folder))
    rounds = [(m["seed"], m["round"]) for m in lines(folder, "metrics.jsonl")]
    assert rounds == [(s, r) for s in (0, 1) for r in (1, 2, 3, 4)]


def test_private_run_states_its_epsilon(tmp_path: Path) -> None:
    folder = run(replace(config(tmp_path / "run", ("dp-promptfl",)), seeds=1))
    row = json.loads((folder / "results.json").read_text())["methods"]["dp-promptfl"]
    assert 7.9 < row["epsilon"] <= 8.0
    assert row["privacy"]["compositions"] == 4
    assert row["privacy"]["unit"].startswith("client")


def test_full_folder_and_foreign_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "note").write_text("mine")
    with pytest.raises(RunFolderError, match="not empty"):
        run(config(tmp_path))
    with pytest.raises(RunFolderError, match="not a run folder"):
        run(RunConfig(resume=tmp_path))


def test_a_line_cut_short_takes_no_later_line_with_it(tmp_path: Path) -> None:
    folder = RunFolder.create(RunConfig(out=tmp_path / "run"))
    folder.append("metrics.jsonl", [{"round": 1}, {"round": 2}])
    whole = (folder.path / "metrics.jsonl").read_bytes()
    (folder.path / "metrics.jsonl").write_bytes(whole[:-4])
    folder.append("metrics.jsonl", [{"round": 3}])
    assert folder.lines("metrics.jsonl") == [{"round": 1}, {"round": 3}]


@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("local", None),
        ("shared", torch.zeros(())),
        ("shared", torch.zeros(1, T, 5)),
        ("local", torch.zeros(3)),
        ("rounds_done", torch.tensor([1, 2])),
        ("rounds_done", torch.tensor(float("nan"))),
    ],
)
def test_a_state_that_is_none_is_named(
    tmp_path: Path, name: str, tensor: torch.Tensor | None
) -> None:
    folder = run(config(tmp_path / "run", methods=("local-only",)))
    path = folder / "state" / "local-only" / "seed0.safetensors"
    tensors = load_file(path)
    del tensors[name]
    save_file(tensors if tensor is None else {**tensors, name: tensor}, path)
    with pytest.raises(RunFolderError, match=r"seed0\.safetensors is damaged: .*delete it"):
        run(RunConfig(resume=folder))


def test_a_state_of_other_clients_is_named(tmp_path: Path) -> None:
    folder = run(config(tmp_path / "run", methods=("local-only",)))
    path = folder / "state" / "local-only" / "seed0.safetensors"
    tensors = {**load_file(path), "rounds_done": torch.tensor(1)}
    for name in ("shared", "local"):
        tensors[name] = tensors[name][:2].clone()
    save_file({n: t for n, t in tensors.items() if not n.startswith("extra/")}, path)
    with pytest.raises(RunFolderError, match=r"the state of local-only/seed0 is of .* \(2, "):
        run(RunConfig(resume=folder))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["descriptor", WEIGHTS, PROTOTYPES])
@pytest.mark.parametrize("tensor", [None, torch.zeros(9, 1)])
def test_a_state_that_lacks_what_clients_keep_is_named(
    tmp_path: Path, name: str, tensor: torch.Tensor | None
) -> None:
    folder = run(config(tmp_path / "run", methods=("secfpp-plain",)))
    path = folder / "state" / "secfpp-plain" / "seed0.safetensors"
    tensors = {**load_file(path), "rounds_done": torch.tensor(1)}
    del tensors[f"extra/{name}"]
    save_file(tensors if tensor is None else {**tensors, f"extra/{name}": tensor}, path)
    with pytest.raises(RunFolderError, match=rf"secfpp-plain/seed0 has .* for {name}, not \(9, "):
        run(RunConfig(resume=folder))


@pytest.mark.parametrize("line", [{"round": 1}, {"own_mix": "x"}, {"rounds": 10**400}])
def test_a_record_that_is_none_is_named(tmp_path: Path, line: dict[str, object]) -> None:
    folder = run(config(tmp_path / "run", methods=("zero-shot",)))
    first = lines(folder, "metrics.jsonl")[0]
    (folder / "metrics.jsonl").write_text(json.dumps({**first, **line, "more": 1}) + "\n")
    with pytest.raises(RunFolderError, match=r"metrics\.jsonl is damaged: "):
        run(RunConfig(resume=folder))


def test_pictures_and_traffic_without_their_keys_are_no_reason_to_stop(tmp_path: Path) -> None:
    folder = run(config(tmp_path / "run", methods=("zero-shot",)))
    (folder / "traffic.json").write_text('{"zero-shot/seed0": [{}]}')
    (folder / "clusters.json").write_text('{"maps": [{}]}')
    assert run(RunConfig(resume=folder)) == folder


def test_a_run_of_an_earlier_release_is_not_gone_on_with(tmp_path: Path) -> None:
    """It drew other images from the same seed; what it has finished can be read."""
    out = tmp_path / "run"
    with pytest.raises(RunInterruptedError):
        run_experiment(config(out, ("promptfl",)), StopAfter(2), workload=toy_workload())
    settings = json.loads((out / "config.json").read_text())
    del settings["partition"]["score_on"]
    (out / "config.json").write_text(json.dumps(settings))
    with pytest.raises(RunFolderError, match="an earlier release, which drew other images"):
        run_experiment(RunConfig(resume=out), workload=toy_workload())
    results = json.loads((out / "results.json").read_text())
    (out / "results.json").write_text(json.dumps({**results, "complete": True}))
    run_experiment(RunConfig(resume=out), workload=toy_workload())


def test_the_folder_says_how_many_images_each_part_has(tmp_path: Path) -> None:
    out = tmp_path / "run"
    run_experiment(config(out, ("zero-shot",)), workload=toy_workload())
    data = json.loads((out / "data.json").read_text())
    halves = {f"domain{g}": 45 for g in range(3)}
    assert data["development_images"] == data["reporting_images"] == halves


def test_scores_on_validation_images_are_others_and_are_named(tmp_path: Path) -> None:
    results = {}
    for score_on in ("reporting", "validation"):
        plain = config(tmp_path / score_on, ("promptfl",))
        partition = replace(plain.partition, score_on=score_on, test_images_per_domain=6)
        summary = run_experiment(replace(plain, partition=partition), workload=toy_workload())
        (results[score_on],) = summary.results
        assert results[score_on].score_on == score_on
        saved = json.loads((tmp_path / score_on / "results.json").read_text())
        assert saved["methods"]["promptfl"]["score_on"] == score_on
    assert results["reporting"].own_mix.per_seed != results["validation"].own_mix.per_seed
    prompts = [load_file(tmp_path / name / "prompts.safetensors") for name in results]
    for name, tensor in prompts[0].items():
        assert torch.equal(tensor, prompts[1][name]), "clients train on the same images"
