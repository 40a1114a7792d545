"""Streams and keys, in plain integers; see `plain`."""

import hashlib
import hmac
import json
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tests.vectors.notation import numbers

Case = dict[str, Any]


def aes(key: bytes, block: bytes) -> bytes:
    """Encrypt blocks with AES-128, each alone."""
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(block)  # noqa: S305


def key_stream(key: bytes, nonce: int, size: int) -> bytes:
    """Return the first bytes of a stream: AES of nonce || counter, both of 8 bytes, big-endian."""
    blocks = -(-size // 16)
    counters = b"".join(nonce.to_bytes(8, "big") + at.to_bytes(8, "big") for at in range(blocks))
    return aes(key, counters)[:size]


def elements(stream: bytes) -> list[int]:
    """Return 64-bit numbers of bytes, little-endian."""
    return [int.from_bytes(stream[at : at + 8], "little") for at in range(0, len(stream), 8)]


def aes_stream(given: Case) -> Case:
    """Draw ring elements, numbers of fewer bits, or many elements of which a digest is taken."""
    draws = given["draws"]
    size = 8 * sum(draw["count"] for draw in draws)
    stream = key_stream(bytes.fromhex(given["key"]), int(given["nonce"], 16), size)
    done, drawn = 0, []
    for draw in draws:
        piece = stream[done : done + 8 * draw["count"]]
        done += len(piece)
        if draw["as"] == "sha256":
            drawn.append(hashlib.sha256(piece).hexdigest())
        else:
            kept = (1 << draw.get("bit_length", 64)) - 1
            drawn.append(numbers([of & kept for of in elements(piece)]))
    return {"drawn": drawn}


STEPS = ("norms", "distances", "start", "assignments", "choice", "means")


def segment_key(given: Case) -> Case:
    """Derive the key of a segment's stream from all that is asked for in it."""
    step = given["step"]
    place = STEPS.index(step) if step in STEPS else len(STEPS) + int(step.split(" ")[1])
    segment = given["job"] * 2**24 + place
    text = json.dumps(given["requests"], ensure_ascii=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode("ascii")).digest()
    message = b"secfpp stream of a segment" + segment.to_bytes(8, "big") + digest
    key = hmac.new(bytes.fromhex(given["dealer_key"]), message, hashlib.sha256).digest()[:16]
    return {
        "segment": segment,
        "text": text,
        "digest": digest.hex(),
        "stream_key": key.hex(),
        "ring": numbers(elements(key_stream(key, 0, 32))),
    }


def hkdf(secret: bytes, info: bytes, size: int) -> bytes:
    """Return HKDF-SHA256 without salt."""
    extracted = hmac.digest(bytes(32), secret, "sha256")
    out = last = b""
    for at in range(1, -(-size // 32) + 1):
        last = hmac.digest(extracted, last + info + bytes([at]), "sha256")
        out += last
    return out[:size]


def x25519(private: bytes, public: bytes) -> bytes:
    """Return the X25519 function, by the ladder of RFC 7748, section 5."""
    prime = 2**255 - 19
    scalar = int.from_bytes(private, "little") & ~7 & ((1 << 254) - 1) | 1 << 254
    start = int.from_bytes(public, "little") % (1 << 255)
    x_2, z_2, x_3, z_3, swapped = 1, 0, start, 1, 0
    for at in range(254, -1, -1):
        bit = scalar >> at & 1
        if bit ^ swapped:
            x_2, z_2, x_3, z_3 = x_3, z_3, x_2, z_2
        swapped = bit
        plus, minus = x_2 + z_2, x_2 - z_2
        square, other = plus * plus % prime, minus * minus % prime
        gap = square - other
        left, right = (x_3 - z_3) * plus, (x_3 + z_3) * minus
        x_3, z_3 = (left + right) ** 2 % prime, start * (left - right) ** 2 % prime
        x_2, z_2 = square * other % prime, gap * (square + 121665 * gap) % prime
    if swapped:
        x_2, z_2 = x_3, z_3
    return (x_2 * pow(z_2, prime - 2, prime) % prime).to_bytes(32, "little")


def key_agreement(given: Case) -> Case:
    """Return a side's public bytes, and the key that it shares with a peer."""
    private, peer = bytes.fromhex(given["private"]), bytes.fromhex(given["peer_public"])
    secret = x25519(private, peer)
    return {
        "public": x25519(private, (9).to_bytes(32, "little")).hex(),
        "shared_key": hkdf(secret, given["context"].encode(), 16).hex(),
    }
