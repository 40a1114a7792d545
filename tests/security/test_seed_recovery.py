"""CrypTen's masks fall to a search for 32 bits of a seed; ours do not, to the same search.

One attack (`mt19937_attack`), two dealers. It gets what party 1 legitimately sees. Scaled down: of
the 32 bits of the seed that count, 16 are told, so that a run takes seconds; see there.
"""

import secrets
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from mpc.engine._crypten import crypten
from mpc.preprocessing.expander import Expander
from mpc.preprocessing.requests import TupleRequest
from mpc.ring.randomness import KEY_BYTES, AesCtrStream, new_key
from mpc.session.data_owner import split
from tests.security.crypten_run import CrypTenRun, run_crypten
from tests.security.mt19937_attack import (
    SLICE_BITS,
    Int64Array,
    PartyView,
    Recovery,
    consistent_seeds,
    draw_keys,
    guess_without_filter,
    masks_of_products,
    recover,
    slice_of_seeds,
)
from tests.security.zero_sharing import NUM_PARTIES, seed_with_upper_bits, shares_of_zero

SECRETS = (np.array([931362339, -7, 0]), np.array([2**40 + 1, 5, -(2**62)]))


class CrypTenStream:
    """A party's masks, drawn by CrypTen's own function from its generator for a seed."""

    def __init__(self, key: bytes) -> None:
        seed = int(np.frombuffer(key, np.int64)[0])
        self._generator = torch.Generator().manual_seed(seed)

    def ring(self, shape: Sequence[int]) -> Int64Array:
        draw = crypten.common.rng.generate_random_ring_element
        return np.asarray(draw(tuple(shape), generator=self._generator))


def view_of_our_dealer(keys: list[bytes]) -> PartyView:
    """Deal triples for two parties, and open x - a as a Beaver product does."""
    dealer = Expander([AesCtrStream(key) for key in keys])
    parties = [AesCtrStream(key) for key in keys]
    opened = []
    for x in SECRETS:
        parts = [[stream.ring(x.shape) for _ in "ab"] for stream in parties]
        c_0 = dealer.correction(TupleRequest("mul", (x.shape, x.shape)))
        c_1 = parties[1].ring(x.shape)
        a, b = np.sum(parts, axis=0)
        assert np.array_equal(a * b, c_0 + c_1)  # these are the masks of a product, no others
        opened.append(
            np.sum(
                [share - part[0] for share, part in zip(split(x, 2), parts, strict=True)], axis=0
            )
        )
    return PartyView(rank=1, num_parties=2, key=keys[1], opened=tuple(opened))


def weak_keys(seed: int) -> list[bytes]:
    """Keys for our dealer as CrypTen would draw them."""
    return list(draw_keys(torch.Generator().manual_seed(seed), 2, KEY_BYTES))


def finds_the_secrets(found: list[Recovery], truth: tuple[Int64Array, ...]) -> bool:
    return any(
        all(np.array_equal(x, known) for x, known in zip(each.secrets, truth, strict=True))
        for each in found
    )


@pytest.fixture(scope="module")
def crypten_run(tmp_path_factory: pytest.TempPathFactory) -> CrypTenRun:
    """Three parties: party 1 finds the keys of two others."""
    rendezvous: Path = tmp_path_factory.mktemp("gloo") / "rendezvous"
    return run_crypten(NUM_PARTIES, rendezvous, upper_bits=secrets.randbits(16))


@pytest.mark.slow
def test_party_1_of_crypten_recovers_all_seeds_masks_and_secrets(crypten_run: CrypTenRun) -> None:
    found = recover(crypten_run.view, CrypTenStream, crypten_run.upper_bits)
    assert len(found) == 1
    assert found[0].seed == crypten_run.true_seed
    assert found[0].keys == crypten_run.true_keys
    masks = masks_of_products(crypten_run.true_keys, CrypTenStream, [(3,), (3,)])
    for recovered, true in zip(found[0].masks, masks, strict=True):
        assert np.array_equal(recovered, true)
    for recovered, true in zip(found[0].secrets, crypten_run.true_secrets, strict=True):
        assert np.array_equal(recovered, true)


@pytest.mark.slow
def test_exactly_one_seed_of_the_slice_unmasks_crypten(crypten_run: CrypTenRun) -> None:
    guesses = guess_without_filter(crypten_run.view, CrypTenStream, crypten_run.upper_bits)
    secret = crypten_run.true_secrets[0]
    assert sum(np.array_equal(guess, secret) for guess in guesses) == 1


