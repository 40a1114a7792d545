"""What clients add to their prompts: weights as documented, from a client's own images alone."""

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from secfpp.config.personal import PersonalConfig
from secfpp.errors import ConfigError
from secfpp.federation.round import Federation, batch_of, begin, run_round
from secfpp.learning.evidence import attend, class_sums, log_prior, resemble
from secfpp.learning.losses import Shards
from secfpp.learning.prompts import PromptState
from secfpp.methods.interface import ClientBatch
from secfpp.methods.registry import METHODS, MethodName
from secfpp.methods.shared.personal import OWN_SUMS, WEIGHTS, Personalised, make_trainer
from secfpp.methods.shared.plans import no_steps
from secfpp.methods.shared.prototypes import PROTOTYPES
from secfpp.methods.shared.trainers import TwoPhase
from secfpp.seeds import Seeds
from tests.federation.toy import C, E, T, W, toy_cohort
from tests.methods.personal import (
    ALONE,
    federation,
    resumed_equals_uninterrupted,
    toy_config,
    with_regions,
)

ALL = PersonalConfig()
FIXED = replace(ALL, choose=False)
DEFAULTS = torch.tensor([1.0, 1.0, 15.0, 20.0, 0.5])
"""Weights without a choice: the prompt as trained, and the mean of each list of settings."""
EVERYONE = np.arange(9, dtype=np.int64)


def made(name: MethodName, personal: PersonalConfig = ALL) -> Federation:
    made = federation(METHODS[name], toy_config(personal))
    return with_regions(made) if made.trainer.needs_patches else made


def after(fed: Federation, rounds: int = 2) -> PromptState:
    state = begin(fed, torch.zeros(T, W))
    for _ in range(rounds):
        state = run_round(fed, state, EVERYONE).state
    return state


def weigher(personal: PersonalConfig = ALL) -> Personalised:
    """A trainer that takes no steps of its own, and only weighs."""
    trainer = made("secfpp-plain", personal).trainer
    assert isinstance(trainer, Personalised)
    return replace(trainer, base=TwoPhase(plan=no_steps(toy_config().training)))


def a_batch(clients_n: np.ndarray = EVERYONE) -> ClientBatch:
    return batch_of(made("secfpp-plain"), clients_n.astype(np.int64), 1)


def a_state(seed: int = 0, spread: float = 0.7) -> PromptState:
    """Prompts away from their public start, with prototypes that are not a client's own."""
    generator = torch.Generator().manual_seed(seed)
    shared_NTW, local_NTW = spread * torch.randn(2, 9, T, W, generator=generator)
    own = class_sums(a_batch().shards, C).flatten(1)
    extra = {OWN_SUMS: own, PROTOTYPES: own.roll(1, dims=0)}
    start = PromptState.start(0.1 * torch.ones(T, W), 9)
    return start.replace(shared_NTW=shared_NTW, local_NTW=local_NTW, extra=extra)


def weights_of(trainer: Personalised, batch: ClientBatch, state: PromptState) -> torch.Tensor:
    return trainer.local(batch, state)[0].extra[WEIGHTS]


def parts_of(batch: ClientBatch, state: PromptState, images: Shards) -> tuple[torch.Tensor, ...]:
    """Votes of memory, prototypes and label mix, without the trainer."""
    features, sums = images.features_NBE, state.extra[PROTOTYPES].reshape(-1, C, E)
    return (
        attend(features, batch.shards, C, ALL.memory_sharpness),
        resemble(features, sums),
        log_prior(batch.shards, C),
    )


def text_logits(
    batch: ClientBatch, state: PromptState, images: Shards, g: float, el: float
) -> torch.Tensor:
    """Logits under the public start + g (P_G - start) + l P_L."""
    start = state.initial_TW
    text = batch.tower(start + g * (state.shared_NTW - start) + el * state.local_NTW)
    return batch.logit_scale * images.features_NBE @ text.transpose(1, 2)


