"""What holds of the vectors themselves: shares add up to values of functions in plain integers.

Each function reads one case, inputs and outputs alike, and computes nothing of how shares are made.
"""

import hashlib
import hmac
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tests.vectors.notation import RING, integers, joined, numbers, signed

Case = dict[str, Any]


def _add_up(shares: Any, size: int) -> Any:
    """Return the sum of all parties' shares, in nested lists."""
    if isinstance(shares[0], list):
        return [_add_up(each, size) for each in zip(*shares, strict=True)]
    return sum(shares) % size


def aes_stream(given: Case, said: Case) -> None:
    """AES of counter blocks, one after the other, has the elements that were drawn."""
    key, counter = bytes.fromhex(given["key"]), int(given["nonce"], 16) << 64
    cipher = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305
    left = b""
    for draw, drawn in zip(given["draws"], said["drawn"], strict=True):
        while len(left) < 8 * draw["count"]:
            blocks = range(counter, counter + 1000)
            left += cipher.update(b"".join(of.to_bytes(16, "big") for of in blocks))
            counter += 1000
        piece, left = left[: 8 * draw["count"]], left[8 * draw["count"] :]
        if draw["as"] == "sha256":
            assert hashlib.sha256(piece).hexdigest() == drawn
            continue
        kept = RING if draw["as"] == "ring" else 1 << draw["bit_length"]
        words = [int.from_bytes(piece[at : at + 8], "little") for at in range(0, len(piece), 8)]
        assert numbers([word % kept for word in words]) == drawn


def segment_key(given: Case, said: Case) -> None:
    """The text is JSON of the requests; digest and key are SHA-256 and HMAC of it."""
    assert json.loads(said["text"]) == given["requests"]
    assert said["text"] == json.dumps(given["requests"], separators=(",", ":"))
    digest = hashlib.sha256(said["text"].encode("ascii"))
    assert digest.hexdigest() == said["digest"]
    assert said["segment"] >> 24 == given["job"]
    place = said["segment"] % (1 << 24)
    steps = ["norms", "distances", "start", "assignments", "choice", "means"]
    steps += [f"iteration {at}" for at in range(10)]  # that of 0 is no step
    assert steps[place] == given["step"]
    code = hmac.new(bytes.fromhex(given["dealer_key"]), digestmod="sha256")
    code.update(b"secfpp stream of a segment")
    code.update(said["segment"].to_bytes(8, "big"))
    code.update(digest.digest())
    assert code.hexdigest()[:32] == said["stream_key"]
    drawn = {"drawn": [said["ring"]]}
    nonce, draws = numbers(0), [{"as": "ring", "count": len(said["ring"])}]
    assert len(said["ring"]) == 4
    aes_stream({"key": said["stream_key"], "nonce": nonce, "draws": draws}, drawn)


def key_agreement(given: Case, said: Case) -> None:
    """X25519 and HKDF of `cryptography` give the key."""
    private = X25519PrivateKey.from_private_bytes(bytes.fromhex(given["private"]))
    assert private.public_key().public_bytes_raw().hex() == said["public"]
    peer = X25519PublicKey.from_public_bytes(bytes.fromhex(given["peer_public"]))
    derivation = HKDF(SHA256(), length=16, salt=None, info=given["context"].encode())
    assert derivation.derive(private.exchange(peer)).hex() == said["shared_key"]


