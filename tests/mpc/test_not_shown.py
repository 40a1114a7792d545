"""Shares, masks and keys are not in what objects say of themselves when they are printed.

Public numbers may be: results, tables and the plaintext twin.
"""

import dataclasses
import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import mpc

PUBLIC = {
    "mpc.jobs.job",
    "mpc.jobs.result",
    "mpc.reference.kmeans",
    "mpc.ring.quotient_tables",
    "mpc.reference.separation",
}
NUMBERS = ("Tensor", "ndarray", "bytes", "bytearray", "SSLContext")


def shown_fields() -> Iterator[tuple[str, dataclasses.Field]]:  # type: ignore[type-arg]
    for found in pkgutil.walk_packages(mpc.__path__, "mpc."):
        if found.name in PUBLIC:
            continue
        for name, value in vars(importlib.import_module(found.name)).items():
            own = inspect.isclass(value) and value.__module__ == found.name
            if own and dataclasses.is_dataclass(value):
                for field in dataclasses.fields(value):
                    if field.repr:
                        yield f"{found.name}.{name}.{field.name}", field


def holds_numbers(field: dataclasses.Field) -> bool:  # type: ignore[type-arg]
    """Tell whether a field is of numbers or keys; functions that take or give some are none."""
    kind = str(field.type)
    return "_enc" in field.name or ("Callable" not in kind and any(x in kind for x in NUMBERS))


def test_no_object_shows_shares_masks_or_keys() -> None:
    shown = dict(shown_fields())
    assert len(shown) > 100
    assert [where for where, field in shown.items() if holds_numbers(field)] == []
