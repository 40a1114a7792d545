"""Comparisons by keys of function secret sharing: bytes of keys, evaluations a second."""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from targets import Target, note

from mpc.fixedpoint import COMPARED_BITS, EXACT_BITS
from mpc.fss import Speed, measure_signs

COUNT = 28_000
"""Pairs of N = 1000 points and K = 8 clusters."""


@pytest.mark.parametrize(
    ("num_bits", "ring_bits"), [(COMPARED_BITS, 8), (EXACT_BITS, 64), (64, 8), (64, 64)]
)
def test_comparisons(
    benchmark: BenchmarkFixture, provenance: dict[str, object], num_bits: int, ring_bits: int
) -> None:
    speed: Speed = benchmark.pedantic(
        measure_signs,
        args=(COUNT,),
        kwargs={"num_bits": num_bits, "ring_bits": ring_bits},
        rounds=3,
    )
    benchmark.extra_info.update(
        provenance,
        parties=2,
        provider="dealer",
        links="none",
        count=COUNT,
        bytes_per_key=speed.bytes_per_sign,
        generate_us=speed.generate_us,
        evaluate_us=speed.evaluate_us,
    )
    target = Target(
        what=f"comparisons of {num_bits} bits, shares of {ring_bits}: M/s evaluated by a party",
        ratio=speed.evaluations_per_second / 1e6,
        bound="no target",
        target=0.0,
        figures=f"keys of {speed.bytes_per_sign} bytes; {speed.generate_us:.2f} us to make one, "
        f"{speed.evaluate_us:.2f} us to evaluate it",
    )
    note(benchmark, target)
