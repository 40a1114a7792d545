"""The only import of CrypTen: version check, module alias, and plug-in points.

CrypTen remains the layer of tensors and protocols. Below it we install our own communicator,
provider of correlated randomness and source of masks. `crypten.init()` is never called, because it
would set up gloo and seed torch's 32-bit generators.
"""

import importlib.metadata
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import reduce
from types import SimpleNamespace
from typing import Any, Final

import torch

from mpc.errors import SessionError
from mpc.ring.randomness import AesCtrStream

CRYPTEN_VERSION: Final = "0.4.1"


def _import_crypten() -> Any:
    version = importlib.metadata.version("crypten")
    if version != CRYPTEN_VERSION:
        raise SessionError(
            f"crypten {version} is installed; {CRYPTEN_VERSION} is needed: "
            f"pip install crypten=={CRYPTEN_VERSION} sklearn==0.0"
        )
    # torch 2.9 moved this module, which CrypTen imports by its old name.
    old = "torch.onnx._internal.registration"
    new = "torch.onnx._internal.torchscript_exporter.registration"
    try:
        __import__(new)
        sys.modules.setdefault(old, sys.modules[new])
    except ImportError:
        pass
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import crypten

    return crypten


crypten = _import_crypten()
import crypten.common.rng as _rng  # noqa: E402
import crypten.communicator as _communicator  # noqa: E402
import crypten.mpc as _mpc  # noqa: E402
import crypten.mpc.primitives.arithmetic as _arithmetic  # noqa: E402
import crypten.mpc.primitives.binary as _binary  # noqa: E402
import crypten.mpc.provider.tfp_provider as _tfp  # noqa: E402
from crypten.common.util import count_wraps  # noqa: E402
from crypten.config import cfg as _cfg  # noqa: E402

MPCTensor = crypten.mpc.MPCTensor
ArithmeticSharedTensor = _arithmetic.ArithmeticSharedTensor
BinarySharedTensor = _binary.BinarySharedTensor
TrustedFirstParty = _tfp.TrustedFirstParty
BXOR: Final = torch.distributed.ReduceOp.BXOR

__all__ = [
    "BXOR",
    "ArithmeticSharedTensor",
    "BinarySharedTensor",
    "MPCTensor",
    "TrustedFirstParty",
    "all_pairs",
    "count_wraps",
    "fill_wrapper",
    "fixed_point",
    "plugged",
]


@contextmanager
def plugged(
    communicator: object,
    provider: object,
    *,
    local: AesCtrStream,
    previous: AesCtrStream,
    following: AesCtrStream,
) -> Iterator[None]:
    """Install communicator, provider and AES streams in CrypTen, and restore its own on exit.

    A process has one set of plug-ins. Our own protocols do not use them.

    Parameters
    ----------
    communicator, provider
        With the interfaces that CrypTen's protocols use.
    local : AesCtrStream
        Stream that only this party knows.
    previous, following : AesCtrStream
        Streams shared with the previous and the next party in the ring, for zero sharings.
    """
    former = [(owner, name, getattr(owner, name)) for owner, name in _PLUG_POINTS]
    settings = _cfg.__class__, dict(_cfg.__dict__)
    grad_enabled = crypten.CrypTensor.AUTOGRAD_ENABLED
    cpu = torch.device("cpu")
    try:
        _communicator.get = lambda: communicator
        _communicator.is_initialized = lambda: True
        _mpc.get_default_provider = lambda: provider
        crypten.generators = {
            "prev": {cpu: previous},
            "next": {cpu: following},
            "local": {cpu: local},
            "global": {},
        }
        _speed_up()
        _cfg.mpc.protocol = "beaver"  # its replicated products are not re-randomised
        _cfg.encoder.precision_bits = 0  # ring integers: its equality test would return 2^16 for 1
        crypten.set_grad_enabled(False)
        _replace_generators(local)
        yield
    finally:
        for owner, name, value in former:
            setattr(owner, name, value)
        _cfg.__class__ = settings[0]
        _cfg.__dict__.clear()
        _cfg.__dict__.update(settings[1])
        crypten.set_grad_enabled(grad_enabled)


