import numpy as np
import pytest

from secfpp.experiment.recorder import planar_map


@pytest.mark.parametrize("shape", [(1, 5), (2, 1), (5, 1), (3, 2), (20, 64)])
def test_distances_are_those_of_the_two_principal_axes(shape: tuple[int, int]) -> None:
    points = np.random.default_rng(0).normal(size=shape)
    plane = planar_map(points)
    centred = points - points.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    expected = centred @ axes[:2].T
    assert plane.shape == (len(points), 2)
    assert plane @ plane.T == pytest.approx(expected @ expected.T, abs=1e-9)
