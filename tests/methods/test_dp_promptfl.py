import numpy as np

from secfpp.methods.dp_promptfl import NoisedMean
from secfpp.methods.interface import Contribution


def contribution(step_nM: np.ndarray, before_M: np.ndarray) -> Contribution:
    before_nM = np.tile(before_M, (len(step_nM), 1))
    return Contribution(
        round_index=2,
        clients_n=np.arange(len(step_nM), dtype=np.int64),
        num_clients=len(step_nM),
        descriptor_nD=np.zeros((len(step_nM), 1)),
        before_nM=before_nM,
        update_nM=before_nM + step_nM,
    )


def test_without_noise_it_is_the_mean_of_clipped_steps() -> None:
    steps = np.array([[3.0, 4.0], [0.3, 0.4]])
    result = NoisedMean(clip_norm=1.0, noise_multiplier=0.0)(
        contribution(steps, np.array([10.0, 20.0]))
    )
    assert np.allclose(result.update_rM, [[10.45, 20.6]] * 2)


def test_one_client_moves_the_sum_by_the_clipping_norm_at_most() -> None:
    rng = np.random.default_rng(0)
    steps = 50 * rng.normal(size=(6, 4))
    zeroed = steps.copy()
    zeroed[2] = 0
    mean = NoisedMean(clip_norm=1.5, noise_multiplier=0.0)
    with_it, without = (
        mean(contribution(s, np.zeros(4))).update_rM[0] * 6 for s in (steps, zeroed)
    )
    assert np.linalg.norm(with_it - without) <= 1.5 + 1e-12


def test_noise_on_the_mean_has_the_stated_deviation() -> None:
    mean = NoisedMean(clip_norm=2.0, noise_multiplier=3.0)
    result = mean(contribution(np.zeros((10, 40_000)), np.zeros(40_000)))
    deviation = float(result.update_rM[0].std())
    assert abs(deviation - 3.0 * 2.0 / 10) < 0.02
    assert np.array_equal(result.update_rM[0], result.update_rM[9])