def mean_by_hand(batch: ClientBatch, state: PromptState, client: int) -> torch.Tensor:
    """Average all candidates, each weighed by its likelihood, in float64 and one at a time."""
    images = batch.validation
    logits = {pair: text_logits(batch, state, images, *pair) for pair in ((1, 1), (1, 0), (0, 0))}
    parts = parts_of(batch, state, images)
    others = product(ALL.memory_weights, ALL.prototype_weights, ALL.prior_weights)
    candidates, likelihood = [], []
    for (pair, prompt), weights in product(logits.items(), list(others)):
        scores = prompt + sum(w * part for w, part in zip(weights, parts, strict=True))
        chance = scores[client].double().softmax(dim=1)
        places = range(int(images.mask_NB[client].sum()))
        labels = images.labels_NB[client].tolist()
        likelihood.append(np.prod([float(chance[v, labels[v]]) for v in places]))
        candidates.append((*pair, *weights))
    return torch.tensor(np.average(candidates, axis=0, weights=likelihood))


def test_without_a_choice_weights_are_as_documented() -> None:
    fed = made("secfpp-plain", FIXED)
    for state in (begin(fed, torch.zeros(T, W)), after(fed)):
        torch.testing.assert_close(state.extra[WEIGHTS], DEFAULTS.repeat(9, 1))


@pytest.mark.parametrize(
    ("personal", "column"),
    [
        (PersonalConfig(memory=False), 2),
        (PersonalConfig(prototypes=False), 3),
        (PersonalConfig(prior=False), 4),
    ],
    ids=["memory", "prototypes", "prior"],
)
@pytest.mark.parametrize("choose", [True, False])
def test_a_part_that_is_off_weighs_nothing(
    personal: PersonalConfig, column: int, choose: bool
) -> None:
    weights = after(made("secfpp-plain", replace(personal, choose=choose)), 1).extra[WEIGHTS]
    assert (weights[:, column] == 0).all()
    rest = [c for c in (2, 3, 4) if c != column]
    assert (weights[:, rest] > 0).all()


def test_clients_classify_by_the_sum_of_all_parts() -> None:
    trainer, batch, state = weigher(), a_batch(), a_state()
    images = toy_cohort().test_of(toy_cohort().domain_N)
    weights = torch.rand(9, 5, generator=torch.Generator().manual_seed(4)) + 0.1
    found = trainer.logits(batch, state.replace(extra={WEIGHTS: weights}), images)
    parts = parts_of(batch, state, images)
    for i in range(9):
        g, el, *rest = weights[i].tolist()
        expected = text_logits(batch, state, images, g, el)[i]
        expected = expected + sum(
            w * part.expand(9, found.shape[1], C)[i] for w, part in zip(rest, parts, strict=True)
        )
        torch.testing.assert_close(found[i], expected, atol=1e-4, rtol=1e-4)


