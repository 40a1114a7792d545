"""The only import of CrypTen: version check, module alias, and the points where ours plugs in.

CrypTen stays the layer of tensors and protocols. Under it we put our own communicator, provider of
correlated randomness and source of masks. CrypTen's `crypten.init()` is never called: it would set
up gloo and seed torch's 32-bit generators.
"""

import importlib.metadata
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Protocol

import torch

from mpc.errors import SessionError
from mpc.fixedpoint import Int64Array
from mpc.randomness import AesCtrStream

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
    "Communicator",
    "MPCTensor",
    "Provider",
    "TrustedFirstParty",
    "count_wraps",
    "from_share",
    "install",
    "open_masked",
    "plugged",
    "share_of",
]


class Communicator(Protocol):
    """What CrypTen's protocols ask of a communicator."""

    def get_rank(self) -> int: ...  # noqa: D102
    def get_world_size(self) -> int: ...  # noqa: D102


class Provider(Protocol):
    """What our protocols ask of a source of correlated randomness, beyond CrypTen's."""

    def truncation(self, size: Sequence[int], shift: int) -> tuple[Any, Any, Any]: ...  # noqa: D102


def install(
    communicator: Communicator,
    provider: Provider,
    *,
    local: AesCtrStream,
    previous: AesCtrStream,
    following: AesCtrStream,
) -> None:
    """Put communicator, provider and AES streams under CrypTen, for this process.

    Parameters
    ----------
    communicator : Communicator
    provider : Provider
    local : AesCtrStream
        Known to this party only.
    previous, following : AesCtrStream
        Shared with the previous and the next party in the ring: pseudo-random zero sharings.
    """
    _communicator.get = lambda: communicator
    _communicator.is_initialized = lambda: True
    _mpc.get_default_provider = lambda: provider
    cpu = torch.device("cpu")
    crypten.generators = {
        "prev": {cpu: previous},
        "next": {cpu: following},
        "local": {cpu: local},
        "global": {},
    }
    _cfg.mpc.protocol = "beaver"  # its replicated products are not re-randomised
    _cfg.encoder.precision_bits = 0  # ring integers: its equality test would return 2^16 for 1
    crypten.set_grad_enabled(False)
    _replace_generators(local)


@contextmanager
def plugged(
    communicator: Communicator,
    provider: Provider,
    *,
    local: AesCtrStream,
    previous: AesCtrStream,
    following: AesCtrStream,
) -> Iterator[None]:
    """Put other plug-ins under CrypTen for a while, then the former ones back, whatever happens.

    For a rehearsal: the same job on zero shares, with a communicator that sends nothing. Parameters
    are those of `install`. Not for threads: there is one set of plug-ins in a process.
    """
    former = [(owner, name, getattr(owner, name)) for owner, name in _PLUG_POINTS]
    try:
        install(communicator, provider, local=local, previous=previous, following=following)
        yield
    finally:
        for owner, name, value in former:
            setattr(owner, name, value)


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


def from_share(share: Int64Array | torch.Tensor) -> Any:
    """Wrap this party's share as an `MPCTensor` of ring integers; products never truncate."""
    tensor = share if isinstance(share, torch.Tensor) else torch.from_numpy(share)
    return MPCTensor.from_shares(tensor, precision=0)


def open_masked(x_enc: Any, mask_enc: Any) -> torch.Tensor:
    """Open x + mask inside a protocol; the mask is uniform and used once, so nothing is learned.

    Results are opened by `mpc.reveal` only.
    """
    opened: torch.Tensor = _communicator.get().all_reduce(x_enc.share + mask_enc.share)
    return opened


def share_of(x_enc: Any) -> Int64Array:
    """Return this party's share of an `MPCTensor`, as a NumPy array."""
    array: Int64Array = x_enc.share.contiguous().numpy()
    return array
