"""Masks: the AES stream against the standard, key agreement against the RFCs."""

import hashlib
import hmac

import numpy as np
import pytest
import torch
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from mpc.engine import _crypten
from mpc.errors import FrameError
from mpc.ring.randomness import AesCtrStream, KeyAgreement, new_key

FIPS_KEY = bytes(range(16))


def test_aes_stream_is_that_of_the_standard() -> None:
    # NIST SP 800-38A F.5.1 gives other counters; FIPS 197 C.1 fixes AES-128 itself at counter zero.
    first = AesCtrStream(FIPS_KEY).ring([2]).tobytes()
    assert first.hex() == "c6a13b37878f5b826f4f8162a1c8d879"


def test_the_nonce_is_the_upper_half_of_the_counter() -> None:
    nonce = 0xF0F1F2F3F4F5F6F7
    block = nonce.to_bytes(8, "big") + (3).to_bytes(8, "big")
    encryptor = Cipher(algorithms.AES(FIPS_KEY), modes.CTR(block)).encryptor()
    drawn = AesCtrStream(FIPS_KEY, nonce=nonce).ring((8,)).tobytes()
    assert drawn[48:64] == encryptor.update(bytes(16))


@given(st.lists(st.integers(0, 5000), max_size=6))
def test_a_stream_does_not_depend_on_how_it_is_cut(lengths: list[int]) -> None:
    stream = AesCtrStream(FIPS_KEY)
    parts = [stream.ring((length,)) for length in lengths]
    whole = AesCtrStream(FIPS_KEY).ring((sum(lengths),))
    assert np.array_equal(np.concatenate([np.empty(0, dtype=np.int64), *parts]), whole)


def test_large_draws_go_on_where_small_ones_ended() -> None:
    one, other = AesCtrStream(FIPS_KEY, nonce=5), AesCtrStream(FIPS_KEY, nonce=5)
    small = np.concatenate([one.ring((1001,)) for _ in range(100)])
    assert np.array_equal(small, other.ring((100, 1001)).reshape(-1))
    assert np.array_equal(one.ring((3,)), other.ring((3,)))


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 5), (50, 60), (7, 5000)])
def test_drawn_arrays_are_writable_and_of_the_shape(shape: tuple[int, ...]) -> None:
    drawn = AesCtrStream(new_key()).ring(shape)
    assert drawn.shape == shape
    assert drawn.dtype == np.int64
    assert drawn.flags.writeable
    assert drawn.flags.c_contiguous
    tensor = torch.from_numpy(drawn)
    tensor += 1


def test_another_nonce_is_another_stream() -> None:
    streams = [AesCtrStream(FIPS_KEY, nonce=nonce).ring((4,)) for nonce in (0, 1, 2**64 - 1)]
    assert len({stream.tobytes() for stream in streams}) == 3
    assert np.array_equal(streams[0], AesCtrStream(FIPS_KEY).ring((4,)))
    for wrong in (-1, 2**64):
        with pytest.raises(ValueError, match="2\\^64"):
            AesCtrStream(FIPS_KEY, nonce=wrong)


def test_two_holders_of_a_key_draw_the_same() -> None:
    a, b = AesCtrStream(FIPS_KEY), AesCtrStream(FIPS_KEY)
    assert np.array_equal(a.ring((3, 4)), b.ring((3, 4)))
    assert np.array_equal(a.bits((100,), 5), b.bits((100,), 5))
    assert a.bits((1000,), 5).max() < 32


def test_protocol_masks_never_come_from_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a mask was drawn from torch's generator")

    stream = AesCtrStream(bytes(16))
    for owner, name in _crypten._DRAWN_BY:
        monkeypatch.setattr(owner, name, getattr(owner, name))
    _crypten._replace_generators(stream)
    monkeypatch.setattr(torch, "randint", refuse)
    primitives = _crypten.crypten.mpc.primitives
    drawn = primitives.arithmetic.generate_random_ring_element((4,), generator=stream)
    assert drawn.dtype == torch.int64
    assert primitives.binary.generate_kbit_random_tensor((9,), bitlength=1).max() <= 1


ALICE = "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"
ALICE_PUBLIC = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
BOB = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"
BOB_PUBLIC = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
SECRET = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"


def with_private_key(private: str) -> KeyAgreement:
    side = KeyAgreement()
    side._private = X25519PrivateKey.from_private_bytes(bytes.fromhex(private))
    return side


def hkdf_sha256(secret: bytes, info: bytes) -> bytes:
    """RFC 5869, one block, no salt."""
    extracted = hmac.new(bytes(32), secret, hashlib.sha256).digest()
    return hmac.new(extracted, info + b"\x01", hashlib.sha256).digest()[:16]


def test_key_agreement_is_that_of_the_rfcs() -> None:
    # RFC 5869, test case 3, holds the function above; RFC 7748, section 6.1, the rest.
    assert hkdf_sha256(b"\x0b" * 22, b"").hex() == "8da4e775a563c18f715f802a063c5a31"
    alice, bob = with_private_key(ALICE), with_private_key(BOB)
    assert alice.public_bytes().hex() == ALICE_PUBLIC
    assert bob.public_bytes().hex() == BOB_PUBLIC
    expected = hkdf_sha256(bytes.fromhex(SECRET), b"masks")
    assert alice.shared_key(bytes.fromhex(BOB_PUBLIC), context=b"masks") == expected
    assert bob.shared_key(bytes.fromhex(ALICE_PUBLIC), context=b"masks") == expected


def test_both_sides_derive_the_same_key() -> None:
    one, other = KeyAgreement(), KeyAgreement()
    key = one.shared_key(other.public_bytes(), context=b"masks")
    assert key == other.shared_key(one.public_bytes(), context=b"masks")
    assert len(key) == 16
    assert key != one.shared_key(other.public_bytes(), context=b"else")
    assert key != one.shared_key(KeyAgreement().public_bytes(), context=b"masks")


@pytest.mark.parametrize(
    "public",
    [
        b"",
        bytes(31),
        bytes(33),
        bytes(32),
        (1).to_bytes(32, "little"),
        (2**255 - 20).to_bytes(32, "little"),
        bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
        bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    ],
)
def test_keys_that_are_malformed_or_of_low_order_are_refused(public: bytes) -> None:
    with pytest.raises(FrameError, match="public key"):
        KeyAgreement().shared_key(public, context=b"masks")


def test_a_reflected_key_is_refused() -> None:
    side = KeyAgreement()
    with pytest.raises(FrameError, match="own"):
        side.shared_key(side.public_bytes(), context=b"masks")
