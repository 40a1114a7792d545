"""FedOTP on the toy federation, with regions that are noisy copies of the image's own feature."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from secfpp.data.partition import partition
from secfpp.errors import ConfigError, DataError, RunInterruptedError
from secfpp.experiment.config import RunConfig
from secfpp.experiment.experiment import run_experiment
from secfpp.federation.cohort import Cohort, build_cohort
from secfpp.federation.round import Federation, batch_of, begin, run_round
from secfpp.federation.workload import Workload
from secfpp.learning.losses import prompt_loss
from secfpp.learning.prompts import PromptState
from secfpp.methods import fedotp
from secfpp.methods.fedotp import METHOD, FedOtpSettings, transport_logits
from secfpp.methods.registry import MethodName
from secfpp.methods.shared.one_prompt import LossName
from secfpp.methods.shared.optimal_transport import partial_plan
from secfpp.methods.shared.plans import loss_terms
from secfpp.seeds import Seeds
from tests.experiment.test_experiment import StopAfter, plain_opener, without_seconds
from tests.federation.toy import SCALE, TOY_PARTITION, C, E, T, W, toy_domains, toy_workload
from tests.methods import personal

R, P = 4, 2
CONFIG = personal.toy_config()


def toy_patches() -> tuple[np.ndarray, ...]:
    """The first region is the image's own feature; the last has nothing to do with it."""
    rng = np.random.default_rng(21)
    found = []
    for rows in toy_domains()[1]:
        noise = rng.normal(size=(len(rows), R, E)) * np.array([0.0, 0.2, 0.4, 0.0])[:, None]
        regions = rows[:, None] + noise
        regions[:, -1] = rng.normal(size=(len(rows), E))
        found.append((regions / np.linalg.norm(regions, axis=2, keepdims=True)).astype(np.float32))
    return tuple(found)


def cohort_with_patches() -> Cohort:
    domain_set, features = toy_domains()
    shards = partition(domain_set, TOY_PARTITION, np.random.default_rng(0))
    return build_cohort(domain_set, features, shards, patches=toy_patches())


def federation(config: RunConfig = CONFIG) -> Federation:
    return replace(personal.federation(METHOD, config), cohort=cohort_with_patches())


def everyone(federated: Federation) -> np.ndarray:
    return np.arange(federated.cohort.num_clients, dtype=np.int64)


def rounds(federated: Federation, count: int) -> tuple[PromptState, list[float]]:
    state, losses = begin(federated, torch.zeros(T, W)), []
    for _ in range(count):
        result = run_round(federated, state, everyone(federated))
        state = result.state
        losses.append(result.train_loss)
    return state, losses


def random_problem() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(4)
    patches = functional.normalize(torch.randn(2, 3, R, E, generator=generator), dim=-1)
    text = functional.normalize(torch.randn(2, P, C, E, generator=generator), dim=-1)
    return patches, text


