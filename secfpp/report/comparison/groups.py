"""Groups of methods in tables, and short names for pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from secfpp.report.comparison.records import Line

REFERENCE_POINTS: Final = (
    "zero-shot",
    "local-only",
    "one-cluster",
    "random-clusters",
    "oracle",
    "secfpp-plain",
)
TOLD_THE_TRUTH: Final = ("oracle", "dp-clusters")
"""Methods that are told the true domains. They cannot be deployed, so they do not compete."""
_SHORT_NAMES: Final = {
    "zero-shot": "Zero-shot",
    "local-only": "Local only",
    "promptfl": "PromptFL",
    "dp-promptfl": "DP-PromptFL",
    "ldp-promptfl": "LDP-PromptFL",
    "dp-fpl": "DP-FPL",
    "dp-clusters": "DP domains",
    "one-cluster": "One cluster",
    "random-clusters": "Random clusters",
    "oracle": "True domains",
    "secfpp-plain": "SecFPP in clear",
    "secfpp": "SecFPP",
    "dp-secfpp-plain": "DP-SecFPP in clear",
    "dp-secfpp": "DP-SecFPP",
    "fedotp": "FedOTP",
    "fedpgp": "FedPGP",
    "pfedprompt": "pFedPrompt",
    "ifca": "IFCA",
    "cfl": "CFL",
}


@dataclass(frozen=True, kw_only=True)
class Group:
    """Lines of one group."""

    name: str
    title: str
    note: str
    lines: tuple[Line, ...]


def grouped(lines: Sequence[Line]) -> tuple[Group, ...]:
    """Return the groups that are not empty; private lines by method, from the least epsilon on."""
    kinds = (
        (
            "reference",
            "Reference points",
            "no exchange, an ablation, or a method that only an experiment can have",
        ),
        ("open", "Non-private", "the server sees every prompt that is sent"),
        ("shared", "Private by secret sharing", "nobody sees a prompt of another"),
        (
            "private",
            "Differentially private, by \N{GREEK SMALL LETTER EPSILON}",
            "noise bounds the information about one unit; units and trust below",
        ),
    )
    found = {name: tuple(line for line in lines if group_of(line) == name) for name, _, _ in kinds}
    order = list(dict.fromkeys(line.name for line in found["private"]))
    found["private"] = tuple(
        sorted(
            found["private"], key=lambda line: (order.index(line.name), line.rows[0].budget or 0)
        )
    )
    return tuple(
        Group(name=name, title=title, note=note, lines=found[name])
        for name, title, note in kinds
        if found[name]
    )


def group_of(line: Line) -> str:
    """Return the name of a line's group; its measurements decide before its name."""
    if line.guarantee is not None:
        return "private"
    if line.is_shared:
        return "shared"
    return "reference" if line.method in REFERENCE_POINTS else "open"


def short_name(line: Line) -> str:
    """Return a name that fits beside a curve."""
    name = _SHORT_NAMES.get(line.method, line.method)
    return f"{name}, {line.variant}" if line.variant else name
