"""Ring elements a second: AES-128 in counter mode against the generator that CrypTen uses."""

import time

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture
from targets import Samples, Target, by_turns, note

from mpc.ring.randomness import AesCtrStream, new_key


@pytest.mark.parametrize(("elements", "draws"), [(10**3, 300), (10**5, 10), (10**7, 1)])
def test_masks(
    benchmark: BenchmarkFixture, provenance: dict[str, object], elements: int, draws: int
) -> None:
    stream, threads = AesCtrStream(new_key()), torch.get_num_threads()

    def ours() -> float:
        started = time.perf_counter()
        for _ in range(draws):
            stream.ring((elements,))
        return (time.perf_counter() - started) / draws

    def torchs() -> float:
        started = time.perf_counter()
        for _ in range(draws):
            torch.randint(-(2**63), 2**63 - 1, (elements,), dtype=torch.int64)
        return (time.perf_counter() - started) / draws

    mine, theirs = Samples(ours), Samples(torchs)
    torch.set_num_threads(1)
    try:
        by_turns(benchmark, mine, theirs, rounds=21)
    finally:
        torch.set_num_threads(threads)
    rates = {"ours": elements / mine.median, "torch": elements / theirs.median}
    benchmark.extra_info.update(
        provenance, parties=0, provider="none", links="none", elements_a_second=rates
    )
    target = Target(
        what=f"masks, 10^{len(str(elements)) - 1} at a time, AES-CTR / torch, elements a second",
        ratio=rates["ours"] / rates["torch"],
        bound="at least",
        target=1.0,
        figures=f"{rates['ours'] / 1e6:.0f} M/s / {rates['torch'] / 1e6:.0f} M/s",
    )
    note(benchmark, target)
