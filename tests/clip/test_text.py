import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from secfpp.clip.model import FrozenClip
from secfpp.clip.shared_prefix import can_share_prefix
from secfpp.clip.text import PromptedText
from secfpp.errors import ModelError
from tests.clip.texts import text_features

# float32 through three layers, unit-norm results
TOLERANCE = 2e-6
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def difference(clip: FrozenClip, class_names: tuple[str, ...], phrase: str) -> float:
    """Largest difference between a prompt made of a phrase and open_clip on that very text."""
    text = PromptedText(clip, class_names, len(clip.tokenizer.encode(phrase)))
    prompted_CE = text(text.initial_context(phrase)[None])[0]
    written = text_features(clip, tuple(f"{phrase} {name}" for name in class_names))
    return float((prompted_CE - written).abs().max())


@pytest.mark.parametrize("phrase", ["the", "a photo of the digit", "the noisy white on black"])
def test_embedded_model_equals_encode_text(embedded: FrozenClip, phrase: str) -> None:
    assert difference(embedded, DIGITS, phrase) < TOLERANCE


@pytest.mark.parametrize("phrase", ["a", "a photo of a very old"])
def test_other_architectures_equal_encode_text(other_clip: FrozenClip, phrase: str) -> None:
    names = ("cat", "golden retriever", "Yorkshire terrier puppies", "ox")
    assert difference(other_clip, names, phrase) < TOLERANCE
    assert difference(other_clip, names[:1], phrase) < TOLERANCE


@settings(max_examples=15, deadline=None)
@given(
    num_prompts=st.integers(1, 4),
    num_context=st.integers(1, 12),
    names=st.lists(
        st.sampled_from(["six", "nine", "upside down", "white on black", "qqq"]),
        min_size=1,
        max_size=4,
    ),
    seed=st.integers(0, 1000),
)
def test_sharing_the_prefix_changes_nothing(
    embedded: FrozenClip, num_prompts: int, num_context: int, names: list[str], seed: int
) -> None:
    text = PromptedText(embedded, tuple(names), num_context)
    generator = torch.Generator().manual_seed(seed)
    shape = (num_prompts, num_context, embedded.width)
    context_BTW = torch.randn(shape, generator=generator, requires_grad=True)
    weights = torch.randn((num_prompts, len(names), embedded.embed_dim), generator=generator)
    assert can_share_prefix(embedded.tower)
    results = []
    for shares in (True, False):
        text._shares_prefix = shares
        features_BCE = text(context_BTW)
        (gradient,) = torch.autograd.grad((features_BCE * weights).sum(), context_BTW)
        results.append((features_BCE.detach(), gradient))
    torch.testing.assert_close(results[0][0], results[1][0], atol=TOLERANCE, rtol=0)
    torch.testing.assert_close(results[0][1], results[1][1], atol=1e-4, rtol=1e-3)


def test_prompts_do_not_see_one_another(embedded: FrozenClip) -> None:
    text = PromptedText(embedded, DIGITS, 4)
    context_BTW = torch.randn(3, 4, embedded.width, generator=torch.Generator().manual_seed(0))
    alone = torch.cat([text(context_BTW[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(text(context_BTW), alone, atol=TOLERANCE, rtol=0)
    assert (alone[0] - alone[1]).abs().max() > 0.1


def test_result_has_unit_norm_and_the_promised_shape(other_clip: FrozenClip) -> None:
    text = PromptedText(other_clip, ("cat", "old dog"), 3)
    features_BCE = text(torch.randn(5, 3, other_clip.width))
    assert features_BCE.shape == (5, 2, other_clip.embed_dim)
    torch.testing.assert_close(features_BCE.norm(dim=-1), torch.ones(5, 2))


def test_gradients_go_into_the_context_only(other_clip: FrozenClip) -> None:
    text = PromptedText(other_clip, ("cat", "old dog"), 3)
    context_BTW = torch.randn(2, 3, other_clip.width, requires_grad=True)
    torch.autograd.backward(text(context_BTW)[..., 0].sum())
    assert context_BTW.grad is not None
    assert (context_BTW.grad.norm(dim=-1) > 0).all()
    for name, parameter in other_clip.model.named_parameters():
        assert not parameter.requires_grad, name
        assert parameter.grad is None, name


def test_gradient_is_the_slope(embedded: FrozenClip) -> None:
    text = PromptedText(embedded, DIGITS, 2)
    generator = torch.Generator().manual_seed(0)
    context = torch.randn(1, 2, embedded.width, generator=generator, requires_grad=True)
    step = torch.randn(context.shape, generator=generator) * 1e-2
    target = torch.randn(10, embedded.embed_dim, generator=generator)
    (gradient,) = torch.autograd.grad((text(context) * target).sum(), context)
    with torch.no_grad():
        rise = ((text(context + step) - text(context - step)) * target).sum() / 2
    assert rise.item() == pytest.approx((gradient * step).sum().item(), rel=0.02)


def test_a_short_phrase_stands_last_and_a_long_one_loses_its_first_words(
    embedded: FrozenClip,
) -> None:
    phrase = "a photo of the digit"
    exact = PromptedText(embedded, DIGITS, 5).initial_context(phrase)
    longer = PromptedText(embedded, DIGITS, 8).initial_context(phrase)
    shorter = PromptedText(embedded, DIGITS, 2).initial_context(phrase)
    assert exact.shape == (5, embedded.width)
    torch.testing.assert_close(longer[3:], exact)
    torch.testing.assert_close(shorter, exact[3:])


def test_the_initial_context_is_the_callers_own(embedded: FrozenClip) -> None:
    text = PromptedText(embedded, DIGITS, 5)
    before = text.initial_context("a photo")
    text.initial_context("a photo").zero_()
    torch.testing.assert_close(text.initial_context("a photo"), before)


def test_underscores_are_spaces(embedded: FrozenClip) -> None:
    context = torch.zeros(1, 2, embedded.width)
    spaced = PromptedText(embedded, ("upside down", "six"), 2)(context)
    torch.testing.assert_close(PromptedText(embedded, ("upside_down", "six"), 2)(context), spaced)


@pytest.mark.parametrize("num_context", [0, 22, 100])
def test_a_prompt_that_does_not_fit_is_refused(embedded: FrozenClip, num_context: int) -> None:
    with pytest.raises(ModelError, match="between 1 and 21 context tokens"):
        PromptedText(embedded, DIGITS, num_context)
    PromptedText(embedded, DIGITS, 21)


def test_a_class_name_that_leaves_no_room_is_named(embedded: FrozenClip) -> None:
    """It said: give between 1 and -178 context tokens."""
    with pytest.raises(
        ModelError, match=r"class 'x1x1.* takes 200 tokens .* a shorter name"
    ) as said:
        PromptedText(embedded, ("one", "x1" * 100), 4)
    assert "-1" not in str(said.value)
    with pytest.raises(ModelError, match="between 1 and 1 context tokens"):
        PromptedText(embedded, ("one", "x" * 21), 2)
