"""What a role sees says nothing: uniform numbers, of shapes that do not depend on inputs.

Fixed inputs, many runs, every received frame written down by the parties themselves. Openings
inside protocols are received as single shares, which must be uniform as well. Each test has its
control: masks of zero, where it must find what it looks for.
"""

import functools
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from mpc import ClusterJob, SecureSession
from mpc.net.frames import CONTROL, CORRECTIONS, DEALER_REPORT, REQUEST, TERMS, Header
from mpc.net.link import Link
from mpc.ring.fixedpoint import Int64Array
from mpc.ring.randomness import AesCtrStream
from mpc.session.local_group import ProcessGroup
from tests.mpc.deals import added
from tests.security.attackers.recording_party import FOLDER, ZERO_MASKS, zeros

RUNS = 24
POINTS = np.array([[0.1, 0.2], [0.1, 0.25], [0.15, 0.2], [-0.5, 0.1], [-0.4, 0.1], [-0.5, 0.2]])
PAYLOAD = np.arange(6.0)[:, None]
JOBS = {
    "own-mean": ClusterJob(k=2),
    "assignments": ClusterJob(k=2, reveal="assignments"),
    "distances": ClusterJob(k=2, reveal="distances"),
    "boolean": ClusterJob(k=2, comparisons="boolean"),
    "restarts": ClusterJob(k=3, init="k-means++", restarts=3, min_cluster_size=1),
    "leaders": ClusterJob(k=3, init="leaders", restarts=3, min_cluster_size=1),
    "warm": ClusterJob(k=2, start="warm"),
}
"""Points lie in two places, so that the third iteration finds that the second changed nothing."""
PADDED = ("MXOR", "CSG8", "CS64", "CDG4", "CD64", "CPNT")
"""Bits are packed into words or bytes, and what is left of the last is zero."""
SIGMAS = 6
MASKED = ("SHAR", "MSUM", "MXOR", *(tag.decode() for tag in CORRECTIONS.values()))
SPOKEN = (CONTROL.decode(), DEALER_REPORT.decode(), TERMS.decode())
"""Their length varies with how many digits a time or a public bound has."""


@dataclass(frozen=True, slots=True)
class Frame:
    way: str
    peer: str
    tag: str
    number: int
    length: int
    payload: bytes


ANNOUNCED = b'"cluster"'
"""In what the server tells parties of a job."""


@dataclass(frozen=True, slots=True)
class Recording:
    """An open session of parties that write down what they get and send, and where they do."""

    session: SecureSession
    folder: Path

    def file(self, rank: int) -> Path:
        return self.folder / f"party-{rank}.jsonl"

    def forget(self) -> None:
        """Empty the files, to which parties append."""
        for rank in range(self.session.num_parties):
            self.file(rank).write_text("")

    def frames_of(self, rank: int) -> list[Frame]:
        """Return a party's frames from the first announcement of a job on."""
        lines = self.file(rank).read_text().splitlines()
        announcements = (i for i, line in enumerate(lines) if ANNOUNCED.hex() in line)
        read = [json.loads(line) for line in lines[next(announcements) :]]
        return [
            Frame(way, peer, tag, number, length, bytes.fromhex(payload))
            for way, peer, tag, number, length, payload in read
        ]


Record = Callable[..., AbstractContextManager[Recording]]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Recording]]:
    """Open a session once for each number of parties, with masks and without."""
    with ExitStack() as stack:

        @functools.cache
        def opened(num_parties: int, zero_masks: bool) -> Recording:
            folder = tmp_path_factory.mktemp("transcripts")
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv(FOLDER, str(folder))
                patch.setenv(ZERO_MASKS, "yes" if zero_masks else "")
                group = ProcessGroup(
                    num_parties,
                    timeout_s=60,
                    party_module="tests.security.attackers.recording_party",
                )
            session = SecureSession(group, job_timeout_s=120, insecure=())
            return Recording(stack.enter_context(session), folder)

        yield opened


@pytest.fixture
def recorded(recordings: Callable[..., Recording], monkeypatch: pytest.MonkeyPatch) -> Record:
    """Return what opens a recording in which nothing stands yet."""

    @contextmanager
    def begin(num_parties: int, *, zero_masks: bool = False) -> Iterator[Recording]:
        with monkeypatch.context() as patch:
            if zero_masks:
                patch.setattr(AesCtrStream, "ring", zeros)
            recording = recordings(num_parties, zero_masks)
            recording.forget()
            yield recording

    return begin


