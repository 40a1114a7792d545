"""One malicious party 0 asks the dealer for more than it should: it learns nothing by it.

Each attack has its control: a dealer and parties whose streams are not bound to what is asked, and
which deals whatever it is asked for, as often as it is asked. There the thief reads the points.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from mpc import ClusterJob, SecureSession
from mpc.errors import MpcError, ProcessDiedError
from mpc.ring.fixedpoint import Int64Array
from mpc.session.local_group import ProcessGroup
from tests.security.attackers.gullible_dealer import UNBOUND
from tests.security.attackers.thieving_party import ATTACK, FOLDER, LOOKED_UP_BITS, PARTIES

pytestmark = pytest.mark.slow

POINTS = np.random.default_rng(0).normal(size=(6, 2)) / 4
JOB = ClusterJob(k=2)


@contextmanager
def robbed(
    folder: Path,
    num_parties: int,
    attack: str,
    monkeypatch: pytest.MonkeyPatch,
    *,
    gullible: bool = False,
) -> Iterator[SecureSession]:
    """Open a session whose party 0 is a thief, with our dealer or with a gullible one."""
    monkeypatch.setenv(FOLDER, str(folder))
    monkeypatch.setenv(ATTACK, attack)
    monkeypatch.setenv(PARTIES, str(num_parties))
    monkeypatch.setenv(UNBOUND, "yes" if gullible else "")
    group = ProcessGroup(
        num_parties,
        timeout_s=20,
        party_module="tests.security.attackers.thieving_party",
        dealer_module="tests.security.attackers.gullible_dealer"
        if gullible
        else "mpc.roles.dealer",
    )
    with SecureSession(group, job_timeout_s=60, insecure=()) as session:
        yield session


def loot(folder: Path, num_parties: int) -> tuple[Int64Array, Int64Array]:
    """Return what the thief takes for the others' shares of the first mask, and what they are."""
    others = [np.load(folder / f"mask-{rank}.npy") for rank in range(1, num_parties)]
    return np.load(folder / "stolen-0.npy"), np.sum(others, axis=0).reshape(-1)


def reads_the_points(folder: Path, stolen: Int64Array) -> bool:
    """Tell whether that unmasks what the parties opened first: points, whatever shift and scale."""
    opened, own = (np.load(folder / f"{what}-0.npy") for what in ("opened", "mask"))
    found = (opened - own - stolen.reshape(opened.shape)).astype(float)
    gaps, true_gaps = found[1:] - found[0], POINTS[1:] - POINTS[0]
    return bool(np.corrcoef(gaps.reshape(-1), true_gaps.reshape(-1))[0, 1] > 0.999)


@pytest.mark.parametrize("num_parties", [2, 3])
def test_one_request_too_many_ends_the_session_and_names_party_0(
    num_parties: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After all honest requests it asks for a product of two masks of size zero.

    More such requests are in `tests/mpc/preprocessing/test_segments.py`.
    """
    with (
        robbed(tmp_path, num_parties, "zero after", monkeypatch) as session,
        pytest.raises(ProcessDiedError, match="party:0 asked for the tuples of .* of job 1 "),
    ):
        session.cluster(JOB, POINTS, POINTS)
    assert not (tmp_path / "stolen-0.npy").exists()


@pytest.mark.parametrize("num_parties", [2, 3])
def test_another_list_in_place_of_the_honest_one_is_of_other_streams(
    num_parties: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dealer deals it, since a job might ask for it; it says nothing of what the others draw.

    All but one of the numbers of a one-hot row are zero: with the others' own streams, the thief
    would have all but two numbers of their mask.
    """
    with (
        robbed(tmp_path, num_parties, "look-up instead", monkeypatch) as session,
        pytest.raises(MpcError),
    ):
        session.cluster(JOB, POINTS, POINTS)
    assert num_right(*loot(tmp_path, num_parties)) == 0


def num_right(stolen: Int64Array, true: Int64Array) -> int:
    """Count the numbers that a look-up gives away, which begin behind its own mask."""
    known = min(1 << LOOKED_UP_BITS, len(true) - 1)
    return int((stolen[:known] == true[1 : 1 + known]).sum())


def test_a_gullible_dealer_would_give_the_points_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the job would end as usual."""
    with robbed(tmp_path, 3, "zero after", monkeypatch, gullible=True) as session:
        assert session.cluster(JOB, POINTS, POINTS).k == 2
    stolen, true = loot(tmp_path, 3)
    assert np.array_equal(stolen, true)
    assert reads_the_points(tmp_path, stolen)


def test_a_gullible_dealer_would_give_most_of_a_mask_away_for_a_look_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        robbed(tmp_path, 2, "look-up instead", monkeypatch, gullible=True) as session,
        pytest.raises(MpcError),
    ):
        session.cluster(JOB, POINTS, POINTS)
    stolen, true = loot(tmp_path, 2)
    assert num_right(stolen, true) >= len(true) - 2