def _num_bytes(num_trees: int, num_bits: int, ring_bits: int, has_values: bool) -> int:
    leaf_bits = min(num_bits, 5 if ring_bits == 8 else 2)
    levels = num_bits - leaf_bits
    values = levels * has_values + 2**leaf_bits
    total: int = num_trees * (16 * levels + values * ring_bits // 8 + (levels + 7) // 8) + 16
    return total


def _check_words(given: Case, said: Case, num_bits: int, has_values: bool) -> None:
    """Words have the size that the layout says, and end with the public key."""
    words, trees = joined(said["words"]), len(given["seeds"][0])
    assert len(words) == _num_bytes(trees, num_bits, given["ring_bits"], has_values)
    assert words[-16:].hex() == given["key"]


def dcf(given: Case, said: Case) -> None:
    """Shares add up to offset + beta [point < alpha]."""
    size = 1 << given["ring_bits"]
    alpha, beta, offset = (integers(given[name]) for name in ("alpha", "beta", "offset"))
    expected = [
        [(c + b * (z < a)) % size for a, b, c, z in zip(alpha, beta, offset, row, strict=True)]
        for row in integers(given["points"])
    ]
    assert integers(said["sums"]) == expected
    assert _add_up(integers(said["shares"]), size) == expected
    _check_words(given, said, given["num_bits"], has_values=True)


def sign(given: Case, said: Case) -> None:
    """Shares add up to [x < 0]."""
    bits, size = given["num_bits"], 1 << given["ring_bits"]
    x, r = integers(given["x"]), integers(given["r"])
    if given["kind"] == "pairs":
        assert given["blocks"] == [3, 2]
        pairs = (0, 1), (0, 2), (1, 2), (3, 4)
        expected = [int(signed(row[j] - row[i], bits) < 0) for row in x for i, j in pairs]
        z = [
            [(a + b) % RING for a, b in zip(*rows, strict=True)] for rows in zip(x, r, strict=True)
        ]
    else:
        expected = [int(signed(of, bits) < 0) for of in x]
        z = [(a + b) % RING for a, b in zip(x, r, strict=True)]
    assert integers(said["opened"]) == z
    assert integers(said["sums"]) == expected
    shares = integers(said["shares"])
    assert _add_up(shares, size) == expected
    _check_words(given, said, bits - 1, has_values=True)


def dpf(given: Case, said: Case) -> None:
    """Rows add up to one-hot rows."""
    points = range(1 << given["num_bits"])
    rows = _add_up(integers(said["rows"]), 1 << given["ring_bits"])
    assert rows == [[int(point == of) for point in points] for of in integers(given["alpha"])]
    _check_words(given, said, given["num_bits"], has_values=False)


def lut_comparison(given: Case, said: Case) -> None:
    """Digits have all bits but the sign; shares add up to [x < 0]; tables are of [z < r]."""
    ring_bits = given["ring_bits"]
    if given["kind"] == "plan":
        assert sum(said["digits"]) == given["num_bits"] - 1
        words = sum(-(-(2**bits) // 64) for bits in said["digits"])
        products = 3 * 2 ** (len(said["digits"]) - 1)
        assert said["bytes_per_number"] == 8 * words + (products * ring_bits + 7) // 8
        return
    digits, size = given["digits"], 1 << ring_bits
    x, r = integers(given["x"]), integers(given["r"])
    expected = [int(signed(of, sum(digits) + 1) < 0) for of in x]
    assert said["signs"] == expected
    assert _add_up(integers(said["shares"]), size) == expected
    z = integers(said["opened_numbers"])
    assert z == [(a + b) % RING for a, b in zip(x, r, strict=True)]
    for at in range(len(x)):
        shift, words = 0, [row[at] for row in integers(said["tables"])]
        for bits in digits:
            table = "".join(f"{words.pop(0):064b}"[::-1] for _ in range(-(-(2**bits) // 64)))
            digit = (r[at] >> shift) % 2**bits
            assert table == "1" * digit + "0" * (len(table) - digit)
            shift += bits
        top = (r[at] >> shift) % 2
        assert integers(said["products"])[-1][at] == top
        _check_flipped(digits, z[at], r[at], [row[at] for row in said["flips"]], said, at)
    _check_products(said, len(digits), size)
    _check_dealt(given, said)


def _check_flipped(
    digits: list[int], z: int, r: int, flips: list[str], said: Case, at: int
) -> None:
    """What is opened is [z < r] and [z = r] of the digits, flipped."""
    bits: list[bool] = []
    for place, length in enumerate(digits):
        shift = sum(digits[:place])
        mine, masked = (of >> shift & ((1 << length) - 1) for of in (r, z))
        bits += [masked < mine] if place == 0 else [masked < mine, masked == mine]
    opened = [
        int(row[at]) ^ int(flip) for row, flip in zip(said["opened_bits"], flips, strict=True)
    ]
    assert opened == bits


def _check_products(said: Case, num_digits: int, size: int) -> None:
    """Products are of flips: digit by digit, and of sets of the digits above it."""
    products = integers(said["products"])
    flips = [[int(bit) for bit in row] for row in said["flips"]]
    of_e, of_g = flips[2::2][::-1], [flips[0], *flips[1::2]]
    for at, top in enumerate(products[-1]):
        chosen = [1 - 2 * top]
        for row in of_e:
            chosen += [of * row[at] for of in chosen]
        expected = list(chosen)
        for place, row in enumerate(of_g):
            expected += [of * row[at] for of in chosen[: 1 << (num_digits - 1 - place)]]
        assert [row[at] for row in products[:-1]] == [of % size for of in expected]


def _check_dealt(given: Case, said: Case) -> None:
    """Tables of shares are xored to what was dealt, products add up; the rest is zeros."""
    flat = [integers(of) for of in (said["first_share"], *given["drawn_shares"])]
    tables, size = integers(said["tables"]), 1 << given["ring_bits"]
    num_words, count = len(tables), len(tables[0])
    for place, word in enumerate(of for row in tables for of in row):
        for each in flat:
            word ^= each[place]
        assert word == 0
    rows = integers(said["products"])
    dealt = [of for row in rows for of in row]
    width = max(given["ring_bits"], 8)
    used = [0] * (len(flat[0]) - num_words * count)
    per_word, total = 64 // width, [0] * len(dealt)
    for each in flat:
        for place in range(len(dealt)):
            at, high = place, 0
            if given["ring_bits"] == 4:
                half = -(-len(rows) // 2) * count
                at, high = place % half, 4 * (place >= half)
            word = each[num_words * count + at // per_word]
            shift = width * (at % per_word) + high
            used[at // per_word] |= (size - 1) << shift
            total[place] += (word >> shift) % size
    assert [of % size for of in total] == dealt
    for word, bits in zip(flat[0][num_words * count :], used, strict=True):
        assert word & ~bits == 0


def truncation(given: Case, said: Case) -> None:
    """Shares add up to x >> shift, or to 1 more."""
    r, shift = integers(given["r"]), given["shift"]
    assert integers(said["quotient_of_r"]) == [of >> shift for of in r]
    _check_quotient(given, said, 1 << shift)
    for x, value, z in zip(*(integers(of) for of in _of(given, said)), strict=True):
        x = signed(x) if given["signed"] else x
        borrow = z % (1 << shift) < (z - x) % RING % (1 << shift)
        assert signed(value) == (x >> shift) + borrow


def _of(given: Case, said: Case) -> tuple[list[str], list[str], list[str]]:
    return given["x"], said["value"], said["opened"]


def division(given: Case, said: Case) -> None:
    """Shares add up to x / divisor, less than 2 off."""
    r, divisor = integers(given["r"]), given["divisor"]
    assert integers(said["quotient_of_r"]) == [of // divisor for of in r]
    _check_quotient(given, said, divisor)
    for x, value, _ in zip(*(integers(of) for of in _of(given, said)), strict=True):
        assert abs(signed(value) * divisor - signed(x)) < 2 * divisor


def _check_quotient(given: Case, said: Case, divisor: int) -> None:
    """Shares add up, and the parts of r make r."""
    x, r, drawn = integers(given["x"]), integers(given["r"]), given["drawn_shares"]
    assert integers(said["opened"]) == [(a + b) % RING for a, b in zip(x, r, strict=True)]
    assert _add_up(integers(said["shares"]), RING) == integers(said["value"])
    for name in ("quotient", "top"):
        both = integers([said["first_share"][name], drawn[name]])
        assert _add_up(both, RING) == integers(said[f"{name}_of_r"])
    for of, quotient, top in zip(
        r, integers(said["quotient_of_r"]), integers(said["top_of_r"]), strict=True
    ):
        assert 0 <= of - quotient * divisor < divisor
        assert top == int(of >= RING // 2)


def lookup(given: Case, said: Case) -> None:
    """Shares add up to the table's entry at x."""
    x, r, table = (integers(given[name]) for name in ("x", "r", "table"))
    entries = [table[of % len(table)] for of in x]
    assert integers(said["entry"]) == entries
    assert _add_up(integers(said["shares"]), RING) == entries
    assert integers(said["opened"]) == [(a + b) % RING for a, b in zip(x, r, strict=True)]
    rows = _add_up([integers(said["first_rows"]), integers(given["drawn_rows"])], RING)
    assert rows == said["one_hot"]
    for row, of in zip(rows, r, strict=True):
        assert row.index(1) == of % len(table)
        assert sum(row) == 1


def published(entry: Case) -> None:
    """A vector of a standard is right by `cryptography`, and by the standard library."""
    if "blocks" in entry:
        cipher = Cipher(algorithms.AES(bytes.fromhex(entry["key"])), modes.ECB())  # noqa: S305
        blocks = cipher.encryptor().update(bytes.fromhex("".join(entry["counters"])))
        assert blocks.hex() == "".join(entry["blocks"])
    elif "hmac" in entry:
        key, data = bytes.fromhex(entry["key"]), bytes.fromhex(entry["data"])
        assert hmac.digest(key, data, "sha256").hex() == entry["hmac"]
    elif "sha256" in entry:
        assert hashlib.sha256(bytes.fromhex(entry["data"])).hexdigest() == entry["sha256"]
    elif "okm" in entry:
        okm, info = bytes.fromhex(entry["okm"]), bytes.fromhex(entry["info"])
        derivation = HKDF(SHA256(), length=len(okm), salt=None, info=info)
        assert derivation.derive(bytes.fromhex(entry["secret"])) == okm
    else:
        private = [
            X25519PrivateKey.from_private_bytes(bytes.fromhex(side["private"]))
            for side in entry["sides"]
        ]
        public = [each.public_key() for each in private]
        assert [of.public_bytes_raw().hex() for of in public] == [
            side["public"] for side in entry["sides"]
        ]
        for own, other in zip(private, public[::-1], strict=True):
            assert own.exchange(other).hex() == entry["secret"]
