"""Clients that train or are scored some at a time end where all at once end."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from secfpp.config.personal import PersonalConfig
from secfpp.experiment.config import RunConfig
from secfpp.federation.portions import portions, reading_in_portions
from secfpp.federation.round import RoundResult, begin, run_round
from secfpp.methods.registry import METHODS, MethodName
from secfpp.methods.shared.personal import WEIGHTS
from secfpp.privacy.per_image import image_gradients
from tests.federation.toy import SCALE, E, T, ToyTower, W
from tests.methods.personal import ALONE, federation, toy_config, with_regions

WITHOUT_NOISE = [name for name, method in METHODS.items() if method.statement is None]


class CountingTower(ToyTower):
    """A tower that keeps the largest number of prompts it was given, with gradients or at all."""

    def __init__(self, *, always: bool = False) -> None:
        super().__init__()
        self.always = always
        self.most = 0

    def __call__(self, context_BTW: torch.Tensor) -> torch.Tensor:
        if self.always or torch.is_grad_enabled():
            self.most = max(self.most, len(context_BTW))
        return super().__call__(context_BTW)


def two_rounds(
    name: MethodName, at_once: int | None, personal: PersonalConfig = ALONE
) -> tuple[RoundResult, int]:
    config = toy_config(personal)
    training = replace(config.training, clients_at_once=at_once)
    fed = with_regions(federation(METHODS[name], replace(config, training=training)))
    tower = CountingTower()
    fed = replace(fed, tower=tower, clients_at_once=at_once, rounds=2)
    state = begin(fed, torch.zeros(T, W))
    everyone = np.arange(fed.cohort.num_clients, dtype=np.int64)
    for clients_n in (everyone, everyone[1:]):
        result = run_round(fed, state, clients_n)
        state = result.state
    return result, tower.most


@pytest.mark.slow
@pytest.mark.parametrize("name", WITHOUT_NOISE)
@pytest.mark.parametrize("at_once", [1, 4, 100])
def test_portions_equal_all_at_once(name: MethodName, at_once: int) -> None:
    whole, most_whole = two_rounds(name, None)
    parts, most_parts = two_rounds(name, at_once)
    assert torch.allclose(parts.state.shared_NTW, whole.state.shared_NTW, atol=2e-5)
    assert torch.allclose(parts.state.local_NTW, whole.state.local_NTW, atol=2e-5)
    assert parts.train_loss == pytest.approx(whole.train_loss, abs=1e-4)
    assert parts.scores.own_mix == pytest.approx(whole.scores.own_mix, abs=0.01)
    assert parts.scores.other_domains == pytest.approx(whole.scores.other_domains, abs=0.01)
    np.testing.assert_allclose(parts.descriptor_nD, whole.descriptor_nD, atol=1e-4)
    if at_once < 9 and most_whole:
        assert most_parts <= most_whole * at_once / 9 + 1e-9, "a portion needs less memory"


@pytest.mark.slow
@pytest.mark.parametrize("name", WITHOUT_NOISE)
@pytest.mark.parametrize("at_once", [1, 4])
def test_clients_in_portions_weigh_as_all_at_once(name: MethodName, at_once: int) -> None:
    whole, _ = two_rounds(name, None, PersonalConfig())
    parts, _ = two_rounds(name, at_once, PersonalConfig())
    assert parts.state.extra.keys() == whole.state.extra.keys()
    assert (WEIGHTS in whole.state.extra) == (name not in ("zero-shot", "pfedprompt"))
    for key, expected in whole.state.extra.items():
        torch.testing.assert_close(parts.state.extra[key], expected, atol=2e-3, rtol=1e-3)
    assert parts.scores.uniform == pytest.approx(whole.scores.uniform, abs=0.01)


@pytest.mark.parametrize("name", ["secfpp-plain", "tip-adapter"])
def test_the_first_weights_are_made_in_portions_too(name: MethodName) -> None:
    fed = federation(METHODS[name], toy_config(PersonalConfig()))
    tower = CountingTower(always=True)
    state = begin(replace(fed, tower=tower, clients_at_once=4), torch.zeros(T, W))
    assert tower.most == 4
    whole = begin(fed, torch.zeros(T, W))
    torch.testing.assert_close(state.extra[WEIGHTS], whole.extra[WEIGHTS])


def test_gradients_of_images_in_portions_are_the_same() -> None:
    generator = torch.Generator().manual_seed(1)
    prompt_STW = torch.randn(7, T, W, generator=generator)
    features_SE = F.normalize(torch.randn(7, E, generator=generator), dim=-1)
    labels_S = torch.arange(7) % 3
    tower = CountingTower()
    whole, parts = (
        image_gradients(tower, prompt_STW, features_SE, labels_S, SCALE, at_once=at_once)
        for at_once in (None, 3)
    )
    assert torch.allclose(parts[0], whole[0], atol=1e-6)
    assert torch.allclose(parts[1], whole[1], atol=1e-6)
    tower.most = 0
    image_gradients(tower, prompt_STW, features_SE, labels_S, SCALE, at_once=3)
    assert tower.most == 3


def test_dp_fpl_gets_the_setting_and_all_its_clients() -> None:
    config = RunConfig()
    training = replace(config.training, clients_at_once=3)
    fed = federation(METHODS["dp-fpl"], replace(config, training=training))
    assert fed.trainer.is_joint
    assert getattr(fed.trainer, "images_at_once", None) == 3


def test_portions_have_every_client_once() -> None:
    clients_n = np.array([1, 3, 4, 8, 9], dtype=np.int64)
    assert [part.tolist() for part in portions(clients_n, 2)] == [[1, 3], [4, 8], [9]]
    assert [part.tolist() for part in portions(clients_n, None)] == [clients_n.tolist()]
    assert list(portions(clients_n[:0], None)) == []


def test_reading_in_portions_is_reading() -> None:
    context = torch.randn(5, T, W, generator=torch.Generator().manual_seed(4))
    tower = ToyTower()
    assert torch.allclose(reading_in_portions(tower, 2)(context), tower(context), atol=1e-6)
    assert reading_in_portions(tower, None) is tower
