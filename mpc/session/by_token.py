"""Copies and pickles of an object that stands for processes: itself here, None elsewhere."""

import copyreg
import uuid
from collections.abc import Callable
from typing import Final
from weakref import WeakKeyDictionary, WeakValueDictionary

_TOKENS: Final[WeakKeyDictionary[object, str]] = WeakKeyDictionary()
_OBJECTS: Final[WeakValueDictionary[str, object]] = WeakValueDictionary()


def copy_by_token(kind: type) -> None:
    """Let `copy` and `pickle` reduce objects of a type to a token of this process."""
    copyreg.pickle(kind, _by_token)


def _object_here(token: str) -> object | None:
    """Return an object of this process, or None if another process made it."""
    return _OBJECTS.get(token)


def _by_token(known: object) -> tuple[Callable[[str], object | None], tuple[str]]:
    token = _TOKENS.setdefault(known, uuid.uuid4().hex)
    _OBJECTS[token] = known
    return _object_here, (token,)
