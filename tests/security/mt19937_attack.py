"""A party's attack on whoever seeds everybody's masks from one torch generator.

torch's CPU generator is mt19937 and keeps the low 32 bits of its seed, whatever the seed's length.
A dealer that draws all parties' keys from one such generator hands every party some of the
generator's outputs. A party runs through the seeds until one gives its own key at its own place,
then draws the other parties' keys, then their masks, and unmasks what was opened.

The attacker gets what a party legitimately sees (`PartyView`) and the code of both sides, which is
public. Scaled down: it is also told the upper 16 of the 32 bits that count, so that 2^16 seeds are
left instead of 2^32. Only the loop is shorter; nothing else of the attack uses those bits. (This
code needs some 0.02 to 0.07 s a slice, so 20 to 80 minutes for all 2^32 seeds on one core.)

References
----------
Matsumoto, Nishimura: Mersenne Twister, ACM TOMACS 8(1), 1998, section 2.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import torch

Int64Array = npt.NDArray[np.int64]
Uint32Array = npt.NDArray[np.uint32]

SLICE_BITS: Final = 16
"""Bits of the seed that the attacker searches; it is told the other 16 of the 32."""
_MIDDLE: Final = 397
_LOWEST: Final = -(2**63)


class MaskStream(Protocol):
    """What a key is expanded to, by a party and by whoever knows its key."""

    def ring(self, shape: Sequence[int]) -> Int64Array: ...


Expand = Callable[[bytes], MaskStream]


@dataclass(frozen=True, kw_only=True, slots=True)
class PartyView:
    """What one party sees of its dealer and of elementwise Beaver products."""

    rank: int
    num_parties: int
    key: bytes
    """Its own, from the dealer: 8 bytes from CrypTen's, 16 from ours."""
    opened: tuple[Int64Array, ...]
    """x - a of each product, in order; int64 ring elements."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recovery:
    """What one seed says, if it was the dealer's."""

    seed: int
    """Low 32 bits."""
    keys: tuple[bytes, ...]
    """Of all parties, in rank order."""
    masks: tuple[Int64Array, ...]
    """a of each product."""
    secrets: tuple[Int64Array, ...]
    """x of each product."""


def recover(view: PartyView, expand: Expand, upper_bits: int) -> list[Recovery]:
    """Run the attack; one entry a seed of the slice that is consistent with the party's own key."""
    words = np.frombuffer(view.key, dtype=np.int64)
    found = consistent_seeds(words, first=view.rank * len(words), upper_bits=upper_bits)
    return [_recovery(view, expand, seed) for seed in found]


def consistent_seeds(words: Int64Array, *, first: int, upper_bits: int) -> list[int]:
    """Return the seeds of the slice whose 64-bit numbers from `first` on are these words."""
    seeds = slice_of_seeds(upper_bits)
    drawn = numbers(seeds, first=first, count=len(words))
    return [int(seed) for seed in seeds[(drawn == words).all(axis=1)]]


def guess_without_filter(view: PartyView, expand: Expand, upper_bits: int) -> Iterator[Int64Array]:
    """Yield the first x that each seed of the slice leads to, consistent or not."""
    per_key = len(view.key) // 8
    drawn = numbers(slice_of_seeds(upper_bits), first=0, count=per_key * view.num_parties)
    shape = view.opened[0].shape
    mine = expand(view.key).ring(shape)
    for row in drawn.reshape(len(drawn), view.num_parties, per_key):
        theirs = [key.tobytes() for rank, key in enumerate(row) if rank != view.rank]
        yield view.opened[0] + sum((expand(key).ring(shape) for key in theirs), start=mine)


def slice_of_seeds(upper_bits: int) -> Uint32Array:
    """Return the 2^16 seeds with the given upper 16 of 32 bits."""
    return np.arange(1 << SLICE_BITS, dtype=np.uint32) | np.uint32(upper_bits << SLICE_BITS)


def numbers(seeds: Uint32Array, *, first: int, count: int) -> Int64Array:
    """Return the 64-bit numbers that `torch.randint` draws from the whole ring, for many seeds.

    Parameters
    ----------
    seeds : ndarray of uint32, (S,)
    first, count : int
        Which numbers of each generator; at most the first 113 in all.

    Returns
    -------
    ndarray of int64, (S, count)
    """
    halves = _outputs(seeds, first=2 * first, count=2 * count).astype(np.uint64)
    whole = (halves[0::2] << np.uint64(32)) | halves[1::2]
    return (whole + np.uint64(1 << 63)).view(np.int64).T


def _outputs(seeds: Uint32Array, *, first: int, count: int) -> Uint32Array:
    """Return 32-bit outputs of mt19937, (count, S); only the words of state they need are kept."""
    last = first + count
    state = _initial_words(seeds, last + _MIDDLE)
    tempered = []
    for k in range(first, last):
        joined = (state[k] & np.uint32(0x80000000)) | (state[k + 1] & np.uint32(0x7FFFFFFF))
        odd = (joined & np.uint32(1)) * np.uint32(0x9908B0DF)
        tempered.append(_temper(state[k + _MIDDLE] ^ (joined >> np.uint32(1)) ^ odd))
    return np.stack(tempered)


def _initial_words(seeds: Uint32Array, count: int) -> list[Uint32Array]:
    if count > 624:
        raise ValueError(f"{count} words of state are needed; an mt19937 has 624 before it twists")
    words = [seeds.astype(np.uint32)]
    for i in range(1, count):
        mixed = words[-1] ^ (words[-1] >> np.uint32(30))
        words.append(mixed * np.uint32(1812433253) + np.uint32(i))
    return words


def _temper(y: Uint32Array) -> Uint32Array:
    y = y ^ (y >> np.uint32(11))
    y = y ^ ((y << np.uint32(7)) & np.uint32(0x9D2C5680))
    y = y ^ ((y << np.uint32(15)) & np.uint32(0xEFC60000))
    return y ^ (y >> np.uint32(18))


def draw_keys(generator: torch.Generator, num_parties: int, num_bytes: int) -> tuple[bytes, ...]:
    """Draw keys as CrypTen's TTPServer draws its 8-byte seeds, one number after the other."""
    drawn = [
        torch.randint(_LOWEST, 2**63 - 1, size=(), generator=generator).numpy().tobytes()
        for _ in range(num_parties * num_bytes // 8)
    ]
    per_key = num_bytes // 8
    return tuple(
        b"".join(drawn[rank * per_key : (rank + 1) * per_key]) for rank in range(num_parties)
    )


def _recovery(view: PartyView, expand: Expand, seed: int) -> Recovery:
    generator = torch.Generator().manual_seed(seed)
    keys = draw_keys(generator, view.num_parties, len(view.key))
    masks = tuple(masks_of_products(keys, expand, [x.shape for x in view.opened]))
    return Recovery(
        seed=seed,
        keys=keys,
        masks=masks,
        secrets=tuple(opened + mask for opened, mask in zip(view.opened, masks, strict=True)),
    )


def masks_of_products(
    keys: Sequence[bytes], expand: Expand, shapes: Sequence[Sequence[int]]
) -> Iterator[Int64Array]:
    """Yield a of each elementwise product; every party draws a, b and, but for party 0, c."""
    streams = [expand(key) for key in keys]
    for shape in shapes:
        yield sum((stream.ring(shape) for stream in streams), start=np.zeros(shape, np.int64))
        for rank, stream in enumerate(streams):
            for _ in range(2 if rank else 1):
                stream.ring(shape)
