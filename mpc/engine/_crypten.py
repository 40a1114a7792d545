"""The only import of CrypTen: version check, module alias, and the points where ours plugs in.

CrypTen stays the layer of tensors and protocols. Under it we put our own communicator, provider of
correlated randomness and source of masks. CrypTen's `crypten.init()` is never called: it would set
up gloo and seed torch's 32-bit generators.
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
    "count_wraps",
    "fill_wrapper",
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
    """Put communicator, provider and AES streams under CrypTen's own protocols, and back again.

    For a process: there is one set of plug-ins in it. Our protocols need none of them.

    Parameters
    ----------
    communicator, provider
        As CrypTen's protocols ask for them.
    local : AesCtrStream
        Known to this party only.
    previous, following : AesCtrStream
        Shared with the previous and the next party in the ring: pseudo-random zero sharings.
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
        _quicken()
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


_DRAWN_BY: Final = tuple(
    (module, name)
    for module in (_rng, _arithmetic, _binary, _tfp)
    for name in ("generate_random_ring_element", "generate_kbit_random_tensor")
    if hasattr(module, name)
)
"""CrypTen's functions that draw masks, wherever they were imported to."""
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
    """Make ring integers of a new `MPCTensor`; its constructor would draw a zero sharing first."""
    crypten.CrypTensor.__init__(x_enc)
    x_enc._tensor = ArithmeticSharedTensor.from_shares(share, precision=0)
    x_enc.ptype = crypten.mpc.arithmetic


class _PlainConfig(type(_cfg)):  # type: ignore[misc]
    """CrypTen's settings as plain attributes; through OmegaConf one look-up takes some 20 us."""

    __getattribute__ = object.__getattribute__
    __setattr__ = object.__setattr__

    def __getitem__(self, name: str) -> Any:
        return reduce(getattr, name.split("."), self)

    def load_config(self, config_file: object) -> None:
        """Refuse: what is loaded now would not be looked at."""
        raise SessionError("CrypTen's settings are fixed once our plug-ins are under it")

    set_config = load_config

    @contextmanager
    def temp_override(self, override_dict: Mapping[str, object]) -> Iterator[None]:
        """Change settings, named with dots, for a while."""
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


def _quicken() -> None:
    """Replace what CrypTen spends most of its time on by equals that are faster."""
    if isinstance(_cfg, _PlainConfig):
        return
    groups = {name: SimpleNamespace(**values) for name, values in _cfg.config.items()}
    _cfg.__class__ = _PlainConfig
    _cfg.__dict__.update(groups)
    MPCTensor.shallow_copy = lambda x_enc: _wrap(x_enc._tensor, x_enc.ptype)
    MPCTensor.clone = lambda x_enc: _wrap(x_enc._tensor.clone(), x_enc.ptype)


def _wrap(tensor: Any, ptype: Any) -> Any:
    """Make an `MPCTensor`; its constructor would draw a zero sharing first and throw it away."""
    x_enc = object.__new__(MPCTensor)
    crypten.CrypTensor.__init__(x_enc)
    x_enc._tensor = tensor
    x_enc.ptype = ptype
    return x_enc