def test_weights_are_the_average_by_likelihood() -> None:
    batch, state = a_batch(), a_state()
    weights = weights_of(weigher(), batch, state)
    assert float(weights.std(dim=0).min()) > 0.001, "clients differ"
    for client in range(9):
        expected = mean_by_hand(batch, state, client)
        torch.testing.assert_close(weights[client].double(), expected, atol=1e-3, rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(
    "best",
    [
        (1.0, 1.0, 0.0, 0.0, 1.0),
        (1.0, 0.0, 10.0, 0.0, 0.5),
        (0.0, 0.0, 5.0, 0.0, 0.5),
        (1.0, 1.0, 0.0, 20.0, 0.0),
        (1.0, 1.0, 20.0, 0.0, 0.0),
    ],
)
def test_many_images_choose_the_candidate_that_explains_them(best: tuple[float, ...]) -> None:
    """Labels are drawn as one candidate says; images are near remembered ones."""
    batch, state = replace(a_batch(), logit_scale=3.0), a_state(spread=2.0)
    generator = torch.Generator().manual_seed(8)
    near = batch.shards.features_NBE.repeat(1, 1500, 1)
    near = functional.normalize(near + 0.3 * torch.randn(near.shape, generator=generator), dim=-1)
    mask = torch.ones(near.shape[:2], dtype=torch.bool)
    images = Shards(features_NBE=near, labels_NB=mask.long(), mask_NB=mask)
    scores = text_logits(batch, state, images, *best[:2])
    for weight, part in zip(best[2:], parts_of(batch, state, images), strict=True):
        scores = scores + weight * part
    chance = scores.softmax(dim=2).flatten(0, 1)
    labels = torch.multinomial(chance, 1, generator=generator).reshape(mask.shape)
    many = replace(batch, validation=replace(images, labels_NB=labels))
    weights = weights_of(weigher(), many, state)
    torch.testing.assert_close(weights, torch.tensor(best).repeat(9, 1), atol=0.1, rtol=0)


def test_a_row_depends_on_its_client_alone() -> None:
    trainer, batch, state = weigher(), a_batch(), a_state()
    together = weights_of(trainer, batch, state)
    for i in range(9):
        rows = torch.tensor([i])
        alone = weights_of(trainer, a_batch(rows.numpy()), state.rows(rows))
        torch.testing.assert_close(alone[0], together[i], atol=1e-3, rtol=1e-4)
    held = batch.validation
    other = replace(held, labels_NB=torch.cat([held.labels_NB[:1], (held.labels_NB[1:] + 1) % C]))
    changed = weights_of(trainer, replace(batch, validation=other), state)
    assert torch.equal(changed[0], together[0])
    assert not torch.allclose(changed[1:], together[1:], atol=1e-3)


def test_padding_of_validation_images_is_not_seen() -> None:
    batch, state = a_batch(), a_state()
    held = batch.validation
    mask = held.mask_NB.clone()
    mask[0, 1:] = False
    some = replace(batch, validation=replace(held, mask_NB=mask))
    first = Shards(
        features_NBE=held.features_NBE[:, :1], labels_NB=held.labels_NB[:, :1], mask_NB=mask[:, :1]
    )
    weights, expected = (
        weights_of(weigher(), one, state)[0] for one in (some, replace(batch, validation=first))
    )
    torch.testing.assert_close(weights, expected)


def test_who_holds_no_image_out_has_the_defaults() -> None:
    batch, state = a_batch(), a_state()
    mask = batch.validation.mask_NB.clone()
    mask[2] = False
    some = replace(batch, validation=replace(batch.validation, mask_NB=mask))
    weights, whole = (weights_of(weigher(), one, state) for one in (some, batch))
    torch.testing.assert_close(weights[2], DEFAULTS)
    others = [i for i in range(9) if i != 2]
    torch.testing.assert_close(weights[others], whole[others])
    assert not torch.allclose(whole[2], DEFAULTS, atol=1e-2)
    held = batch.validation
    empty = Shards(
        features_NBE=held.features_NBE[:, :0], labels_NB=held.labels_NB[:, :0], mask_NB=mask[:, :0]
    )
    none = weights_of(weigher(), replace(batch, validation=empty), state)
    torch.testing.assert_close(none, DEFAULTS.repeat(9, 1))


@pytest.mark.parametrize("name", METHODS)
def test_no_weight_is_sent_and_sums_only_where_they_are_averaged(name: MethodName) -> None:
    fed, bare = made(name), made(name, ALONE)
    state = begin(fed, torch.zeros(T, W))
    sent = fed.trainer.sent(state)
    method_sends = bare.trainer.sent(begin(bare, torch.zeros(T, W)))
    averaged = METHODS[name].is_personal and METHODS[name].prototypes != "none"
    assert sent.keys() == {*method_sends, *([PROTOTYPES] if averaged else [])}
    for value in sent.values():
        assert value.shape != (9, 5), "no table of weights"
    if averaged:
        own = class_sums(fed.cohort.train, C).flatten(1)
        torch.testing.assert_close(torch.from_numpy(sent[PROTOTYPES]), own.double())


@pytest.mark.parametrize("name", ["zero-shot", "pfedprompt", "dp-fpl"])
def test_some_methods_are_left_as_they_are(name: MethodName) -> None:
    method = METHODS[name]
    settings = toy_config(ALL).settings_of(method)
    trainer = make_trainer(method, settings, Seeds(0))
    assert not isinstance(trainer, Personalised)
    assert type(trainer) is type(method.trainer(settings, Seeds(0)))
    assert not method.is_personal


@pytest.mark.parametrize("name", ["ifca", "fedotp"])
def test_a_prompt_that_cannot_be_weighed_counts_as_trained(name: MethodName) -> None:
    trainer = make_trainer(METHODS[name], toy_config(ALL).settings_of(METHODS[name]), Seeds(0))
    assert isinstance(trainer, Personalised)
    assert not trainer.weighs_prompt
    idle = TwoPhase(plan=no_steps(toy_config().training), weighs_prompt=False)
    fixed = replace(weigher(), base=idle)
    batch, state = a_batch(), a_state()
    weights = weights_of(fixed, batch, state)
    assert (weights[:, :2] == 1).all()
    assert float(weights[:, 2:].std(dim=0).min()) > 0.001, "the evidence is weighed"
    assert (weights_of(weigher(), batch, state)[:, :2] < 1).any()


@pytest.mark.parametrize("name", METHODS)
def test_with_all_switches_off_a_method_is_bare(name: MethodName) -> None:
    settings = toy_config(ALONE).settings_of(METHODS[name])
    made_trainer = make_trainer(METHODS[name], settings, Seeds(0))
    assert type(made_trainer) is type(METHODS[name].trainer(settings, Seeds(0)))


@pytest.mark.parametrize("name", ["secfpp-plain", "promptfl", "local-only"])
def test_adding_parts_does_not_change_the_prompts(name: MethodName) -> None:
    """Weights are made after the steps, which do not see them. Prototypes are further columns."""
    bare, whole = after(made(name, ALONE), 1), after(made(name), 1)
    near = 1e-6 if name == "secfpp-plain" else 0.0  # sums of more columns are rounded otherwise
    torch.testing.assert_close(whole.shared_NTW, bare.shared_NTW, atol=near, rtol=0)
    torch.testing.assert_close(whole.local_NTW, bare.local_NTW, atol=near, rtol=0)
    assert WEIGHTS not in bare.extra
    assert PROTOTYPES not in bare.extra


def test_the_prompt_as_trained_alone_classifies_bit_for_bit_as_the_method() -> None:
    trainer, state = weigher(), a_state()
    assert isinstance(trainer.base, TwoPhase)
    batch, images = a_batch(), toy_cohort().test_of(toy_cohort().domain_N)
    alone = state.replace(extra={WEIGHTS: torch.tensor([1.0, 1, 0, 0, 0]).repeat(9, 1)})
    assert torch.equal(
        trainer.logits(batch, alone, images), trainer.base.logits(batch, state, images)
    )


def test_validation_images_are_in_no_memory_and_no_prototype() -> None:
    """With other validation images, a client with fixed weights classifies as before."""
    fed = made("secfpp-plain", FIXED)
    held = fed.cohort.validation
    others = replace(held, features_NBE=held.features_NBE.flip(0), labels_NB=held.labels_NB.flip(0))
    other = replace(fed, cohort=replace(fed.cohort, validation=others))
    one, two = after(fed, 1), after(other, 1)
    assert one.extra.keys() == two.extra.keys()
    assert all(torch.equal(one.extra[key], two.extra[key]) for key in one.extra)
    images = fed.cohort.test_of(fed.cohort.domain_N)
    logits = [f.trainer.logits(batch_of(f, EVERYONE, 1), one, images) for f in (fed, other)]
    assert torch.equal(*logits)
    choosing = [after(replace(f, trainer=made("secfpp-plain").trainer), 1) for f in (fed, other)]
    assert not torch.equal(*(state.extra[WEIGHTS] for state in choosing)), "it does choose by them"


def test_validation_and_training_images_do_not_meet() -> None:
    cohort = toy_cohort()
    for i in range(9):
        train = cohort.train.features_NBE[i][cohort.train.mask_NB[i]]
        held = cohort.validation.features_NBE[i][cohort.validation.mask_NB[i]]
        assert len(held) > 0
        assert float(torch.cdist(train, held).min()) > 1e-3


def test_parts_help_where_there_are_few_steps() -> None:
    fed = made("local-only")
    scores = [
        run_round(f, begin(f, torch.zeros(T, W)), EVERYONE).scores.uniform
        for f in (fed, made("local-only", ALONE))
    ]
    assert scores[0] > scores[1]


@pytest.mark.parametrize("name", ["secfpp", "ifca", "promptfl"])
def test_resumed_run_equals_uninterrupted_run(name: MethodName, tmp_path: Path) -> None:
    resumed_equals_uninterrupted(name, tmp_path)


@pytest.mark.parametrize("weights", [(), (-1.0,), (float("nan"),), (1e30,)])
def test_weights_out_of_range_are_refused(weights: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match="personal.memory_weights"):
        PersonalConfig(memory_weights=weights)
    with pytest.raises(ConfigError, match="personal.prior_weights"):
        PersonalConfig(prior_weights=weights)
    with pytest.raises(ConfigError, match="personal.prototype_weights"):
        PersonalConfig(prototype_weights=weights)
    with pytest.raises(ConfigError, match="memory_sharpness"):
        PersonalConfig(memory_sharpness=-1.0)
