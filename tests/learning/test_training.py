import pytest
import torch

from secfpp.errors import ConfigError, RunError
from secfpp.learning.losses import LossTerms, prompt_loss
from secfpp.learning.training import LocalSteps, TrainedPart, pick_device, train_part
from tests.federation.toy import SCALE, T, ToyTower, W, ragged_shards

TERMS = LossTerms(balanced=True, alignment_weight=2.0, pull_weight=0.1)


def start(rows: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(8)
    return (
        0.1 * torch.randn(rows, T, W, generator=generator),
        0.1 * torch.randn(rows, T, W, generator=generator),
    )


def train(rows: torch.Tensor, steps: int = 6, terms: LossTerms = TERMS) -> TrainedPart:
    part, other = start()
    return train_part(
        ToyTower(),
        ragged_shards().rows(rows),
        part_NTW=part[rows],
        other_NTW=other[rows],
        logit_scale=SCALE,
        work=LocalSteps(steps=steps, lr=0.05, terms=terms),
    )


def test_batched_equals_one_client_at_a_time() -> None:
    together = train(torch.arange(3))
    for i in range(3):
        alone = train(torch.tensor([i]))
        assert torch.allclose(together.part_NTW[i], alone.part_NTW[0], atol=1e-5)
        assert torch.allclose(together.loss_N[i], alone.loss_N[0], atol=1e-5)


def test_first_step_is_adams() -> None:
    part, other = start()
    probe = part.clone().requires_grad_(True)
    loss = prompt_loss(ToyTower()(probe + other), ragged_shards(), SCALE, LossTerms())
    (gradient,) = torch.autograd.grad(loss.sum(), [probe])
    moved = train(torch.arange(3), steps=1, terms=LossTerms()).part_NTW - part
    assert torch.allclose(moved, -0.05 * gradient.sign(), atol=1e-4)


def test_training_lowers_the_loss_and_changes_no_input() -> None:
    part, _ = start()
    before, after = train(torch.arange(3), steps=1), train(torch.arange(3), steps=40)
    assert (after.loss_N < before.loss_N).all()
    assert torch.equal(part, start()[0])


def test_no_steps_leave_the_part_as_it_is() -> None:
    idle = train(torch.arange(3), steps=0)
    assert torch.equal(idle.part_NTW, start()[0])
    assert (idle.loss_N == 0).all()


def test_pull_keeps_the_part_short() -> None:
    free = train(torch.arange(3), steps=40, terms=LossTerms())
    pulled = train(torch.arange(3), steps=40, terms=LossTerms(pull_weight=5.0))
    assert pulled.part_NTW.norm() < 0.7 * free.part_NTW.norm()


def test_divergence_names_the_client() -> None:
    shards = ragged_shards()
    shards.features_NBE[1, 0, 0] = float("nan")
    part, other = start()
    with pytest.raises(RunError, match="client 1 is not finite"):
        train_part(
            ToyTower(),
            shards,
            part_NTW=part,
            other_NTW=other,
            logit_scale=SCALE,
            work=LocalSteps(steps=1, lr=0.1, terms=LossTerms()),
        )


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_cuda_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigError, match="no CUDA device"):
        pick_device("cuda")


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_cuda_agrees_with_cpu() -> None:
    part, other = (tensor.cuda() for tensor in start())
    tower = ToyTower()
    tower.class_CE, tower.mix_ME, tower.gate_MC = (
        tensor.cuda() for tensor in (tower.class_CE, tower.mix_ME, tower.gate_MC)
    )
    cpu = ragged_shards()
    shards = type(cpu)(
        features_NBE=cpu.features_NBE.cuda(),
        labels_NB=cpu.labels_NB.cuda(),
        mask_NB=cpu.mask_NB.cuda(),
    )
    found = train_part(
        tower,
        shards,
        part_NTW=part,
        other_NTW=other,
        logit_scale=SCALE,
        work=LocalSteps(steps=6, lr=0.05, terms=TERMS),
    )
    assert torch.allclose(found.part_NTW.cpu(), train(torch.arange(3)).part_NTW, atol=1e-3)
