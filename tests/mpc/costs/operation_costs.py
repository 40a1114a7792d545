"""What single operations cost, as formulas; see `closed_forms`.

Shape letters: B batch, L candidates, W words.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mpc.costs.job_cost import Cost, total
from mpc.gates.comparison_choice import Comparing
from mpc.gates.pairs import num_pairs
from mpc.net.frames import DIGIT_KINDS, TupleKind
from mpc.preprocessing.fss_keys import by_points, digit_requests, sign_requests
from mpc.preprocessing.mask_refs import MaskRef
from mpc.preprocessing.requests import TupleRequest
from mpc.protocols import lookup
from mpc.protocols.argmin import BRACKET, MOST_WINS, PAIRS_MAX
from mpc.protocols.boolean import BLOCK_BITS, WORD_BITS
from mpc.ring.fixedpoint import COMPARED_BITS

_ANY_MASK = MaskRef("", 0)
"""Requests cost the same, whatever mask they are of."""


def beside(*costs: Cost) -> Cost:
    """Return the cost of steps whose messages go together."""
    together = total(costs)
    return replace(together, rounds=max(cost.rounds for cost in costs))


def times(cost: Cost, count: int) -> Cost:
    """Return the cost of doing something so often."""
    return total([cost] * count)


NOTHING = Cost()


def opening(*sizes: int) -> Cost:
    """Of opening elements in one round."""
    return Cost(rounds=1, online=8 * sum(sizes))


def corrections(*sizes: int) -> Cost:
    """Of so many elements that the dealer sends to party 0."""
    return Cost(dealer_to_first=8 * sum(sizes))


def look_up(count: int, bits: int, parties: Comparing) -> Cost:
    """Of looking up so many indices of so many bits: by one-hot rows, or by keys if shorter."""
    if by_points(count, bits, parties.num_parties == 2):
        size = TupleRequest("point", ((count,),), bits).key_bytes
        return opening(count) + Cost(dealer_to_first=size, dealer_to_others=size)
    return opening(count) + corrections(count << bits)


def product(left: int, right: int, result: int) -> Cost:
    """Of a product by CrypTen's protocol, which opens both factors."""
    return opening(left, right) + corrections(result)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sizes:
    """All that the cost of a job depends on, besides the job."""

    num_points: int
    dim: int
    payload: int
    parties: Comparing
    owners: int | None = None
    """Data owners W; None: one a point."""
    most_rows: int = 1
    """Points of the owner that holds most."""

    @property
    def by_gram(self) -> bool:
        """Whether secret assignments are multiplied by a Gram matrix, and not by rows."""
        return self.num_points <= 2 * self.dim


def pair_signs(
    batch: int,
    blocks: Sequence[int],
    bits: int,
    parties: Comparing,
    *,
    sum_bits: int,
    minimize_rounds: bool = False,
) -> Cost:
    """See `mpc.protocols.comparison.compare_pairs`."""
    return pair_signs_together(
        [(batch, blocks, sum_bits)], bits, parties, minimize_rounds=minimize_rounds
    )


def pair_signs_together(
    groups: Sequence[tuple[int, Sequence[int], int]],
    bits: int,
    parties: Comparing,
    *,
    minimize_rounds: bool = False,
) -> Cost:
    """See `mpc.protocols.comparison.compare_together`; a group is a batch, blocks and sum bits."""
    count = sum(batch * num_pairs(blocks) for batch, blocks, _ in groups)
    kinds: list[TupleKind] = ["digits4" if of <= 4 else "digits8" for *_, of in groups]
    ring_bits = max(DIGIT_KINDS[kind] for kind in kinds)
    method = parties.method(count, bits, ring_bits, minimize_rounds=minimize_rounds)
    if method == "boolean":
        return circuit(count, bits, parties)
    costs = []
    for (batch, blocks, _), kind in zip(groups, kinds, strict=True):
        cost = opening(batch * sum(blocks))
        if method == "lut":
            cost += by_digits(kind, batch, bits, tuple(blocks))
        else:
            cost += keys("sign8", batch, bits, tuple(blocks))
        costs.append(cost)
    return beside(*costs)


