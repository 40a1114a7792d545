"""Values opened once under masks of the dealer's: any product of them, no further message."""

import contextlib
import re
from collections.abc import Sequence
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc.engine.context import Party
from mpc.engine.mask_id import MaskId
from mpc.engine.openings import DeferredOpening, Masked, batch, open_batch, open_now, resolved
from mpc.errors import FrameError, PartyError
from mpc.net.frames import HEADER_BYTES, REQUEST
from mpc.preprocessing.expander import Expander, ring_matmul
from mpc.preprocessing.mask_refs import ITERATION_BEFORE, THIS_ITERATION, MaskRef, MaskStore, refer
from mpc.preprocessing.provider import DealerProvider
from mpc.preprocessing.requests import TupleRequest, segment_of
from mpc.preprocessing.schedule import Schedule
from mpc.ring.bilinear import FORMULAS, Formula, bilinear, bilinear_shape
from mpc.ring.fixedpoint import Int64Array
from mpc.ring.randomness import AesCtrStream, new_key
from mpc.roles.dry_run import RecordingProvider, SilentCommunicator
from tests.mpc.conftest import Parties
from tests.mpc.deals import Deal, added, dealt

SIZES = {"i": 5, "j": 4, "k": 3, "l": 2, "d": 6, "n": 5, "r": 2, "b": 3}
formulas = pytest.mark.parametrize("formula", sorted(FORMULAS))


def factors_of(
    formula: str, seed: int = 0, sizes: dict[str, int] = SIZES
) -> tuple[Int64Array, Int64Array]:
    """Draw two arrays of any 64-bit numbers that fit a formula."""
    rng = np.random.default_rng(seed)
    left, right = (
        rng.integers(-(1 << 63), 1 << 63, size=[sizes[letter] for letter in letters])
        for letters in formula.split("->")[0].split(",")
    )
    return left, right


def einsum(formula: str, left: Int64Array, right: Int64Array) -> Int64Array:
    """Return the map mod 2^64; without axes, as an array of one."""
    return np.atleast_1d(np.einsum(formula, left, right))


class TestBilinear:
    def test_all_formulas_are_there(self) -> None:
        assert set(get_args(Formula)) == FORMULAS

    @settings(max_examples=200, deadline=None)
    @given(
        formula=st.sampled_from(sorted(FORMULAS)),
        sizes=st.fixed_dictionaries({letter: st.integers(1, 7) for letter in SIZES}),
        seed=st.integers(0, 2**32),
    )
    def test_values_and_shapes_are_those_of_einsum(
        self, formula: Formula, sizes: dict[str, int], seed: int
    ) -> None:
        left, right = factors_of(formula, seed, sizes)
        expected = einsum(formula, left, right)
        assert np.array_equal(bilinear(formula, left, right, ring_matmul), expected)
        of_tensors = bilinear(
            formula, torch.from_numpy(left), torch.from_numpy(right), torch.matmul
        )
        assert np.array_equal(of_tensors.numpy(), expected)
        assert bilinear_shape(formula, left.shape, right.shape) == expected.shape

    @pytest.mark.parametrize(
        ("formula", "left", "right", "words"),
        [
            ("ij,kj->ik", (2, 3), (4, 3), "no such formula 'ij,kj->ik'"),
            ("", (2, 3), (4, 3), "no such formula"),
            ("ij,jk->ik", (2, 3), (4, 5), "(2, 3) and (4, 5) do not fit"),
            ("ij,jk->ik", (2, 3, 1), (3, 5), "(2, 3, 1) does not fit 'ij'"),
            ("i,id->id", (2,), (3,), "(3,) does not fit 'id'"),
            ("ik,ik->", (2, 3), (3, 2), "do not fit"),
            ("nrk,r->nk", (4, 2, 3), (4,), "do not fit"),
        ],
    )
    def test_what_does_not_fit_is_refused(
        self, formula: str, left: tuple[int, ...], right: tuple[int, ...], words: str
    ) -> None:
        with pytest.raises(ValueError, match=re.escape(words)):
            bilinear_shape(formula, left, right)


@formulas
def test_products_of_masked_values_are_exact(any_parties: Parties, formula: str) -> None:
    left, right = factors_of(formula)
    found = any_parties("products", left, right, formulas=[formula])
    assert np.array_equal(found, einsum(formula, left, right).reshape(-1))


