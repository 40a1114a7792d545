"""What this project's functions give for the inputs of vectors, in the notation of vectors."""

import hashlib
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import torch
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from mpc import fss
from mpc.clustering import centring
from mpc.engine.context import Party, SharedTensor
from mpc.engine.correlations import Mask, Truncation
from mpc.engine.mask_id import MaskId
from mpc.gates import lut_comparison as lut
from mpc.gates.pairs import differences
from mpc.preprocessing import segments
from mpc.preprocessing.expander import division_pair, one_hot_rows, truncation_pair
from mpc.preprocessing.requests import TupleRequest, segment_of
from mpc.protocols import lookup as looking
from mpc.protocols.division import split
from mpc.ring.randomness import AesCtrStream, KeyAgreement
from tests.vectors.notation import integers, lines, numbers

Case = dict[str, Any]


def _ring(texts: Any) -> np.ndarray:
    """Return numbers as int64, as the project holds ring elements."""
    return np.array(integers(texts), dtype=np.uint64).view(np.int64)


def _words(texts: Any, ring_bits: int = 64) -> np.ndarray:
    return np.array(integers(texts), dtype=f"uint{ring_bits}")


def aes_stream(given: Case) -> Case:
    """Draw from `mpc.ring.randomness.AesCtrStream`."""
    stream = AesCtrStream(bytes.fromhex(given["key"]), int(given["nonce"], 16))
    drawn: list[Any] = []
    for draw in given["draws"]:
        shape = (draw["count"],)
        if draw["as"] == "sha256":
            drawn.append(hashlib.sha256(stream.ring(shape).tobytes()).hexdigest())
        elif draw["as"] == "bits":
            drawn.append(numbers(stream.bits(shape, draw["bit_length"])))
        else:
            drawn.append(numbers(stream.ring(shape)))
    return {"drawn": drawn}


def segment_key(given: Case) -> Case:
    """Call `mpc.preprocessing.segments`, and note what it hashes and what key it takes."""
    requests = [TupleRequest.from_json(values) for values in given["requests"]]
    segment = segment_of(given["job"], given["step"])
    with mock.patch.object(hashlib, "sha256", wraps=hashlib.sha256) as hashed:
        digest = segments.digest_of(requests)
    with mock.patch.object(segments, "AesCtrStream", wraps=AesCtrStream) as made:
        stream = segments.stream_of(bytes.fromhex(given["dealer_key"]), segment, digest)
    return {
        "segment": segment,
        "text": hashed.call_args.args[0].decode("ascii"),
        "digest": digest.hex(),
        "stream_key": made.call_args.args[0].hex(),
        "ring": numbers(stream.ring((4,))),
    }


def key_agreement(given: Case) -> Case:
    """Call `mpc.ring.randomness.KeyAgreement` with a private key that is not fresh."""
    side = KeyAgreement()
    side._private = X25519PrivateKey.from_private_bytes(bytes.fromhex(given["private"]))
    peer, context = bytes.fromhex(given["peer_public"]), given["context"].encode()
    return {
        "public": side.public_bytes().hex(),
        "shared_key": side.shared_key(peer, context=context).hex(),
    }


def _seeds(given: Case) -> list[np.ndarray]:
    """Return root seeds, int64 (B, 2) of each party."""
    return [
        np.frombuffer(bytes.fromhex("".join(of)), dtype="<i8").reshape(-1, 2)
        for of in given["seeds"]
    ]


def dcf(given: Case) -> Case:
    """Call `mpc.fss.generate` and `evaluate`."""
    bits, ring_bits, seeds = given["num_bits"], given["ring_bits"], _seeds(given)
    words = fss.generate(
        _words(given["alpha"]),
        _words(given["beta"], ring_bits),
        *seeds,
        num_bits=bits,
        ring_bits=ring_bits,
        offset=_words(given["offset"], ring_bits),
        key=bytes.fromhex(given["key"]),
    )
    points = _words(given["points"])
    shares = np.array(
        [[fss.evaluate(party, seeds[party], words, row) for row in points] for party in (0, 1)]
    )
    return {
        "words": lines(words.to_bytes()),
        "shares": numbers(shares, ring_bits),
        "sums": numbers(shares[0] + shares[1], ring_bits),
    }


def sign(given: Case) -> Case:
    """Call `mpc.fss.generate_sign` and `evaluate_sign`."""
    bits, ring_bits, seeds = given["num_bits"], given["ring_bits"], _seeds(given)
    x, r = _ring(given["x"]), _ring(given["r"])
    z, blocks = x + r, given.get("blocks")
    masks, points = (differences(of, blocks) if blocks else of for of in (r, z))
    words = fss.generate_sign(
        masks.view(np.uint64),
        *seeds,
        num_bits=bits,
        ring_bits=ring_bits,
        key=bytes.fromhex(given["key"]),
    )
    shares = np.array(
        [fss.evaluate_sign(party, seeds[party], words, points.view(np.uint64)) for party in (0, 1)]
    )
    return {
        "opened": numbers(z),
        "words": lines(words.to_bytes()),
        "shares": numbers(shares, ring_bits),
        "sums": numbers(shares[0] + shares[1], ring_bits),
    }


def dpf(given: Case) -> Case:
    """Call `mpc.fss.generate_point` and `PointKeys.expand`."""
    bits, ring_bits, seeds = given["num_bits"], given["ring_bits"], _seeds(given)
    words = fss.generate_point(
        _words(given["alpha"]),
        *seeds,
        num_bits=bits,
        ring_bits=ring_bits,
        key=bytes.fromhex(given["key"]),
    )
    keys = [fss.PointKeys(party=party, seeds=seeds[party], words=words) for party in (0, 1)]
    return {
        "words": lines(words.to_bytes()),
        "rows": numbers([of.expand().tolist() for of in keys], ring_bits),
    }