def by_place(frames: list[Frame], runs: int) -> dict[tuple[str, str], np.ndarray]:
    """Return (runs, bytes of a run) of uint8, for each peer and tag of masked numbers."""
    lists: dict[tuple[str, str], list[bytes]] = defaultdict(list)
    for frame in frames:
        if frame.way == "got" and frame.tag in MASKED:
            lists[frame.peer, frame.tag].append(frame.payload)
    return {
        place: np.frombuffer(b"".join(payloads), np.uint8).reshape(runs, -1)
        for place, payloads in lists.items()
    }


def deviations(bytes_RB: np.ndarray, *, padded: bool) -> tuple[float, float]:
    """Return chi-squares of bits at each place, and of all bytes, in standard deviations.

    Bits that pad the last word of a plane are zero in every run and are left out.
    """
    bits = np.unpackbits(bytes_RB, axis=1, bitorder="little")
    used = bits.any(axis=0) if padded else np.ones(bits.shape[1], dtype=np.bool_)
    runs = len(bits)
    z = (bits[:, used].sum(axis=0) - runs / 2) / np.sqrt(runs / 4)
    places = int(used.sum())
    of_bits = (float((z**2).sum()) - places) / np.sqrt(2 * places)
    whole = bytes_RB[:, used.reshape(-1, 8).all(axis=1)]
    counts = np.bincount(whole.reshape(-1), minlength=256)
    expected = counts.sum() / 256
    of_bytes = (((counts - expected) ** 2 / expected).sum() - 255) / np.sqrt(2 * 255)
    return of_bits, float(of_bytes)


