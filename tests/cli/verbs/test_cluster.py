"""`secfpp cluster`: correct answers, clear refusals, labels only where the policy opens them."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, load_iris, load_wine

from mpc.jobs.bounds import public_bound
from secfpp.cli import main
from tests.cli.command import secfpp

NUM_BLOBS, BLOB_SIZE, DIMENSIONS = 3, 6, 5
FEW = 600
"""Iris and wine have fewer rows; those of the digits are enough."""
pytestmark = pytest.mark.usefixtures("parties_stay_open")  # other processes open their own
ISSUE_KEYS = {"k", "rounds", "bytes", "seconds", "ledger"}
ENGINES = [("--plain",), pytest.param(("--parties", "2"), marks=pytest.mark.slow)]
SECPC = ("--protocol", "secpc", "--reveal", "distances")


@pytest.fixture(scope="module")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three blobs far from one another and from the origin."""
    rng = np.random.default_rng(0)
    centres = 20.0 * np.eye(NUM_BLOBS, DIMENSIONS) + 7.0
    file = tmp_path_factory.mktemp("vectors") / "blobs.npy"
    np.save(file, np.repeat(centres, BLOB_SIZE, axis=0) + rng.normal(size=(18, DIMENSIONS)))
    return file


def record_of(capfd: pytest.CaptureFixture[str], *words: str | Path) -> dict[str, Any]:
    """Run in this process and return the JSON object."""
    code = main(["cluster", "--json", *map(str, words)])
    streams = capfd.readouterr()
    assert code == 0, streams.err
    record: dict[str, Any] = json.loads(streams.out)
    return record