def by_digits(kind: TupleKind, count: int, bits: int, blocks: tuple[int, ...] = ()) -> Cost:
    """Of truth tables, and of opening what stands in them."""
    requests = list(digit_requests(kind, count, bits, blocks, _ANY_MASK))
    looked_up = sum(request.num_signs for request in requests) * requests[0].plan.opened_bits
    tables = corrections(*(request.out_shape[0] for request in requests))
    return opening(-(-looked_up // WORD_BITS)) + tables


def keys(kind: TupleKind, count: int, bits: int, blocks: tuple[int, ...] = ()) -> Cost:
    """Of keys for signs, which both parties get."""
    size = sum(request.key_bytes for request in sign_requests(kind, count, bits, blocks))
    return Cost(dealer_to_first=size, dealer_to_others=size)


def circuit(count: int, bits: int, parties: Comparing) -> Cost:
    """Of comparing so many numbers of so many bits with zero; see `mpc.protocols.boolean`."""
    words = -(-count // WORD_BITS)
    length = bits - 1
    if parties.num_parties == 2:
        length = -(-length // BLOCK_BITS)  # blocks, each added by looking all their values up
        values = length * words << BLOCK_BITS
        cost = opening(3 * values) + corrections(2 * values)
    else:
        # A carry-save step for each party beyond two, then generated carries: ANDs of planes.
        each = opening(2 * length * words) + corrections(length * words)
        cost = times(each, parties.num_parties - 1)
    while length > 1:
        half = length // 2
        cost += opening(3 * half * words) + corrections(2 * half * words)
        length -= half
    return cost + opening(words) + corrections(count)


def less_than_zero(count: int, bits: int, parties: Comparing) -> Cost:
    """See `mpc.protocols.comparison.less_than_zero`."""
    if lookup.pays(count, bits):
        return look_up(count, bits, parties)
    method = parties.method(count, bits, 64)
    if method == "boolean":
        return circuit(count, bits, parties)
    if method == "lut":
        return opening(count) + by_digits("digits64", count, bits)
    return opening(count) + keys("sign64", count, bits)


def one_hot_min(batch: int, candidates: int, bits: int, parties: Comparing) -> Cost:
    """See `mpc.protocols.argmin.one_hot_min`."""
    if candidates == 1:
        return NOTHING
    few = batch * num_pairs((candidates,)) <= PAIRS_MAX and candidates <= MOST_WINS
    if candidates > BRACKET and not few:
        blocks = -(-candidates // BRACKET)
        cost = one_hot_min(batch * blocks, BRACKET, bits, parties)
        padded = batch * blocks * BRACKET
        cost += product(padded, padded, padded)
        cost += one_hot_min(batch, blocks, bits, parties)
        return cost + product(padded, batch * blocks, padded)
    sum_bits = (candidates - 1).bit_length()
    won = look_up(batch * candidates, sum_bits, parties)
    return pair_signs(batch, (candidates,), bits, parties, sum_bits=sum_bits) + won


def nearest(
    num_points: int, blocks: Sequence[int], parties: Comparing, *, minimize_rounds: bool = False
) -> Cost:
    """See `mpc.protocols.argmin.nearest`."""
    columns, largest = sum(blocks), max(blocks)
    if largest == 1:
        return NOTHING
    if largest > BRACKET:
        inside = [one_hot_min(num_points, k, COMPARED_BITS, parties) for k in blocks]
        return total(inside) + product(num_points * columns, num_points, num_points * columns)
    bits = (largest - 1).bit_length()
    won = look_up(num_points * (columns - len(blocks)), bits, parties)
    compared = pair_signs(
        num_points, blocks, COMPARED_BITS, parties, sum_bits=bits, minimize_rounds=minimize_rounds
    )
    return compared + won


def nearest_and_least(
    num_points: int, blocks: Sequence[int], groups: Sequence[int], parties: Comparing
) -> Cost:
    """See `mpc.protocols.argmin.nearest_and_least`."""
    largest = max(blocks)
    if not 1 < largest <= BRACKET:
        assigned = nearest(num_points, blocks, parties)
        return assigned + one_hot_min(1, groups[0], COMPARED_BITS, parties)
    bits, of_others = (largest - 1).bit_length(), (max(groups) - 1).bit_length()
    won = look_up(num_points * (sum(blocks) - len(blocks)), bits, parties)
    both = [(num_points, blocks, bits), (1, tuple(groups), of_others)]
    compared = pair_signs_together(both, COMPARED_BITS, parties)
    return compared + beside(won, look_up(sum(groups), of_others, parties))
