"""All methods by name. To add one: write `secfpp/methods/NAME.py`, and add its line to `_MODULES`.

The module's `METHOD` brings its own settings, from which flags and keys of files are made; see
`secfpp.experiment.config`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final, Literal

from secfpp.methods.interface import AnyMethod, Method

__all__ = ["METHODS", "MethodName"]

_MODULES: Final = (
    "alone.zero_shot",
    "alone.tip_adapter",
    "alone.local_only",
    "alone.two_level_alone",
    "promptfl",
    "dp_promptfl",
    "ldp_promptfl",
    "dp_clusters",
    "dp_fpl",
    "fedotp",
    "fedpgp",
    "pfedprompt",
    "ifca",
    "cfl",
    "one_cluster",
    "random_clusters",
    "oracle",
    "secfpp_plain",
    "secfpp",
    "dp_secfpp_plain",
    "dp_secfpp",
)
"""Modules of this folder and of `alone`, in the order of the table."""


def _method_of(module: str) -> AnyMethod:
    """Return the method that a module defines."""
    method = import_module(f"secfpp.methods.{module}").METHOD
    if not isinstance(method, Method):
        raise TypeError(f"secfpp.methods.{module}.METHOD is not a Method but {method!r}")
    return method


METHODS: Final[dict[str, AnyMethod]] = {
    method.card.name: method for method in map(_method_of, _MODULES)
}
"""In the order of the table."""

if TYPE_CHECKING:
    MethodName = str
else:
    MethodName = Literal[tuple(METHODS)]
    """Name of a method; as a literal type, so that flags and files refuse other names."""