@pytest.mark.parametrize("engine", ENGINES)
def test_assignments_open_the_labels(
    blobs: Path, engine: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    record = record_of(capfd, "--input", blobs, "--k", "3", "--reveal", "assignments", *engine)
    assert set(record) >= ISSUE_KEYS | {"labels"}
    labels = np.reshape(record["labels"], (NUM_BLOBS, BLOB_SIZE))
    assert (labels == labels[:, :1]).all()
    assert len(set(labels[:, 0])) == NUM_BLOBS


@pytest.mark.slow
def test_own_mean_gives_means_to_owners_and_labels_to_nobody(blobs: Path, tmp_path: Path) -> None:
    means = tmp_path / "means.npy"
    done = secfpp("cluster", "--input", blobs, "--k", "3", "--json", "--out", means)
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert "labels" not in record
    assert record["rounds"] > 0
    assert record["bytes"] > 0
    assert {line["what"] for line in record["ledger"]}
    points = np.load(blobs).reshape(NUM_BLOBS, BLOB_SIZE, DIMENSIONS)
    expected = np.repeat(points.mean(axis=1), BLOB_SIZE, axis=0)
    np.testing.assert_allclose(np.load(means), expected, atol=public_bound(np.load(blobs)) * 1e-5)


@pytest.mark.slow
def test_cryptens_own_operations_find_the_same_and_the_record_names_them(
    blobs: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ("--input", blobs, "--k", "3", "--iterations", "4", "--reveal", "assignments")
    of: dict[str, Any] = {}
    for name in ("additive", "crypten"):
        how = ("--protocol", name, "--out", tmp_path / f"{name}.npy")
        of[name] = record_of(capfd, *words, "--init", "farthest-first", *how)
        assert of[name]["protocol"] == name
    assert of["crypten"]["labels"] == of["additive"]["labels"]
    found, ours = (np.load(tmp_path / f"{name}.npy") for name in ("crypten", "additive"))
    np.testing.assert_allclose(found, ours, rtol=0, atol=64 * 2.0**-12)


@pytest.mark.parametrize(
    "how", [("--no-client-processes",), pytest.param((), marks=pytest.mark.slow)], ids=str
)
@pytest.mark.parametrize("k", ["3", "none"])
def test_owners_find_the_same_by_themselves(
    k: str, how: tuple[str, ...], blobs: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The paper's protocol: labels and means of the plaintext twin, and no party in the traffic."""
    words = ("--input", blobs, "--k", k, "--init", "farthest-first", "--reveal", "distances")
    plain = record_of(capfd, *words, "--plain", "--out", tmp_path / "plain.npy")
    coded = ("--protocol", "secpc", "--dropouts", "4", *how)
    found = record_of(capfd, *words, *coded, "--out", tmp_path / "coded.npy")
    assert (found["protocol"], found["k"]) == ("secpc", 3)
    assert found["labels"] == plain["labels"]
    assert np.array_equal(np.load(tmp_path / "coded.npy"), np.load(tmp_path / "plain.npy"))
    roles = {line["role"] for line in found["traffic"]["roles"]}
    assert roles == {"server", *(f"client:{owner}" for owner in range(NUM_BLOBS * BLOB_SIZE))}
    assert bool(found["traffic"]["insecure"]) == bool(how)
    learned = {line["to"] for line in found["ledger"]}
    assert learned == {"server", "server and clients", "each client"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("load", "k"),
    [(load_iris, 3), (load_wine, 3), (load_digits, 10)],
    ids=["iris", "wine", "digits"],
)
def test_agrees_with_scikit_learn_from_the_same_start(
    load: Callable[[], Any], k: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    points = load().data[:FEW]
    rows = np.random.default_rng(0).choice(len(points), k, replace=False)
    np.save(tmp_path / "x.npy", points)
    record = record_of(
        capfd,
        *("--input", tmp_path / "x.npy", "--k", str(k), "--iterations", "30"),
        *("--reveal", "assignments", "--init-rows", *map(str, rows)),
    )
    reference = KMeans(k, init=points[rows], n_init=1, max_iter=30, tol=0).fit(points)
    assert np.mean(np.array(record["labels"]) == reference.labels_) > 0.98


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("value", [0.0, 3.5])
def test_identical_points_are_one_cluster(
    value: float, engine: tuple[str, ...], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "x.npy", np.full((5, 2), value))
    out = tmp_path / "means.npy"
    record_of(capfd, "--input", tmp_path / "x.npy", "--k", "2", "--out", out, *engine)
    np.testing.assert_allclose(np.load(out), value, atol=1e-4)


@pytest.mark.parametrize("engine", ENGINES)
def test_one_point_is_its_own_mean(
    engine: tuple[str, ...], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "x.npy", np.array([[1.0, -2.0]]))
    out = tmp_path / "means.npy"
    words = ("--input", tmp_path / "x.npy", "--k", "1", "--min-cluster-size", "1", "--out", out)
    record = record_of(capfd, *words, *engine)
    assert record["k"] == 1
    np.testing.assert_allclose(np.load(out), [[1.0, -2.0]], atol=1e-4)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("reveal", ["own-mean", "assignments", "distances"])
def test_the_number_of_blobs_is_found(
    engine: tuple[str, ...], reveal: str, blobs: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    record = record_of(capfd, "--input", blobs, "--k", "none", "--reveal", reveal, *engine)
    assert record["k"] == NUM_BLOBS


@pytest.mark.parametrize("engine", ENGINES)
def test_restarts_of_k_means_plus_plus_find_the_blobs(
    engine: tuple[str, ...], blobs: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ("--init", "k-means++", "--restarts", "4", "--seed", "3", "--reveal", "assignments")
    record = record_of(capfd, "--input", blobs, "--k", str(NUM_BLOBS), *words, *engine)
    assert len(set(record["labels"])) == NUM_BLOBS


def test_nothing_of_a_small_cluster_is_opened(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "x.npy", np.array([[0.0], [0.1], [9.0]]))
    words = ("--input", tmp_path / "x.npy", "--k", "2", "--plain", "--out", tmp_path / "m.npy")
    record_of(capfd, *words, "--min-cluster-size", "2")
    np.testing.assert_allclose(
        np.load(tmp_path / "m.npy").ravel(), [0.05, 0.05, np.nan], atol=8 * 2.0**-24
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--k", "19"), "k=19 but only 18 points"),
        (("--k", "0"), "k=0"),
        (("--k", "none", "--k-max", "17"), "k_max=17"),
        (("--k", "3", "--init", "farthest-first", "--restarts", "2"), "k-means++"),
        (("--k", "none", "--init", "k-means++"), "farthest-first"),
        (("--k", "3", "--seed", "-1"), "seed=-1"),
        (("--k", "3", "--init-rows", "0", "1"), "k=3 distinct"),
        (("--k", "2", "--init-rows", "0", "18"), "0..17"),
        (("--k", "3", "--iterations", "0"), "iterations=0"),
        (("--k", "3", "--parties", "1"), "1 parties"),
        (("--k", "3", "--parties", "9"), "9 parties"),
        (("--k", "3", "--provider", "tfp"), "insecure-dev"),
        (("--k", "3", "--value-bound", "1"), "over the public bound value_bound=1"),
        (("--k", "3", "--norm-bound", "1e-9"), "value_bound is 1.72e+10 times norm_bound"),
        (("--k", "3", "--norm-bound", "0"), "norm_bound=0.0"),
        (("--k", "3", "--owners", "0"), "--owners 0"),
        (("--k", "3", "--protocol", "secpc"), "protocol='secpc' has reveal='distances'"),
        ((*SECPC, "--shard-size", "6", "--k", "3"), "shards=1"),
        ((*SECPC, "--owners", "2"), "2 clients, of which 0 may drop out"),
        ((*SECPC, "--slices", "0"), "slices=0"),
        ((*SECPC, "--network", "n.json", "--certs", "c"), "--protocol secpc has none"),
        (("--k", "none", "--protocol", "crypten"), "does not choose k"),
        (("--k", "3", "--protocol", "crypten", "--standardize"), "standardize=False"),
        (("--k", "3", "--protocol", "crypten", "--shard-size", "6"), "shards=1"),
        (("--k", "3", "--out", "means.txt"), ".npy"),
        (("--k", "3", "--out", "absent/means.npy"), "no such folder"),
        (("--k", "3", "--out", "/proc/means.npy"), "cannot be written"),
        (("--k", "3", "--out", f"{'x' * 300}.npy"), "File name too long"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(
    blobs: Path, words: tuple[str, ...], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["cluster", "--input", str(blobs), *words]) == 2
    streams = capfd.readouterr()
    assert streams.out == ""
    assert said in streams.err
    assert "Traceback" not in streams.err


@pytest.mark.parametrize("engine", ENGINES)
def test_features_of_any_unit_are_standardised(
    blobs: Path, engine: tuple[str, ...], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "units.npy", np.load(blobs) * [1, 1e-3, 1e3, 30, 1] + 500)
    words = ("--k", "3", "--reveal", "assignments", *engine)
    record = record_of(capfd, "--input", tmp_path / "units.npy", "--standardize", *words)
    labels = np.reshape(record["labels"], (NUM_BLOBS, BLOB_SIZE))
    assert (labels == labels[:, :1]).all()
    assert len(set(labels[:, 0])) == NUM_BLOBS
    assert record["warnings"] == []


@pytest.mark.parametrize("engine", ENGINES)
def test_a_forgotten_sentinel_is_named_and_a_bound_leaves_it_out(
    blobs: Path, engine: tuple[str, ...], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    points = np.load(blobs)
    points[4] = -999999.0
    np.save(tmp_path / "x.npy", points)
    words = ("--input", str(tmp_path / "x.npy"), "--k", "3", *engine)
    named, told_apart = record_of(capfd, *words)["warnings"]
    assert named.startswith("row 4: more than 256 times as far out")
    assert told_apart.startswith("18 rows are distinct, but only ")
    assert main(["cluster", *words]) == 0
    assert "precision: row 4: more than 256 times" in capfd.readouterr().out
    assert main(["cluster", *words, "--norm-bound", "200000"]) == 0
    assert "1 of 18 rows are over --norm-bound and were rejected" in capfd.readouterr().out


def test_a_disk_that_fills_up_meanwhile_loses_neither_labels_nor_the_old_file(
    blobs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def full(file: object, array: object) -> None:
        raise OSError(28, "No space left on device")

    out = tmp_path / "means.npy"
    out.write_bytes(b"of last week")
    monkeypatch.setattr("numpy.save", full)
    words = ["cluster", "--plain", "--json", "--input", str(blobs), "--k", "3"]
    assert main([*words, "--reveal", "assignments", "--out", str(out)]) == 1
    streams = capfd.readouterr()
    assert len(json.loads(streams.out)["labels"]) == NUM_BLOBS * BLOB_SIZE
    assert "cannot be written: No space left on device; the means are not saved" in streams.err
    assert list(tmp_path.iterdir()) == [out]
    assert out.read_bytes() == b"of last week"


def test_means_may_be_read_by_whom_the_umask_lets(blobs: Path, tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        words = ["cluster", "--plain", "--input", str(blobs), "--k", "3"]
        assert main([*words, "--out", str(tmp_path / "m.npy")]) == 0
    finally:
        os.umask(before)
    assert (tmp_path / "m.npy").stat().st_mode & 0o777 == 0o640


def test_missing_file_by_the_real_command(tmp_path: Path) -> None:
    done = secfpp("cluster", "--input", tmp_path / "absent.npy", "--k", "2", "--json")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1


def test_nan_by_the_real_command(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([[0.0], [np.nan]]))
    done = secfpp("cluster", "--input", tmp_path / "x.npy", "--k", "2")
    assert done.returncode == 2
    assert "first in row 1" in done.stderr


@pytest.mark.parametrize(
    ("rows", "bound"),
    [([[0.0]], 1.0), ([[1.0]], 1.0), ([[3.0, 4.0]], 8.0), ([[1e-9]], 2.0**-29), ([[2.0]], 2.0)],
)
def test_public_bound_is_the_power_of_two_above(rows: list[list[float]], bound: float) -> None:
    assert public_bound(np.array(rows)) == bound


@pytest.mark.parametrize("seconds", ["nan", "inf", "1e300", "0", "-1"])
def test_a_time_out_that_cannot_be_kept_is_refused_before_anything_starts(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], seconds: str
) -> None:
    np.save(tmp_path / "x.npy", np.eye(3))
    words = ["cluster", "--input", str(tmp_path / "x.npy"), "--k", "1", "--timeout-s", seconds]
    assert main([*words, "--parties", "3"]) == 2
    assert "timeout_s" in capfd.readouterr().err


def test_rows_far_beyond_a_tiny_bound(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "x.npy", 1e10 * np.eye(3))
    words = ["cluster", "--plain", "--k", "1", "--input", str(tmp_path / "x.npy")]
    assert main([*words, "--norm-bound", "1e-300"]) == 2
    assert "value_bound is inf times norm_bound" in capfd.readouterr().err


def test_more_owners_than_a_machine_can_count(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "x.npy", np.eye(3))
    words = ["cluster", "--plain", "--k", "1", "--input", str(tmp_path / "x.npy")]
    assert main([*words, "--owners", "9" * 30]) == 0
    assert main([*words, "--k", "9" * 30]) == 2
    assert "999 clusters in" in capfd.readouterr().err


def test_rows_too_long_for_a_bound_name_the_file(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "x.npy", np.array([[1e308, -1e308], [-1e308, 1e308]]))
    assert main(["cluster", "--plain", "--k", "1", "--input", str(tmp_path / "x.npy")]) == 2
    assert f"--input {tmp_path / 'x.npy'}: rows too long" in capfd.readouterr().err


@pytest.mark.parametrize("engine", ENGINES)
def test_shards_hand_back_the_means_of_all_rows(
    blobs: Path, tmp_path: Path, engine: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    means = tmp_path / "means.npy"
    words = ("--k", "3", "--shard-size", "9", "--shard-k", "4", "--restarts", "1", "--out", means)
    record = record_of(capfd, "--input", blobs, *words, *engine)
    assert record["k"] == 3
    assert "labels" not in record
    rows = np.load(blobs).reshape(NUM_BLOBS, BLOB_SIZE, DIMENSIONS)
    expected = np.repeat(rows.mean(axis=1), BLOB_SIZE, axis=0)
    assert np.allclose(np.load(means), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--shard-k", "4"), "shard_size is not given"),
        (("--shard-size", "9", "--k", "none"), "cannot choose one"),
        (("--shard-size", "9", "--reveal", "assignments"), "reveal='assignments' but a shard has"),
        (("--shard-size", "18"), "18 points fit one shard of 18"),
    ],
)
def test_what_shards_cannot_do_is_told(
    blobs: Path, words: tuple[str, ...], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["cluster", "--input", str(blobs), "--plain", *words]) == 2
    assert said in capfd.readouterr().err


@pytest.mark.parametrize("kind", ["npy", "csv"])
def test_shards_hold_more_rows_than_a_job(
    tmp_path: Path, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = np.repeat(4.0 * np.eye(3), 3000, axis=0) + np.tile([0.0, 0.25, 0.5], 3000)[:, None]
    file, means = tmp_path / f"many.{kind}", tmp_path / "means.npy"
    if kind == "npy":
        np.save(file, rows)
    else:
        np.savetxt(file, rows, delimiter=",")
    words = ("--input", file, "--k", "3", "--plain", "--owners", "900", "--out", means)
    assert main(["cluster", *map(str, words)]) == 2
    assert "8191" in capfd.readouterr().err
    record_of(capfd, *words, "--shard-size", "1000", "--restarts", "1")
    expected = 4.0 * np.eye(3) + 0.25
    assert np.allclose(np.load(means), np.repeat(expected, 3000, axis=0), atol=1e-4)
