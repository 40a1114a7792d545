"""Values opened once under masks of the dealer's: any product of them, no further message."""

import contextlib
import re
from collections.abc import Callable
from typing import Any, get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc.engine.context import Party
from mpc.engine.openings import DeferredOpening, Masked, batch, open_batch, open_now, resolved
from mpc.errors import FrameError, PartyError
from mpc.net.frames import HEADER_BYTES, REQUEST
from mpc.preprocessing.expander import Expander, ring_matmul
from mpc.preprocessing.provider import DealerProvider
from mpc.preprocessing.requests import TupleRequest, segment_of
from mpc.preprocessing.schedule import Schedule
from mpc.ring.bilinear import FORMULAS, Formula, bilinear, bilinear_shape
from mpc.ring.fixedpoint import Int64Array
from mpc.ring.randomness import AesCtrStream, new_key
from mpc.roles.dry_run import RecordingProvider, SilentCommunicator
from tests.mpc.conftest import Parties
from tests.mpc.deals import Deal, added, dealt

SIZES = {"i": 5, "j": 4, "k": 3, "l": 2, "d": 6, "n": 5, "r": 2}
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


def test_a_name_may_be_used_again_once_a_mask_has_another(any_parties: Parties) -> None:
    x, y, z = np.random.default_rng(2).integers(-(1 << 63), 1 << 63, size=(3, 7))
    found = any_parties("renamed", x, y, z)
    assert np.array_equal(found, np.concatenate([x * y, y * z, x * z]))


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

    def all_reduce(self, value: Any, op: object = None, batched: bool = False) -> Any:
        self.sent.append([each.numpy() for each in value])
        return value

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


# What the dealer notes.


def mask(name: str, *shape: int) -> TupleRequest:
    return TupleRequest("mask", (shape,), names=(name,))


def product(
    formula: str, names: tuple[str, str], left: tuple[int, ...], right: tuple[int, ...]
) -> TupleRequest:
    return TupleRequest("product", (left, right), names=names, formula=formula)


class Wrapped:
    """A share in the shape of what a provider returns."""

    def __init__(self, share: torch.Tensor) -> None:
        self.share = share


@pytest.mark.parametrize("num_parties", [2, 3, 5])
class TestNotedMasks:
    @formulas
    def test_products_add_up(self, num_parties: int, formula: Formula) -> None:
        left, right = (array.shape for array in factors_of(formula))
        requests = [mask("a", *left), mask("b", *right), product(formula, ("a", "b"), left, right)]

        def use(provider: DealerProvider) -> object:
            a, b = provider.mask("a", left), provider.mask("b", right)
            return [
                Wrapped(x) for x in (a, b, provider.product(formula, ("a", "b"), (left, right)))
            ]

        a, b, c = (added(part) for part in zip(*dealt(num_parties, requests, use), strict=True))
        assert np.array_equal(c, einsum(formula, a, b))

    def test_a_mask_by_another_name_is_the_same(self, num_parties: int) -> None:
        requests = [
            mask("a", 4),
            TupleRequest("rename", (), names=("a", "b")),
            mask("a", 4),
            product("k,k->k", ("a", "b"), (4,), (4,)),
        ]

        def use(provider: DealerProvider) -> object:
            first = provider.mask("a", (4,))
            provider.rename("a", "b")
            second = provider.mask("a", (4,))
            both = provider.product("k,k->k", ("a", "b"), ((4,), (4,)))
            return [Wrapped(x) for x in (first, second, both)]

        first, second, both = (
            added(part) for part in zip(*dealt(num_parties, requests, use), strict=True)
        )
        assert np.array_equal(both, first * second)
        assert not np.array_equal(first, second)

    def test_a_truncation_s_parts_may_be_multiplied(self, num_parties: int) -> None:
        names = ("r", "r shifted", "r top")
        requests = [
            TupleRequest("truncation", ((6,),), 20, ("r",)),
            mask("b", 6),
            *(product("k,k->k", (name, "b"), (6,), (6,)) for name in names),
        ]

        def use(provider: DealerProvider) -> object:
            parts = provider.truncation((6,), 20, "r")
            b = Wrapped(provider.mask("b", (6,)))
            products = [provider.product("k,k->k", (n, "b"), ((6,), (6,))) for n in names]
            return [*parts, b, *map(Wrapped, products)]

        r, shifted, top, b, *products = (
            added(part) for part in zip(*dealt(num_parties, requests, use), strict=True)
        )
        assert np.array_equal(shifted.view(np.uint64), r.view(np.uint64) >> np.uint64(20))
        for part, of_part in zip((r, shifted, top), products, strict=True):
            assert np.array_equal(of_part, part * b)


TWO_OF_A = [mask("a", 3), product("k,k->k", ("a", "a"), (3,), (3,))]


