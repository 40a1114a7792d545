"""Plug-ins under CrypTen: put in, exchanged for a while, put back."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import torch

from mpc.engine import _crypten
from mpc.engine._crypten import ArithmeticSharedTensor, plugged
from mpc.engine.context import Party, SharedTensor
from mpc.errors import SessionError
from mpc.ring.randomness import AesCtrStream

cfg, rng = _crypten.crypten.config.cfg, _crypten.crypten.common.rng


class Alone:
    """A communicator that sends nothing and adds a constant, so that one can tell who answered."""

    def __init__(self, rank: int, added: int) -> None:
        self.rank = rank
        self.added = added

    def get_rank(self) -> int:
        return self.rank

    def get_world_size(self) -> int:
        return 2

    def all_reduce(self, value: Any, op: object = None, batched: bool = False) -> Any:
        if isinstance(value, torch.Tensor):
            return value + self.added
        return self.add_up(value)

    def add_up(self, parts: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        return [tensor + self.added for tensor in parts]

    def xor_up(self, part: torch.Tensor) -> torch.Tensor:
        return part ^ self.added


class Zeros:
    """A provider of triples and pairs of zeros that counts what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def generate_additive_triple(
        self, size0: Sequence[int], size1: Sequence[int], op: str, device: object = None
    ) -> tuple[Any, Any, Any]:
        self.asked.append(op)
        a, b = torch.zeros(*size0, dtype=torch.int64), torch.zeros(*size1, dtype=torch.int64)
        parts = (a, b, getattr(torch, op)(a, b))
        made = [ArithmeticSharedTensor.from_shares(part, precision=0) for part in parts]
        return made[0], made[1], made[2]


def streams(first: int) -> dict[str, AesCtrStream]:
    return {
        name: AesCtrStream(bytes([first + n]) * 16)
        for n, name in enumerate(("local", "previous", "following"))
    }


@pytest.fixture
def installed() -> Iterator[tuple[Alone, Zeros]]:
    """Plug-ins of the first kind, taken out again after the test."""
    communicator, provider = Alone(0, 0), Zeros()
    with plugged(communicator, provider, **streams(10)):
        yield communicator, provider


def points() -> list[object]:
    return [getattr(owner, name) for owner, name in _crypten._PLUG_POINTS]


def opened(x_enc: Any) -> int:
    """Open a secret as CrypTen does."""
    return int(x_enc.reveal())


def ring(numbers: list[int]) -> Any:
    """Return CrypTen's own tensor, made without a party."""
    return ArithmeticSharedTensor.from_shares(torch.tensor(numbers), precision=0)


def drawn_by_crypten() -> list[int]:
    share = ArithmeticSharedTensor.PRZS((3,)).share
    return [int(value) for value in share]


def test_others_answer_while_plugged_and_the_former_ones_afterwards(
    installed: tuple[Alone, Zeros],
) -> None:
    x_enc = ring([3])
    others = Zeros()
    with plugged(Alone(1, 100), others, **streams(20)):
        assert opened(x_enc) == 103
        x_enc * x_enc
        assert others.asked == ["mul"]
    assert installed[1].asked == []
    assert opened(x_enc) == 3
    assert int((x_enc * x_enc).share) == 9
    assert installed[1].asked == ["mul"]


def test_settings_are_put_back_too() -> None:
    before = (type(cfg), dict(vars(cfg)))
    with plugged(Alone(0, 0), Zeros(), **streams(10)):
        assert (type(cfg), dict(vars(cfg))) != before
        assert cfg.encoder.precision_bits == 0
    assert (type(cfg), dict(vars(cfg))) == before
    assert cfg.encoder.precision_bits == 16
    assert _crypten.crypten.CrypTensor.AUTOGRAD_ENABLED


def party() -> Party:
    stream = AesCtrStream(bytes(16))
    return Party(
        communicator=Alone(0, 0),
        provider=Zeros(),  # type: ignore[arg-type]
        previous=stream,
        following=stream,
    )