@contextmanager
def fixed_point(bits: int) -> Iterator[None]:
    """Let CrypTen encode numbers with so many fractional bits, and expect positive divisors."""
    override = {"encoder.precision_bits": bits, "functions.reciprocal_all_pos": True}
    with _cfg.temp_override(override):
        yield


@contextmanager
def all_pairs() -> Iterator[None]:
    """Let CrypTen find a maximum by comparing all pairs, in place of a tree: fewer rounds."""
    with _cfg.temp_override({"functions.max_method": "pairwise"}):
        yield


_DRAWN_BY: Final = tuple(
    (module, name)
    for module in (_rng, _arithmetic, _binary, _tfp)
    for name in ("generate_random_ring_element", "generate_kbit_random_tensor")
    if hasattr(module, name)
)
"""CrypTen's functions that draw masks, in every module that imports them."""
_PLUG_POINTS: Final = (
    (_communicator, "get"),
    (_communicator, "is_initialized"),
    (_mpc, "get_default_provider"),
    (crypten, "generators"),
    (MPCTensor, "shallow_copy"),
    (MPCTensor, "clone"),
    *_DRAWN_BY,
)


def _replace_generators(local: AesCtrStream) -> None:
    def ring_element(
        size: Sequence[int], ring_size: int = 2**64, generator: Any = None, **_: object
    ) -> torch.Tensor:
        return torch.from_numpy((generator or local).ring(size))

    def kbit_element(
        size: Sequence[int], bitlength: int | None = None, generator: Any = None, **_: object
    ) -> torch.Tensor:
        stream = generator or local
        drawn = stream.ring(size) if bitlength in (None, 64) else stream.bits(size, bitlength)
        return torch.from_numpy(drawn)

    ours: dict[str, object] = {
        "generate_random_ring_element": ring_element,
        "generate_kbit_random_tensor": kbit_element,
    }
    for module, name in _DRAWN_BY:
        setattr(module, name, ours[name])


def fill_wrapper(x_enc: Any, share: torch.Tensor) -> None:
    """Set a new `MPCTensor` to ring integers, without the zero sharing of its constructor."""
    crypten.CrypTensor.__init__(x_enc)
    x_enc._tensor = ArithmeticSharedTensor.from_shares(share, precision=0)
    x_enc.ptype = crypten.mpc.arithmetic


class _PlainConfig(type(_cfg)):  # type: ignore[misc]
    """CrypTen's settings as plain attributes; an OmegaConf look-up takes some 20 us."""

    __getattribute__ = object.__getattribute__
    __setattr__ = object.__setattr__

    def __getitem__(self, name: str) -> Any:
        return reduce(getattr, name.split("."), self)

    def load_config(self, config_file: object) -> None:
        """Refuse, because settings loaded now would have no effect."""
        raise SessionError("CrypTen's settings are fixed once our plug-ins are under it")

    set_config = load_config

    @contextmanager
    def temp_override(self, override_dict: Mapping[str, object]) -> Iterator[None]:
        """Override settings, with dotted names, inside a context."""
        groups = {name.rpartition(".")[0] for name in override_dict}
        former = {group: vars(self[group]).copy() for group in groups}
        try:
            for name, value in override_dict.items():
                group, _, key = name.rpartition(".")
                setattr(self[group], key, value)
            yield
        finally:
            for group, values in former.items():
                vars(self[group]).clear()
                vars(self[group]).update(values)


def _speed_up() -> None:
    """Replace CrypTen's slowest operations by faster equivalents."""
    if isinstance(_cfg, _PlainConfig):
        return
    groups = {name: SimpleNamespace(**values) for name, values in _cfg.config.items()}
    _cfg.__class__ = _PlainConfig
    _cfg.__dict__.update(groups)
    MPCTensor.shallow_copy = lambda x_enc: _wrap(x_enc._tensor, x_enc.ptype)
    MPCTensor.clone = lambda x_enc: _wrap(x_enc._tensor.clone(), x_enc.ptype)


def _wrap(tensor: Any, ptype: Any) -> Any:
    """Return a new `MPCTensor` without the unused zero sharing of its constructor."""
    x_enc = object.__new__(MPCTensor)
    crypten.CrypTensor.__init__(x_enc)
    x_enc._tensor = tensor
    x_enc.ptype = ptype
    return x_enc