def test_the_logit_is_the_transported_similarity() -> None:
    patches_nBRE, text_nPCE = random_problem()
    logits_nBC = transport_logits(patches_nBRE, text_nPCE, logit_scale=SCALE, eps=0.1, mass=0.6)
    assert logits_nBC.shape == (2, 3, C)
    for n, b, c in np.ndindex(2, 3, C):
        cosine_RP = patches_nBRE[n, b] @ text_nPCE[n, :, c].T
        plan_RPX = partial_plan(
            1 - cosine_RP[..., None], torch.full((R,), 1 / R), torch.full((P,), 0.3), eps=0.1
        )
        expected = SCALE * (plan_RPX[..., 0] * cosine_RP).sum()
        torch.testing.assert_close(logits_nBC[n, b, c], expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("mass", [0.5, 1.0])
def test_equal_regions_and_prompts_give_clip_s_logits_times_the_mass(mass: float) -> None:
    patches_nBRE, text_nPCE = random_problem()
    patches_nBRE = patches_nBRE[:, :, :1].expand(-1, -1, R, -1)
    text_nPCE = text_nPCE[:, :1].expand(-1, P, -1, -1)
    logits_nBC = transport_logits(patches_nBRE, text_nPCE, logit_scale=SCALE, eps=0.1, mass=mass)
    clip_s = SCALE * patches_nBRE[:, :, 0] @ text_nPCE[:, 0].transpose(1, 2)
    torch.testing.assert_close(logits_nBC, mass * clip_s, atol=1e-4, rtol=1e-4)


def test_no_gradient_flows_through_the_plan() -> None:
    """The gradient of a logit is scale x plan x region; finite differences see the plan move."""
    patches_nBRE, text_nPCE = random_problem()
    text = text_nPCE[:1, :, :1].clone().requires_grad_(True)
    patches = patches_nBRE[:1, :1]

    def logit(text_nPCE: torch.Tensor) -> torch.Tensor:
        return transport_logits(patches, text_nPCE, logit_scale=SCALE, eps=0.05, mass=0.6).sum()

    (gradient,) = torch.autograd.grad(logit(text), [text])
    cosine_RPX = (patches[0, 0] @ text.detach()[0, :, 0].T)[..., None]
    plan_RPX = partial_plan(
        1 - cosine_RPX, torch.full((R,), 1 / R), torch.full((P,), 0.3), eps=0.05
    )
    expected = SCALE * plan_RPX[..., 0].T @ patches[0, 0]
    torch.testing.assert_close(gradient[0, :, 0], expected)
    step = torch.zeros_like(text)
    step[0, 0, 0, 0] = 0.01
    with torch.no_grad():
        slope = (logit(text + step) - logit(text - step)) / 0.02
    assert abs(float(slope - gradient[0, 0, 0, 0])) > 0.01


@pytest.mark.parametrize("loss", ["plain", "balanced", "aligned"])
def test_with_equal_regions_and_prompts_the_loss_is_that_of_one_prompt(loss: LossName) -> None:
    training = replace(CONFIG.training, local_steps=1, shared_steps=0)
    own = FedOtpSettings(fedotp_mass=1.0, fedotp_loss=loss)
    federated = federation(personal.with_own(METHOD, own, replace(CONFIG, training=training)))
    features_NBE = federated.cohort.train.features_NBE
    train = replace(
        federated.cohort.train, patches_NBRE=features_NBE[:, :, None].expand(-1, -1, R, -1)
    )
    federated = replace(federated, cohort=replace(federated.cohort, train=train))
    batch = batch_of(federated, everyone(federated), 0)
    state = PromptState.start(0.1 * torch.ones(T, W), 9)
    _, loss_N = federated.trainer.shared(batch, state)
    expected_N = prompt_loss(
        batch.tower(state.shared_NTW), train, SCALE, loss_terms(loss, training)
    )
    torch.testing.assert_close(loss_N, expected_N, atol=1e-4, rtol=1e-3)


def test_prompts_start_apart_and_at_the_same_places_for_all() -> None:
    federated = federation()
    state = begin(federated, torch.ones(T, W))
    assert torch.equal(state.shared_NTW, torch.ones(9, T, W))
    assert torch.equal(state.local_NTW, state.local_NTW[:1].expand(9, -1, -1))
    assert 0 < float(state.local_NTW.abs().max()) < 5 * fedotp.START_SCALE
    other = replace(federated, trainer=METHOD.trainer(CONFIG.settings_of(METHOD), Seeds(1)))
    assert not torch.equal(begin(other, torch.ones(T, W)).local_NTW, state.local_NTW)


def test_the_global_prompt_is_common_and_local_ones_stay_apart() -> None:
    state, losses = rounds(federation(), 2)
    assert torch.equal(state.shared_NTW, state.shared_NTW[:1].expand(9, -1, -1))
    assert float(state.shared_NTW[0].abs().max()) > 0.01
    for i in range(1, 9):
        assert not torch.equal(state.local_NTW[i], state.local_NTW[0])
    assert losses[1] < losses[0]


def test_the_server_weighs_global_prompts_by_images() -> None:
    """Client 0 has all of its ten images, the others two each."""
    federated = federation()
    mask_NB = federated.cohort.train.mask_NB.clone()
    mask_NB[1:, 2:] = False
    cohort = replace(federated.cohort, train=replace(federated.cohort.train, mask_NB=mask_NB))
    federated = replace(federated, cohort=cohort)
    state = begin(federated, torch.zeros(T, W))
    trained, _ = federated.trainer.shared(batch_of(federated, everyone(federated), 0), state)
    after = run_round(federated, state, everyone(federated)).state
    weight_N = torch.tensor([10.0] + [2.0] * 8) / 26
    expected = (weight_N[:, None, None] * trained.shared_NTW).sum(dim=0)
    torch.testing.assert_close(after.shared_NTW[0], expected, atol=1e-6, rtol=1e-5)
    assert torch.equal(after.local_NTW, trained.local_NTW)


def test_a_client_trains_alike_whoever_is_at_work_beside_it() -> None:
    federated = federation()
    state = begin(federated, torch.zeros(T, W))
    whole, loss_n = federated.trainer.shared(batch_of(federated, everyone(federated), 0), state)
    some = np.array([2, 7])
    part, some_loss_n = federated.trainer.shared(
        batch_of(federated, some, 0), state.rows(torch.from_numpy(some))
    )
    torch.testing.assert_close(part.local_NTW, whole.local_NTW[some], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(part.shared_NTW, whole.shared_NTW[some], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(some_loss_n, loss_n[some], atol=1e-5, rtol=1e-4)


def test_classifying_in_portions_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    federated = federation()
    state, _ = rounds(federated, 1)
    images = federated.cohort.test_of(federated.cohort.domain_N)
    batch = batch_of(federated, everyone(federated), 1)
    whole = federated.trainer.logits(batch, state, images)
    assert whole.shape == (9, 30, C)
    monkeypatch.setattr(fedotp, "CELLS_AT_ONCE", 7 * 9 * R * P * C)
    torch.testing.assert_close(federated.trainer.logits(batch, state, images), whole)


def test_a_cohort_without_regions_is_refused() -> None:
    federated = personal.federation(METHOD, CONFIG)
    with pytest.raises(ConfigError, match="with patches"):
        run_round(federated, begin(federated, torch.zeros(T, W)), everyone(federated))


def test_patches_stand_beside_the_features_of_their_images() -> None:
    cohort = cohort_with_patches()
    train, test = cohort.train, cohort.test_of(np.array([2, 0]))
    for images, shape in ((train, (9, 10, R, E)), (test, (2, 30, R, E))):
        assert images.patches_NBRE is not None
        assert images.patches_NBRE.shape == shape
        torch.testing.assert_close(images.patches_NBRE[:, :, 0], images.features_NBE)
    assert cohort.without_patches().train.patches_NBRE is None
    assert cohort.without_patches().test_of(np.array([2, 0])).patches_NBRE is None
    domain_set, features = toy_domains()
    shards = partition(domain_set, TOY_PARTITION, np.random.default_rng(0))
    with pytest.raises(DataError, match="feature rows"):
        build_cohort(domain_set, features, shards, patches=[p[1:] for p in toy_patches()])


class CountedWorkload:
    """A toy workload that counts how often regions are computed."""

    def __init__(self) -> None:
        self.computed = 0
        self.workload: Workload = replace(toy_workload(), encode_regions=self._encode)

    def _encode(self) -> tuple[np.ndarray, ...]:
        self.computed += 1
        return toy_patches()


def settings(out: Path, *methods: MethodName, seeds: int = 1) -> RunConfig:
    return replace(CONFIG, methods=methods, seeds=seeds, participation=0.8, out=out)


@pytest.mark.slow
def test_regions_are_computed_once_and_only_for_methods_that_need_them(tmp_path: Path) -> None:
    without, with_fedotp = CountedWorkload(), CountedWorkload()
    folder = run_experiment(
        settings(tmp_path / "without", "promptfl"), workload=without.workload
    ).folder
    assert without.computed == 0
    methods: tuple[MethodName, ...] = ("promptfl", "fedotp")
    both = settings(tmp_path / "with", *methods, seeds=2)
    beside = run_experiment(both, workload=with_fedotp.workload).folder
    assert with_fedotp.computed == 1
    alone = without_seconds(folder)
    assert without_seconds(beside)[: len(alone)] == alone
    results = json.loads((beside / "results.json").read_text())["methods"]
    assert results["fedotp"]["bytes_client_max"] == 4 * 4 * (2 * T * W + 1)
    with pytest.raises(ConfigError, match="encode_regions"):
        run_experiment(settings(tmp_path / "none", "fedotp"), workload=toy_workload())


@pytest.mark.slow
def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    workload = CountedWorkload().workload
    whole = run_experiment(settings(tmp_path / "whole", "fedotp"), workload=workload)
    with pytest.raises(RunInterruptedError):
        run_experiment(
            settings(tmp_path / "parts", "fedotp"),
            StopAfter(2),
            workload=workload,
            opener=plain_opener,
        )
    parts = run_experiment(RunConfig(resume=tmp_path / "parts"), workload=workload)
    assert without_seconds(parts.folder) == without_seconds(whole.folder)


@pytest.mark.parametrize(
    ("name", "value"), [("lr", 0.0), ("eps", 0.0), ("mass", 0.0), ("mass", 1.1)]
)
def test_settings_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"fedotp_{name}"):
        replace(FedOtpSettings(), **{f"fedotp_{name}": value})  # type: ignore[arg-type]