def test_a_shared_tensor_asks_its_own_party_and_nobody_else() -> None:
    """Not even what is plugged in under CrypTen."""
    with plugged(Alone(1, 100), Zeros(), **streams(10)):
        x = party().holds(torch.tensor([3, 4]))
        assert (x + 1).share.tolist() == [4, 5]
        assert (5 - x).share.tolist() == [2, 1]  # type: ignore[attr-defined]
        assert (x * x).share.tolist() == [9, 16]
        assert (x - x).share.tolist() == [0, 0]
        assert isinstance(x + x, SharedTensor)
    assert x.party.provider.asked == ["mul"]  # type: ignore[attr-defined]


def test_every_plug_in_point_is_put_back(installed: tuple[Alone, Zeros]) -> None:
    before = points()
    with plugged(Alone(1, 100), Zeros(), **streams(20)):
        exchanged = [now is not then for now, then in zip(points(), before, strict=True)]
        assert sum(exchanged) == len(before) - 2  # copies are made the same way by all
    assert all(now is then for now, then in zip(points(), before, strict=True))


def test_plug_ins_are_put_back_after_an_error(installed: tuple[Alone, Zeros]) -> None:
    before = points()
    with (
        pytest.raises(RuntimeError, match="dry run"),
        plugged(Alone(1, 1), Zeros(), **streams(20)),
    ):
        raise RuntimeError("dry run")
    assert all(now is then for now, then in zip(points(), before, strict=True))


def test_a_dry_run_takes_nothing_from_the_streams_in_use() -> None:
    with plugged(Alone(0, 0), Zeros(), **streams(10)):
        undisturbed = drawn_by_crypten() + drawn_by_crypten()
    with plugged(Alone(0, 0), Zeros(), **streams(10)):
        disturbed = drawn_by_crypten()
        with plugged(Alone(0, 0), Zeros(), **streams(20)):
            other = drawn_by_crypten()
            rng.generate_random_ring_element((4,))
        disturbed += drawn_by_crypten()
    assert disturbed == undisturbed
    assert other != undisturbed[:3]


def test_settings_are_crypten_s_own_and_can_be_changed_for_a_while(
    installed: tuple[Alone, Zeros],
) -> None:
    before = cfg.functions.exp_iterations
    assert (before, cfg["functions.exp_iterations"]) == (8, 8)
    changed = {"functions.exp_iterations": 3, "functions.new": 1}
    with contextlib.suppress(ZeroDivisionError), cfg.temp_override(changed):
        assert (cfg.functions.exp_iterations, cfg.functions.new) == (3, 1)
        cfg.functions.exp_iterations / 0
    assert cfg.functions.exp_iterations == before
    assert not hasattr(cfg.functions, "new")
    with pytest.raises(SessionError, match="fixed"):
        cfg.set_config(None)


def test_all_of_crypten_s_settings_are_kept(installed: tuple[Alone, Zeros]) -> None:
    fresh = _crypten.crypten.config.config.CrypTenConfig().config
    kept = {group: vars(getattr(cfg, group)) for group in fresh}
    changed = {
        f"{group}.{name}"
        for group in fresh
        for name in fresh[group]
        if kept[group][name] != fresh[group][name]
    }
    assert changed <= {"mpc.protocol", "encoder.precision_bits"}


def test_copies_are_those_of_crypten(installed: tuple[Alone, Zeros]) -> None:
    x_enc = party().holds(torch.tensor([1, 2]))
    shallow, deep = x_enc.shallow_copy(), x_enc.clone()
    assert shallow._tensor is x_enc._tensor
    assert deep.share.data_ptr() != x_enc.share.data_ptr()
    whole = _crypten.MPCTensor.from_shares(torch.tensor([1, 2]), precision=0)
    for copy in (shallow, deep):
        assert set(vars(copy)) == set(vars(whole))
    assert set(vars(x_enc)) == {*vars(whole), "party"}
    for copy in (x_enc, shallow, deep):
        assert copy.ptype == whole.ptype
        assert copy.encoder._scale == whole.encoder._scale == 1
