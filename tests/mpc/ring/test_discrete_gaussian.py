"""Samples have exactly the probabilities of the discrete Gaussian, by float64 and by fractions."""

import math
from collections import Counter
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import chi2  # type: ignore[import-untyped]

from mpc.ring import discrete_gaussian as module
from mpc.ring.discrete_gaussian import PrivateNoise, bernoulli_exp, discrete_gaussian
from mpc.ring.fixedpoint import Int64Array
from mpc.ring.randomness import AesCtrStream

KEY = bytes(range(16))
CHANCE = 1e-4
"""Keys are fixed, so a test that passes once passes always."""


def probabilities(variance: Fraction, most: int) -> dict[int, float]:
    """Return the probability of each number -most .. most, of all that have any."""
    weights = {n: math.exp(-(n**2) / (2 * float(variance))) for n in range(-most, most + 1)}
    total = sum(weights.values())
    return {n: weight / total for n, weight in weights.items()}


def chi_squared_chance(found: Int64Array, variance: Fraction) -> float:
    """Return the probability of frequencies at least as odd as these."""
    expected = probabilities(variance, 12 + 12 * math.ceil(math.sqrt(variance)))
    counts = Counter(found.tolist())
    usual = [n for n, p in expected.items() if p * len(found) >= 20]
    rest = len(found) - sum(counts[n] for n in usual)
    rest_expected = len(found) * (1 - sum(expected[n] for n in usual))
    odd = sum(
        (counts[n] - len(found) * expected[n]) ** 2 / (len(found) * expected[n]) for n in usual
    )
    odd += (rest - rest_expected) ** 2 / max(rest_expected, 1e-9) if rest else rest_expected
    return float(chi2.sf(odd, len(usual)))


@pytest.mark.parametrize(
    "variance",
    [Fraction(1, 50), Fraction(1, 4), Fraction(1), Fraction(22, 7), Fraction(100), Fraction(2500)],
    ids=str,
)
def test_frequencies_are_those_of_the_exact_distribution(variance: Fraction) -> None:
    found = discrete_gaussian(AesCtrStream(KEY), (200_000,), variance)
    assert chi_squared_chance(found, variance) > CHANCE


def test_a_slightly_wrong_variance_would_be_found() -> None:
    found = discrete_gaussian(AesCtrStream(KEY), (200_000,), Fraction(22, 7))
    assert chi_squared_chance(found, Fraction(22, 7) * Fraction(51, 50)) < CHANCE


@pytest.mark.parametrize("bits", [10, 23, 45, 48])
def test_moments_of_wide_noise(bits: int) -> None:
    count, stddev = 100_000, 2.0**bits
    z = discrete_gaussian(AesCtrStream(KEY), (count,), Fraction(2) ** (2 * bits)) / stddev
    for power, moment in {1: 0, 2: 1, 3: 0, 4: 3, 5: 0, 6: 15}.items():
        spread = math.sqrt((math.prod(range(1, 4 * power, 2)[:power]) - moment**2) / count)
        assert abs((z**power).mean() - moment) < 4 * spread, power
    assert abs(np.abs(z).max() - 4.4) < 1
    even = int((discrete_gaussian(AesCtrStream(KEY), (count,), 4**bits) & 1).sum())
    assert abs(even - count / 2) < 2 * math.sqrt(count)  # down to the last bit


@pytest.mark.parametrize("variance", [Fraction(1, 3), Fraction(7), Fraction(1 << 80)], ids=str)
def test_float64_decides_as_fractions_do(
    variance: Fraction, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = discrete_gaussian(AesCtrStream(KEY), (2_000,), variance)
    asked = []
    decided = module._decided

    def counting(stream: AesCtrStream, uniform: int, exponent: Fraction) -> bool:
        asked.append(exponent)
        return decided(stream, uniform, exponent)

    monkeypatch.setattr(module, "_decided", counting)
    assert np.array_equal(discrete_gaussian(AesCtrStream(KEY), (2_000,), variance), usual)
    assert len(asked) == 0
    monkeypatch.setattr(module, "_EXP_ERROR", 1.0)  # float64 is trusted with nothing
    assert np.array_equal(discrete_gaussian(AesCtrStream(KEY), (2_000,), variance), usual)
    assert len(asked) > 5_000


def test_bits_are_drawn_until_a_trial_is_decided() -> None:
    with localcontext() as context:
        context.prec = 80
        threshold = int(Decimal(-1).exp() * (1 << 192))
    first = threshold >> 128

    class Scripted(AesCtrStream):
        """Draws the digits of exp(-1), so that 64 bits do not tell which is more."""

        def __init__(self, words: list[int]) -> None:
            self.words = words

        def ring(self, shape: object) -> Int64Array:
            return np.array([self.words.pop(0)], dtype=np.uint64).view(np.int64)

    rest = [(threshold >> 64) & (2**64 - 1), threshold & (2**64 - 1)]
    for last, expected in ((rest[1] - 3, True), (rest[1] + 3, False)):
        script = Scripted([first, rest[0], last])
        ones = np.ones(1)
        (found,) = bernoulli_exp(script, ones, ones * 2.0**-48, lambda at: Fraction(1))
        assert found == expected
        assert script.words == []


def test_no_two_sources_draw_the_same_and_no_variance_is_no_noise() -> None:
    variance = Fraction(1 << 40)
    draws = [PrivateNoise().draw((50,), variance) for _ in range(2)]
    assert not np.array_equal(draws[0], draws[1])
    one, other = (PrivateNoise(KEY).draw((50,), variance) for _ in range(2))
    assert np.array_equal(one, other)
    assert not PrivateNoise().draw((3, 2), Fraction(0)).any()


@pytest.mark.parametrize("variance", [0, -1, 2**97])
def test_a_variance_out_of_range_is_refused(variance: int) -> None:
    with pytest.raises(ValueError, match="is not in"):
        discrete_gaussian(AesCtrStream(KEY), (1,), variance)