@pytest.mark.parametrize("formula", ["id,jd->ij", "id,id->i", "k,k->k", "ik,ik->", "ij,jk->ik"])
def test_a_masked_value_times_itself(any_parties: Parties, formula: str) -> None:
    shape = {"k": (5,), "ij,": (4, 4)}.get(formula.split(",")[0], (4, 4))
    x = np.random.default_rng(1).integers(-(1 << 63), 1 << 63, size=shape)
    found = any_parties("bilinear_square", x, formula=formula)
    assert np.array_equal(found, einsum(formula, x, x))


def test_a_single_opening_serves_any_number_of_products(parties: Parties) -> None:
    left, right = factors_of("ik,ik->")
    several = ["ik,ik->", "ik,ik->k", "id,ik->dk"]
    found = parties("products", left, right, formulas=several)
    expected = [einsum(formula, left, right).reshape(-1) for formula in several]
    assert np.array_equal(found, np.concatenate(expected))
    cost = parties.rounds, parties.bytes_sent
    parties("products", left, right, formulas=several[:1])
    assert (parties.rounds, parties.bytes_sent) == cost
    assert cost == (1, (parties.num_parties - 1) * (16 * left.size + HEADER_BYTES))


def test_an_opening_is_of_the_secret_itself(any_parties: Parties) -> None:
    x = np.array([0, 1, -1, (1 << 63) - 1, -(1 << 63)])
    assert np.array_equal(any_parties("opened", x), x)


def test_a_masked_value_may_be_given_other_axes(any_parties: Parties) -> None:
    x, y = factors_of("nrk,r->nk")
    flat = x.reshape(len(x), -1)
    found = any_parties("reshaped", flat, y, shape=list(x.shape), formula="nrk,r->nk")
    assert np.array_equal(found, einsum("nrk,r->nk", x, y))