@pytest.mark.slow
def test_the_same_attack_finds_nothing_in_ours() -> None:
    upper_bits = secrets.randbits(16)
    view = view_of_our_dealer([new_key(), new_key()])
    assert recover(view, AesCtrStream, upper_bits) == []
    guesses = guess_without_filter(view, AesCtrStream, upper_bits)
    assert not any(np.array_equal(guess, SECRETS[0]) for guess in guesses)


def test_no_seed_of_the_slice_gives_the_stream_that_our_party_holds() -> None:
    stream = AesCtrStream(new_key()).ring((2,))
    assert consistent_seeds(stream, first=0, upper_bits=secrets.randbits(16)) == []


@pytest.mark.slow
def test_the_attack_would_succeed_on_our_dealer_with_keys_from_torch() -> None:
    upper_bits, low = secrets.randbits(16), secrets.randbits(SLICE_BITS)
    seed = upper_bits << SLICE_BITS | low
    view = view_of_our_dealer(weak_keys(seed))
    found = recover(view, AesCtrStream, upper_bits)
    assert [each.seed for each in found] == [seed]
    assert finds_the_secrets(found, SECRETS)
    guesses = guess_without_filter(view, AesCtrStream, upper_bits)
    assert sum(np.array_equal(guess, SECRETS[0]) for guess in guesses) == 1


def test_the_attack_fails_outside_its_slice() -> None:
    upper_bits = secrets.randbits(16)
    view = view_of_our_dealer(weak_keys((upper_bits ^ 1) << SLICE_BITS))
    assert recover(view, AesCtrStream, upper_bits) == []


def test_crypten_s_zero_sharings_fall_in_the_same_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Party 1 of 3 sees party 0's share of a known value once, and unmasks its next share.

    Party 0's share of zero is f(2, 0) - f(0, 1), each drawn from a generator that two parties
    share; f(0, 1) is known to party 1. It is shown party 0's share wherever shares are opened by
    exchange (an all-reduce that adds on the way would hide it).
    """
    upper_bits = secrets.randbits(16)
    seeds = [seed_with_upper_bits(secrets.randbits(16)) for _ in range(NUM_PARTIES - 1)]
    seeds.append(seed_with_upper_bits(upper_bits))
    zeros = shares_of_zero(monkeypatch, seeds, (2,), count=2)
    assert all(not np.sum([party[i] for party in zeros], axis=0).any() for i in range(2))
    seen_first, seen_later = zeros[0][0], zeros[0][1] + SECRETS[1][:2]

    with_party_1 = CrypTenStream(np.array([seeds[0]]).tobytes())
    drawn = seen_first + with_party_1.ring((2,))
    found = consistent_seeds(drawn, first=0, upper_bits=upper_bits)
    assert found == [seeds[2] & 0xFFFFFFFF]
    with_party_2 = CrypTenStream(np.array([found[0]]).tobytes())
    with_party_2.ring((2,))
    recovered = seen_later - with_party_2.ring((2,)) + with_party_1.ring((2,))
    assert np.array_equal(recovered, SECRETS[1][:2])


def test_our_zero_sharings_do_not() -> None:
    previous, following = AesCtrStream(new_key()), AesCtrStream(known := new_key())
    seen = previous.ring((2,)) - following.ring((2,))
    drawn = seen + AesCtrStream(known).ring((2,))
    assert consistent_seeds(drawn, first=0, upper_bits=secrets.randbits(16)) == []


@pytest.mark.parametrize("beyond", [1 << 32, 1 << 40, -(1 << 63)])
def test_torch_ignores_all_but_32_bits_of_a_seed(beyond: int) -> None:
    def drawn(seed: int) -> Int64Array:
        return CrypTenStream(np.array([seed]).tobytes()).ring((64,))

    assert np.array_equal(drawn(12345), drawn(12345 + beyond))
    assert not (drawn(12345) == drawn(12346)).any()


def test_each_of_the_128_bits_of_a_key_changes_the_whole_stream() -> None:
    key = int.from_bytes(bytes(range(16)), "big")
    stream = bits_of(key)
    for bit in range(8 * KEY_BYTES):
        agreeing = (stream == bits_of(key ^ (1 << bit))).mean()
        assert abs(agreeing - 0.5) < 0.05, bit  # 6 standard errors of 4096 bits


def bits_of(key: int) -> np.ndarray:
    drawn = AesCtrStream(key.to_bytes(KEY_BYTES, "big")).ring((64,))
    return np.unpackbits(drawn.view(np.uint8))


@pytest.mark.slow
def test_the_attack_s_mersenne_twister_is_torch_s() -> None:
    for seed in slice_of_seeds(3)[:: 1 << 12]:
        drawn = CrypTenStream(np.array([int(seed)]).tobytes()).ring((5,))
        assert consistent_seeds(drawn[3:], first=3, upper_bits=3) == [int(seed)]
