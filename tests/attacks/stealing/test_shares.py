"""What all parties but one hold says nothing of an update; what all hold is the update."""

from pathlib import Path

import numpy as np
import pytest

from mpc.secpc.coding import LagrangeCode
from secfpp.attacks.scene import Scene, open_scene
from secfpp.attacks.stealing.coded_shares import decoded_by
from secfpp.attacks.stealing.score import cosines
from secfpp.attacks.stealing.shares import decoded_from
from secfpp.experiment.run_folder import RunFolder
from secfpp.experiment.units import Unit
from secfpp.federation.workload import Workload
from secfpp.seeds import Seeds

NUMBERS = 2000
SIGMAS = 6


@pytest.fixture(scope="module")
def scene(attacked_run: Path, workload: Workload) -> Scene:
    folder = RunFolder(attacked_run)
    config = folder.config()
    unit = Unit(method="secfpp-plain", seed=0)
    cohort = workload.cohort(config.partition, Seeds(0))
    return open_scene(folder, config, unit, workload, cohort)


def updates(scene: Scene) -> np.ndarray:
    """Alike, so that whatever leaks of one leaks of the mean of all."""
    rng = np.random.default_rng(2)
    rows = rng.normal(size=NUMBERS) + 0.1 * rng.normal(size=(len(scene.everyone), NUMBERS))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


@pytest.mark.parametrize("parties", [2, 3, 5])
def test_all_shares_but_one_have_no_cosine(scene: Scene, parties: int) -> None:
    update = updates(scene)
    for missing in range(parties):
        held = [rank for rank in range(parties) if rank != missing]
        cosine = np.diagonal(cosines(decoded_from(scene, update, parties, held), update))
        assert abs(cosine.mean()) < SIGMAS / np.sqrt(NUMBERS * len(cosine))


def test_all_shares_are_the_update(scene: Scene) -> None:
    update = updates(scene)
    assert np.allclose(decoded_from(scene, update, 3, range(3)), update, atol=1e-5)


@pytest.mark.parametrize("slices", [1, 3])
def test_a_coalition_of_t_clients_has_no_cosine(scene: Scene, slices: int) -> None:
    """Shares of the paper's own protocol: t are nothing, one more for each slice are all."""
    update = updates(scene)
    code = LagrangeCode(len(update), slices=slices, colluders=2)
    cosine = np.diagonal(cosines(decoded_by(scene, update, code, code.colluders), update))
    assert abs(cosine.mean()) < SIGMAS / np.sqrt(NUMBERS * len(cosine))
    whole = decoded_by(scene, update, code, code.answers_for_sums)
    assert np.allclose(whole, update, atol=1e-5)