@pytest.mark.parametrize(
    ("requests", "words"),
    [
        ([product("k,k->k", ("a", "b"), (3,), (3,))], "no mask 'a'"),
        ([mask("a", 3), product("k,k->k", ("a", "b"), (3,), (3,))], "no mask 'b'"),
        ([TupleRequest("rename", (), names=("a", "b"))], "no mask 'a'"),
        ([mask("a", 3), TupleRequest("rename", (), names=("a", "b")), TWO_OF_A[1]], "no mask 'a'"),
        ([TupleRequest("digits8", ((0, 3),), 9, ("a",))], "no mask 'a'"),
        ([mask("a", 2), TupleRequest("digits8", ((0, 3),), 9, ("a",))], "not so many rows"),
        ([mask("a", 3), TupleRequest("digits8", ((0, 3),), 49, ("a",))], "49 bits; 2 to 48 are"),
        ([mask("a", 3), product("k,d->k", ("a", "a"), (3,), (3,))], "no such formula"),
        ([mask("a", 3), product("k,k->k", ("a", "a"), (3,), (4,))], "do not fit"),
        ([mask("a", 3), product("k,k->k", ("a", "a"), (4,), (4,))], r"of shape \(3,\) is not of"),
        ([mask("a", 4), product("ij,jk->ik", ("a", "a"), (1, 4), (1, 4))], "do not fit"),
        ([mask("a", 3), TupleRequest("product", ((3,),), 0, ("a",), "k,k->k")], ""),
        ([TupleRequest("mask", ((3,),))], ""),
        ([mask("a", 3), TupleRequest("rename", (), names=("a",))], ""),
    ],
    ids=str,
)
def test_the_dealer_refuses_masks_that_it_has_not(requests: list[TupleRequest], words: str) -> None:
    with contextlib.ExitStack() as stack:
        deal = Deal(stack, 2)
        message = {"segment": segment_of(1, "norms"), "tuples": [r.as_json() for r in requests]}
        deal.say_last(message)
        with pytest.raises(FrameError, match=f"cannot serve a request of party:0.*{words}"):
            deal.dealer.serve()


def served(first: tuple[int, str], second: tuple[int, str]) -> Callable[[], None]:
    """Return what makes a dealer note a mask in one segment and use it in another."""

    def serve() -> None:
        with contextlib.ExitStack() as stack:
            deal = Deal(stack, 2)
            for place, request in zip((first, second), TWO_OF_A, strict=True):
                message = {"segment": segment_of(*place), "tuples": [request.as_json()]}
                deal.first.send_json(REQUEST, message)
            deal.first._channel.sock.shutdown(1)
            deal.dealer.serve()

    return serve


def test_masks_are_kept_for_a_job_and_forgotten_at_the_next() -> None:
    served((1, "norms"), (1, "iteration 1"))()
    with pytest.raises(FrameError, match="no mask 'a'"):
        served((1, "norms"), (2, "norms"))()


def test_another_product_than_was_scheduled_is_refused() -> None:
    def use(provider: DealerProvider) -> object:
        provider.mask("a", (3,))
        return provider.product("k,k->k", ("a", "b"), ((3,), (3,)))

    with contextlib.ExitStack() as stack:
        deal = Deal(stack, 2)

        def begin_and_use(provider: DealerProvider) -> object:
            provider.expect(1, Schedule(once={"distances": tuple(TWO_OF_A)}))
            provider.begin(1, "distances")
            return use(provider)

        _, first, _ = deal.run(begin_and_use)
    assert isinstance(first, PartyError), first
    assert re.search(r"\('a', 'a'\).*where.*\('a', 'b'\).*is needed", str(first)), first


@pytest.mark.parametrize("num_parties", [2, 3])
def test_what_the_dealer_sends_of_masks_is_uniform(num_parties: int) -> None:
    """A product of masks, the parts of one that is split, and rows times a mask: none shows."""
    requests = [
        mask("a", 40, 40),
        product("ij,jk->ik", ("a", "a"), (40, 40), (40, 40)),
        TupleRequest("truncation", ((40, 40),), 20, ("r",)),
        mask("b", 40, 10),
        TupleRequest("lookup", ((40, 10),), 2, ("b",)),
    ]
    sent: dict[str, list[Int64Array]] = {}
    for _ in range(20):
        expander = Expander([AesCtrStream(new_key()) for _ in range(num_parties)])
        for request in requests:
            if request.is_sent:
                sent.setdefault(request.kind, []).append(expander.correction(request).reshape(-1))
            else:
                expander.note(request)
    for kind, drawn in sent.items():
        counts = np.bincount(np.concatenate(drawn).view(np.uint8), minlength=256)
        expected = counts.sum() / 256
        chi_square = float(((counts - expected) ** 2 / expected).sum())
        assert 130 < chi_square < 420, kind  # 255 degrees of freedom: 255 +- 23