def lut_comparison(given: Case) -> Case:
    """Call `mpc.gates.lut_comparison`, as the dealer and as every party."""
    if given["kind"] == "plan":
        chosen = lut.plan_of(given["num_bits"], given["ring_bits"])
        return {"digits": list(chosen.digits), "bytes_per_number": chosen.bytes_per_number}
    plan = lut.Plan(tuple(given["digits"]), given["ring_bits"])
    r, mod = _ring(given["r"]), (1 << plan.ring_bits) - 1
    count, z = len(r), (_ring(given["x"]) + r).view(np.uint64)
    flips = [plan.flips(_ring(drawn), count) for drawn in given["drawn_flips"]]
    total = np.bitwise_xor.reduce(flips)
    words, products = lut.make(plan, r.view(np.uint64), total)
    others = [_ring(drawn) for drawn in given["drawn_shares"]]
    first = lut.fitting(plan, (words, products), others)
    parts = [plan.parts(of.view(np.uint64), count) for of in (first, *others)]
    opened = np.bitwise_xor.reduce(
        [lut.looked_up(plan, party, parts[party][0], z) ^ of for party, of in enumerate(flips)]
    )
    shares = [
        lut.folded(plan, party, of, z, opened).astype(np.uint64) & np.uint64(mod)
        for party, (_, of) in enumerate(parts)
    ]
    return {
        "opened_numbers": numbers(z),
        "flips": ["".join(map(str, row)) for row in total.tolist()],
        "tables": numbers(words),
        "products": numbers(products, plan.ring_bits),
        "first_share": numbers(first),
        "opened_bits": ["".join(map(str, row)) for row in opened.tolist()],
        "shares": numbers(shares, plan.ring_bits),
        "signs": (np.add.reduce(shares) & np.uint64(mod)).tolist(),
    }


class _Dealt:
    """In place of a provider: what the dealer gave a party for one tuple."""

    def __init__(self, parts: tuple[torch.Tensor, ...]) -> None:
        self._parts = parts

    def truncation(self, size: Sequence[int], shift: int) -> Truncation:
        masks = (Mask(id=MaskId("norms", at), share=of) for at, of in enumerate(self._parts))
        return Truncation(*masks)

    def _give(self, size: Sequence[int], number: int) -> tuple[torch.Tensor, ...]:
        return self._parts

    division = lookup = _give


def _party(rank: int, share: np.ndarray, dealt: tuple[np.ndarray, ...]) -> SharedTensor:
    """Return one party's share of a secret, for one protocol that takes one tuple of the dealer."""
    parts = tuple(torch.from_numpy(of.copy()) for of in dealt)
    nobody: Any = SimpleNamespace(get_rank=lambda: rank, get_world_size=lambda: 2)
    provider: Any = _Dealt(parts)
    unused = AesCtrStream(bytes(16))
    party = Party(communicator=nobody, provider=provider, previous=unused, following=unused)
    return party.holds(share.copy())


def _quotient(given: Case, parts: tuple[np.ndarray, np.ndarray], protocol: Any) -> Case:
    """Run a protocol that opens x + r and settles to shares of a quotient, as both parties."""
    x, r = _ring(given["x"]), _ring(given["r"])
    drawn = {name: _ring(of) for name, of in given["drawn_shares"].items()}
    theirs = drawn["quotient"], drawn["top"]
    first = tuple(whole - share for whole, share in zip(parts, theirs, strict=True))
    secrets = [
        _party(0, x - drawn["x"], (r - drawn["r"], *first)),
        _party(1, drawn["x"], (drawn["r"], *theirs)),
    ]
    pending = [protocol(secret) for secret in secrets]
    opened = pending[0].masked + pending[1].masked
    shares = [of.settle(opened).share.numpy() for of in pending]
    return {
        "quotient_of_r": numbers(parts[0]),
        "top_of_r": numbers(parts[1]),
        "first_share": {"quotient": numbers(first[0]), "top": numbers(first[1])},
        "opened": numbers(opened),
        "shares": numbers([of.tolist() for of in shares]),
        "value": numbers(shares[0] + shares[1]),
    }


def truncation(given: Case) -> Case:
    """Call `truncation_pair`, `mpc.protocols.division.split` and `centring.high_part`."""
    shift, signed = given["shift"], given["signed"]

    def protocol(secret: Any) -> Any:
        pending = split(secret, signed=signed, shift=shift)
        return pending.then(centring.high_part)

    return _quotient(given, truncation_pair(_ring(given["r"]), shift), protocol)


def division(given: Case) -> Case:
    """Call `division_pair` and `mpc.clustering.centring._over`."""
    divisor = given["divisor"]
    parts = division_pair(_ring(given["r"]), divisor)
    return _quotient(given, parts, lambda secret: centring._over(secret, divisor))


def lookup(given: Case) -> Case:
    """Call `one_hot_rows` and `mpc.protocols.lookup.look_up`."""
    x, r, table = (_ring(given[name]) for name in ("x", "r", "table"))
    rows, theirs = one_hot_rows(r, given["bit_length"]), _ring(given["drawn_rows"])
    first, zeros = rows - theirs, np.zeros_like(x)
    secrets = [_party(0, x, (r, first)), _party(1, zeros, (zeros, theirs))]
    pending = [looking.look_up(secret, [table]) for secret in secrets]
    opened = pending[0].masked + pending[1].masked
    shares = [of.settle(opened)[0].share.numpy() for of in pending]
    return {
        "one_hot": rows.tolist(),
        "first_rows": numbers(first),
        "opened": numbers(opened),
        "shares": numbers([of.tolist() for of in shares]),
        "entry": numbers(shares[0] + shares[1]),
    }