class Loud(SilentCommunicator):
    """What is sent is what is opened, and it is counted."""

    def __init__(self) -> None:
        super().__init__(num_parties=2)
        self.sent: list[list[Int64Array]] = []
        stream = AesCtrStream(new_key())
        self.party = Party(
            communicator=self, provider=RecordingProvider(2), previous=stream, following=stream
        )

    def add_up(self, parts: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        self.sent.append([each.numpy() for each in parts])
        return list(parts)

    def pending(self, *values: int) -> DeferredOpening[list[int]]:
        return DeferredOpening(
            masked=torch.tensor(values), settle=lambda opened: opened.tolist(), party=self.party
        )


@pytest.fixture
def loud() -> Loud:
    return Loud()


class TestPending:
    def test_all_are_sent_in_one_round(self, loud: Loud) -> None:
        assert open_batch(loud.pending(1, 2), loud.pending(3).then(sum), resolved("x")) == (
            [1, 2],
            3,
            "x",
        )
        assert [len(sums) for sums in loud.sent] == [3]

    def test_nothing_to_send_is_no_round(self, loud: Loud) -> None:
        assert open_batch(resolved(1), resolved(None)) == (1, None)
        assert open_now(resolved("x").then(str.upper)) == "X"
        assert loud.sent == []

    def test_several_may_go_as_one(self, loud: Loud) -> None:
        square = DeferredOpening(
            masked=torch.arange(4).reshape(2, 2),
            settle=lambda opened: tuple(opened.shape),
            party=loud.party,
        )
        both = batch(loud.pending(7), square, resolved("x"), loud.pending(8, 9).then(len))
        assert open_now(both.then(list)) == [[7], (2, 2), "x", 2]
        assert [[part.tolist() for part in sums] for sums in loud.sent] == [[[7, 0, 1, 2, 3, 8, 9]]]

    def test_what_is_printed_of_them_has_no_share(self, loud: Loud) -> None:
        assert "12345" not in repr(loud.pending(12345))
        assert "opened" not in repr(Masked.__dataclass_fields__["opened"].repr)
        hidden = {"share", "opened"}
        assert not any(Masked.__dataclass_fields__[name].repr for name in hidden)


# What the dealer keeps.


def mask(*shape: int) -> TupleRequest:
    return TupleRequest("mask", (shape,))


def ref(number: int, step: str = "distances") -> MaskRef:
    return MaskRef(step, number)


def product(
    formula: str, numbers: tuple[int, int], left: tuple[int, ...], right: tuple[int, ...]
) -> TupleRequest:
    masks = tuple(ref(number) for number in numbers)
    return TupleRequest("product", (left, right), masks=masks, formula=formula)


@pytest.mark.parametrize("num_parties", [2, 3, 5])
class TestKeptMasks:
    @formulas
    def test_products_add_up(self, num_parties: int, formula: Formula) -> None:
        left, right = (array.shape for array in factors_of(formula))
        requests = [mask(*left), mask(*right), product(formula, (0, 1), left, right)]

        def use(provider: DealerProvider) -> object:
            a, b = provider.mask(left), provider.mask(right)
            return [a, b, provider.product(formula, (a.id, b.id), (left, right))]

        a, b, c = (added(part) for part in zip(*dealt(num_parties, requests, use), strict=True))
        assert np.array_equal(c, einsum(formula, a, b))

    def test_no_mask_can_be_taken_for_another(self, num_parties: int) -> None:
        requests = [mask(4), mask(4), mask(4), product("k,k->k", (0, 2), (4,), (4,))]

        def use(provider: DealerProvider) -> object:
            masks = [provider.mask((4,)) for _ in range(3)]
            both = provider.product("k,k->k", (masks[0].id, masks[2].id), ((4,), (4,)))
            return [*masks, both]

        first, second, third, both = (
            added(part) for part in zip(*dealt(num_parties, requests, use), strict=True)
        )
        assert np.array_equal(both, first * third)
        assert not np.array_equal(first, second)

    def test_a_truncation_s_parts_may_be_multiplied(self, num_parties: int) -> None:
        requests = [
            TupleRequest("truncation", ((6,),), 20),
            mask(6),
            *(product("k,k->k", (number, 3), (6,), (6,)) for number in range(3)),
        ]

        def use(provider: DealerProvider) -> object:
            parts, b = provider.truncation((6,), 20), provider.mask((6,))
            products = [provider.product("k,k->k", (part.id, b.id), ((6,), (6,))) for part in parts]
            return [*parts, b, *products]

        r, shifted, top, b, *products = (
            added(part) for part in zip(*dealt(num_parties, requests, use), strict=True)
        )
        assert np.array_equal(shifted.view(np.uint64), r.view(np.uint64) >> np.uint64(20))
        for part, of_part in zip((r, shifted, top), products, strict=True):
            assert np.array_equal(of_part, part * b)


SQUARE_OF_A = [mask(3), product("k,k->k", (0, 0), (3,), (3,))]


@pytest.mark.parametrize(
    ("requests", "words"),
    [
        ([product("k,k->k", (0, 1), (3,), (3,))], "no mask 0 of distances"),
        ([mask(3), product("k,k->k", (0, 1), (3,), (3,))], "no mask 1 of distances"),
        ([mask(3), product("k,k->k", (0, -1), (3,), (3,))], "no mask -1 of distances"),
        ([SQUARE_OF_A[1], SQUARE_OF_A[0]], "no mask 0"),
        ([TupleRequest("digits8", ((0, 3),), 9, (ref(0),))], "no mask 0"),
        ([TupleRequest("digits8", ((0, 3),), 9, (ref(0, "start"),))], "no mask 0 of start"),
        ([mask(3), TupleRequest("digits8", ((0, 3),), 9, (ref(0, THIS_ITERATION),))], "no mask"),
        ([mask(2), TupleRequest("digits8", ((0, 3),), 9, (ref(0),))], "fewer rows than requested"),
        ([mask(3), TupleRequest("digits8", ((0, 3),), 49, (ref(0),))], "49 bits; 2 to 48 are"),
        ([mask(3), product("k,d->k", (0, 0), (3,), (3,))], "no such formula"),
        ([mask(3), product("k,k->k", (0, 0), (3,), (4,))], "do not fit"),
        ([mask(3), product("k,k->k", (0, 0), (4,), (4,))], r"of shape \(3,\) is not of"),
        ([mask(4), product("ij,jk->ik", (0, 0), (1, 4), (1, 4))], "do not fit"),
        ([mask(3), TupleRequest("product", ((3,),), 0, (ref(0),), "k,k->k")], ""),
        ([TupleRequest("mask", ((3,),), masks=(ref(0),))], "1 masks; 0 to 0"),
    ],
    ids=str,
)
def test_the_dealer_refuses_masks_that_it_has_not(requests: list[TupleRequest], words: str) -> None:
    with contextlib.ExitStack() as stack:
        deal = Deal(stack, 2)
        message = {"segment": segment_of(1, "distances"), "tuples": [r.as_json() for r in requests]}
        deal.say_last(message)
        with pytest.raises(FrameError, match=f"cannot serve a request of party:0.*{words}"):
            deal.dealer.serve()


def uses(*places: tuple[int, str], of: MaskRef) -> None:
    """Let a dealer draw a mask in each of some steps but the last, and multiply one there."""
    with contextlib.ExitStack() as stack:
        deal = Deal(stack, 2)
        square = TupleRequest("product", ((3,), (3,)), 0, (of, of), "k,k->k")
        for place in places:
            requests = [square if place == places[-1] else mask(3)]
            values = [request.as_json() for request in requests]
            deal.first.send_json(REQUEST, {"segment": segment_of(*place), "tuples": values})
        deal.first._channel.sock.shutdown(1)
        deal.dealer.serve()


def test_masks_of_steps_done_once_are_kept_for_the_job_and_forgotten_at_the_next() -> None:
    uses((1, "norms"), (1, "iteration 1"), (1, "iteration 9"), of=ref(0, "norms"))
    with pytest.raises(FrameError, match="no mask 0 of norms"):
        uses((1, "norms"), (2, "norms"), of=ref(0, "norms"))


def test_masks_of_iterations_are_kept_for_one_more() -> None:
    uses((1, "iteration 1"), (1, "iteration 2"), of=ref(0, ITERATION_BEFORE))
    steps = [(1, f"iteration {i}") for i in (1, 3)]
    with pytest.raises(FrameError, match="no mask 0 of iteration before"):
        uses(*steps, of=ref(0, ITERATION_BEFORE))


def test_a_party_does_not_ask_for_masks_that_the_dealer_has_dropped() -> None:
    mask = MaskId("iteration 2", 5)
    assert refer(mask, "iteration 2") == MaskRef(THIS_ITERATION, 5)
    assert refer(mask, "iteration 3") == MaskRef(ITERATION_BEFORE, 5)
    for step in ("iteration 4", "iteration 1", "means"):
        with pytest.raises(LookupError, match=f"mask 5 of 'iteration 2' is not kept in '{step}'"):
            refer(mask, step)
    assert refer(MaskId("norms", 1), "means") == MaskRef("norms", 1)


def test_another_product_than_was_scheduled_is_refused() -> None:
    def use(provider: DealerProvider) -> object:
        a, b = provider.mask((3,)), provider.mask((3,))
        return provider.product("k,k->k", (a.id, b.id), ((3,), (3,)))

    with contextlib.ExitStack() as stack:
        deal = Deal(stack, 2)

        def begin_and_use(provider: DealerProvider) -> object:
            provider.expect(1, Schedule(once={"distances": tuple(SQUARE_OF_A)}))
            provider.begin(1, "distances")
            return use(provider)

        _, first, _ = deal.run(begin_and_use)
    assert isinstance(first, PartyError), first
    assert re.search(r"number=0\)\).*where.*number=1\)\).*is needed", str(first)), first


@pytest.mark.parametrize("num_parties", [2, 3])
def test_what_the_dealer_sends_of_masks_is_uniform(num_parties: int) -> None:
    """A product of masks, the parts of one that is split, and rows times a mask: none shows."""
    requests = [
        mask(40, 40),
        product("ij,jk->ik", (0, 0), (40, 40), (40, 40)),
        TupleRequest("truncation", ((40, 40),), 20),
        TupleRequest("lookup", ((40, 10),), 2),
    ]
    sent: dict[str, list[Int64Array]] = {}
    for _ in range(20):
        masks = MaskStore[Int64Array]()
        masks.begin("distances")
        expander = Expander([AesCtrStream(new_key()) for _ in range(num_parties)], masks)
        for request in requests:
            if request.is_sent:
                sent.setdefault(request.kind, []).append(expander.correction(request).reshape(-1))
            else:
                expander.keep(request)
    for kind, drawn in sent.items():
        counts = np.bincount(np.concatenate(drawn).view(np.uint8), minlength=256)
        expected = counts.sum() / 256
        chi_square = float(((counts - expected) ** 2 / expected).sum())
        assert 130 < chi_square < 420, kind  # 255 degrees of freedom: 255 +- 23