def wide(points_ND: np.ndarray) -> np.ndarray:
    """Add a dimension, so that the Gram matrix is opened under a mask in place of sums of rows."""
    return np.pad(points_ND, ((0, 0), (0, 1)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("num_parties", "name", "points", "kinds"),
    [
        (2, "own-mean", wide(POINTS), "CS64 CSG8 CTRN CPRD CLKP"),
        (2, "restarts", POINTS, "CS64 CSG8 CPNT CTRN CPRD CLKP CMUL"),
        (2, "boolean", POINTS, "MXOR CBIN CBIT CTRN CPRD CLKP"),
        (3, "assignments", POINTS, "MXOR CDG4 CBIN CBIT CTRN CPRD CLKP"),
        (3, "restarts", wide(POINTS), "MXOR CDG4 CD64 CBIN CBIT CTRN CPRD CLKP CMUL"),
        (2, "leaders", wide(POINTS), "CS64 CSG8 CTRN CPRD CLKP"),
    ],
)
def test_what_a_party_gets_is_uniform(
    num_parties: int, name: str, points: np.ndarray, kinds: str, recorded: Record
) -> None:
    iterations = set()
    with recorded(num_parties) as recording:
        for _ in range(RUNS):
            iterations.add(recording.session.cluster(JOBS[name], points, PAYLOAD).iterations)
    assert len(iterations) == 1
    assert min(iterations) >= 2
    assert {"SHAR", "MSUM", *kinds.split()} <= tags_of_uniform_frames(recording)


@pytest.mark.slow
@pytest.mark.parametrize("num_parties", [2, 3])
def test_so_is_what_a_warm_start_takes_from_one_job_to_the_next(
    num_parties: int, recorded: Record
) -> None:
    """The kept assignment is the same in every run, and is opened under another mask each time."""
    points = wide(POINTS)
    with recorded(num_parties) as recording:
        recording.session.cluster(replace(JOBS["warm"], start="fresh"), points, PAYLOAD)
        recording.forget()
        for _ in range(RUNS):
            assert recording.session.cluster(JOBS["warm"], points, PAYLOAD).start == "warm"
    assert {"SHAR", "MSUM", "CPRD"} <= tags_of_uniform_frames(recording)


def tags_of_uniform_frames(recording: Recording) -> set[str]:
    """Return the tags of what parties got in all runs, each of which must be uniform."""
    seen = set()
    for rank in range(recording.session.num_parties):
        for (peer, tag), bytes_RB in by_place(recording.frames_of(rank), RUNS).items():
            of_bits, of_bytes = deviations(bytes_RB, padded=tag in PADDED)
            assert abs(of_bits) < SIGMAS, (rank, peer, tag, of_bits)
            assert abs(of_bytes) < SIGMAS, (rank, peer, tag, of_bytes)
            seen.add(tag)
    return seen


@pytest.mark.slow
@pytest.mark.parametrize(("num_parties", "masked"), [(2, "MSUM"), (3, "MXOR")])
def test_without_masks_it_would_not_be(num_parties: int, masked: str, recorded: Record) -> None:
    with recorded(num_parties, zero_masks=True) as recording:
        for _ in range(RUNS):
            recording.session.cluster(JOBS["own-mean"], POINTS, PAYLOAD)
    caught = defaultdict(set)
    for rank in range(num_parties):
        for (_, tag), bytes_RB in by_place(recording.frames_of(rank), RUNS).items():
            of_bits, of_bytes = deviations(bytes_RB, padded=False)
            if of_bits > SIGMAS and of_bytes > SIGMAS:
                caught[tag].add(rank)
    for tag in ("SHAR", masked):
        assert caught[tag] == set(range(num_parties)), caught


def cosines_of_stolen(recording: Recording, prompts_NM: np.ndarray) -> np.ndarray:
    """Return cosines of prompts with what all parties but the first make of the shares they got."""
    words = 4  # the digest of the terms, before the share
    sums: dict[str, Int64Array] = defaultdict(lambda: np.zeros(1, np.int64))
    for rank in range(1, recording.session.num_parties):
        for frame in recording.frames_of(rank):
            if (frame.way, frame.tag) == ("got", "SHAR"):
                share = np.frombuffer(frame.payload, np.int64)[words:]
                sums[frame.peer] = sums[frame.peer] + share[-prompts_NM.shape[1] :]
    stolen = np.stack([sums[name] for name in sorted(sums)]).astype(np.float64)
    assert len(stolen) == len(prompts_NM)
    lengths = np.linalg.norm(stolen, axis=1) * np.linalg.norm(prompts_NM, axis=1)
    return np.asarray((stolen * prompts_NM).sum(axis=1) / lengths)


@pytest.mark.slow
@pytest.mark.parametrize("num_parties", [2, 3])
def test_no_prompt_is_stolen_by_all_parties_but_one(num_parties: int, recorded: Record) -> None:
    """Prompts are alike, so that whatever leaks of each adds up; without masks all of it leaks."""
    rng = np.random.default_rng(1)
    prompts_NM = rng.normal(size=500) + 0.1 * rng.normal(size=(len(POINTS), 500))
    for zero_masks in (False, True):
        with recorded(num_parties, zero_masks=zero_masks) as recording:
            recording.session.cluster(JOBS["own-mean"], POINTS, prompts_NM)
            cosine_N = cosines_of_stolen(recording, prompts_NM)
        if zero_masks:
            assert cosine_N.min() > 0.999
        else:
            assert abs(cosine_N.mean()) < SIGMAS / np.sqrt(prompts_NM.size)


def opened_sums(recording: Recording) -> Int64Array:
    """Return every number that the parties opened to each other in a whole transcript."""
    heard = [(rank, frame) for rank in (0, 1) for frame in recording.frames_of(rank)]
    parts: dict[str, list[Int64Array]] = defaultdict(list)
    for rank, frame in heard:  # party 0 hears all others, and party 1 hears party 0
        if (frame.way, frame.tag) == ("got", "MSUM") and (rank == 0 or frame.peer == "party:0"):
            parts[frame.peer].append(np.frombuffer(frame.payload, np.int64))
    assert len(parts) == recording.session.num_parties
    return added([np.concatenate(of) for of in parts.values()])


def gaps_between(opened: Int64Array) -> list[int]:
    """Return how far from each other neighbours are among what is opened under masks.

    What is small is meant to be open: labels, bits.
    """
    numbers = sorted(number for number in opened.tolist() if abs(number) >= 2**20)
    return [after - before for before, after in pairwise(numbers)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("num_parties", "name"),
    [(2, "assignments"), (2, "restarts"), (3, "own-mean"), (2, "leaders"), (3, "warm")],
)
def test_no_mask_hides_two_secrets(num_parties: int, name: str, recorded: Record) -> None:
    """All points at the origin, so that secrets are small: two under one mask would be near."""
    with recorded(num_parties) as recording:
        for _ in range(3 if name == "warm" else 2):
            recording.session.cluster(JOBS[name], np.zeros((9, 3)), np.zeros((9, 2)))
    opened = opened_sums(recording)
    gaps = gaps_between(opened)
    assert len(gaps) > max(500, 0.9 * len(opened))
    assert min(gaps) > 2**26  # of a few thousand numbers: less once in ten thousand times


@pytest.mark.slow
def test_secrets_without_masks_would_be_small(recorded: Record) -> None:
    """Until the dealer's tuples, which do not fit such masks, make them anything."""
    with recorded(2, zero_masks=True) as recording:
        recording.session.cluster(JOBS["own-mean"], np.zeros((9, 3)), np.zeros((9, 2)))
    opened = opened_sums(recording)
    assert len(gaps_between(opened)) < 0.85 * len(opened)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("num_parties", "name"),
    [(2, "distances"), (3, "assignments"), (2, "restarts")],
)
def test_other_inputs_look_the_same(
    num_parties: int, name: str, recorded: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For server, clients, parties and, by what party 0 sends to it, the dealer.

    Of inputs that take as many iterations: their number is public.
    """
    heard: list[tuple[str, str, str, int, int]] = []
    note_received = Link.note_received
    job = JOBS[name]

    def noting(self: Link, header: Header) -> None:
        heard.append((self.me, self.peer, header.tag.decode(), header.number, header.length))
        note_received(self, header)

    monkeypatch.setattr(Link, "note_received", noting)
    inputs = [
        (POINTS, PAYLOAD),
        (np.zeros_like(POINTS), np.zeros_like(PAYLOAD)),
        (POINTS[::-1].copy(), np.full_like(PAYLOAD, -1e9)),
    ]
    at_home, marks, iterations = [], [], set()
    with recorded(num_parties) as recording:
        session = recording.session
        session.cluster(job, *inputs[0])  # owners connect
        for given in inputs:
            heard.clear()
            marks.append(session._jobs + 1)
            iterations.add(session.cluster(job, *given).iterations)
            at_home.append([without_length(*line) for line in heard])
    assert len(iterations) == 1
    first = shifted(at_home[0], marks[0])
    assert len(first) > 6 * num_parties
    for lines, mark in zip(at_home[1:], marks[1:], strict=True):
        assert sorted(shifted(lines, mark)) == sorted(first)
    for rank in range(num_parties):
        jobs = jobs_of(recording.frames_of(rank))[-len(inputs) :]
        assert len(jobs[0]) > 20
        for other in jobs[1:]:
            assert sorted(other) == sorted(jobs[0])


def without_length(
    me: str, peer: str, tag: str, number: int, length: int
) -> tuple[str, str, str, int, int]:
    return me, peer, tag, number, 0 if tag in SPOKEN else length


def shifted(
    lines: list[tuple[str, str, str, int, int]], job: int
) -> list[tuple[str, str, str, int, int]]:
    return [(me, peer, tag, number - job, length) for me, peer, tag, number, length in lines]


def jobs_of(frames: list[Frame]) -> list[list[tuple[str, str, str, int]]]:
    """Cut a transcript where the server announces a job; numbers that only count up are left out.

    A number says which job, round or tuple a frame is of: the order says as much.
    """
    jobs: list[list[tuple[str, str, str, int]]] = []
    for frame in frames:
        announced = frame.way == "got" and frame.tag == "CTRL" and ANNOUNCED in frame.payload
        if announced:
            jobs.append([])
        if jobs:
            jobs[-1].append((frame.way, frame.peer, frame.tag, _length(frame)))
    return jobs


def _length(frame: Frame) -> int:
    """Return a frame's length, less what varies with the digits of times and segments' numbers."""
    if frame.tag in SPOKEN:
        return 0
    if frame.tag == REQUEST.decode():
        return frame.length - len(str(json.loads(frame.payload)["segment"]))
    return frame.length
