"""Count the memory of tensors while some work runs, on any device."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

__all__ = ["MemoryWatch"]


class MemoryWatch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While entered, keeps the highest sum of bytes of tensors that were made inside.

    Tensors that exist before are not counted, and neither is what one operation of torch allocates
    for itself. The figure depends on shapes alone, not on the machine's load.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peak: int = 0
        self._live: int = 0
        self._known: weakref.WeakSet[torch.UntypedStorage] = weakref.WeakSet()

    def __torch_dispatch__(
        self,
        func: Callable[..., object],
        types: Iterable[type],
        args: tuple[object, ...] = (),
        kwargs: Mapping[str, object] | None = None,
    ) -> object:
        """Run an operation and count the storages of its results."""
        given = {t.untyped_storage().data_ptr() for t in _tensors((args, kwargs or {}))}
        result = func(*args, **(kwargs or {}))
        for tensor in _tensors(result):
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in given or storage in self._known:
                self._count(storage)
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        """Count a storage until it is freed; a view of a known one adds nothing."""
        if storage in self._known:
            return
        size = storage.nbytes()
        self._known.add(storage)
        weakref.finalize(storage, self._freed, size)
        self._live += size
        self.peak = max(self.peak, self._live)

    def _freed(self, size: int) -> None:
        self._live -= size


def _tensors(values: object) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, torch.Tensor)]
