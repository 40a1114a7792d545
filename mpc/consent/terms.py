"""The terms of one job: everything that matters to those whose data it is, and its digest.

The parties announce the terms to every data owner. An owner sends their digest with its share, and
a party computes only on shares whose digest is that of its own order. Parties that were given
different orders therefore never compute together, and no owner's share serves another job.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, Self

from mpc.errors import FrameError, InputError
from mpc.jobs.job import ClusterJob
from mpc.jobs.job_numbers import integer_of
from mpc.jobs.order import Order
from mpc.whole_file import read_json

PROTOCOL: Final = 2
"""Version of the protocols and of this description; roles of different versions never agree."""
DIGEST_BYTES: Final = 32
_CONTEXT: Final = b"secfpp terms of a job\0"
_NUMBERS: Final = ("protocol", "parties", "number", "owners", "points", "dim", "payload", "kept")
_EXAMPLE: Final[dict[str, object]] = {
    "protocol": PROTOCOL,
    "parties": 2,
    "number": 1,
    "owners": 20,
    "dim": 1,
    "payload": 1,
    "kept": 0,
    "session": "",
    "run": "",
    "cohort": "",
    "k": 5,
}
"""A job of a federation of 20 owners."""
_TEXTS: Final = ("session", "run", "cohort")


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A field in which two descriptions of a job differ."""

    field: str
    one: object
    other: object

    def __str__(self) -> str:
        return f"{self.field}: {_shown(self.one)} or {_shown(self.other)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """Public description of one job in one session."""

    session: str
    """Name of the session."""
    run: str
    """Random name of this run of parties and dealer, from the dealer; ledgers tell runs apart."""
    parties: int
    """Number of computing parties P."""
    number: int
    """1, 2, ... in the order of the session's jobs."""
    job: ClusterJob
    """What is computed and what is opened, with all bounds."""
    owners: int
    """Number of data owners that take part."""
    points: int
    """Number of points N of all owners together."""
    dim: int
    """Numbers of a point D."""
    payload: int
    """Numbers of a payload M."""
    cohort: str
    """SHA-256, in hexadecimal, of who takes part with which rows; see `cohort_of`."""
    kept: int = 0
    """The job whose assignment a warm start begins with; 0 for none."""
    protocol: int = PROTOCOL

    @classmethod
    def of(cls, order: Order, *, session: str, run: str, parties: int) -> Self:
        """Return the terms of an order."""
        return cls(
            session=session,
            run=run,
            parties=parties,
            number=order.number,
            job=order.job,
            owners=len(order.rows),
            points=order.num_points,
            dim=order.dim,
            payload=order.payload,
            cohort=cohort_of(order.rows),
            kept=order.kept,
        )

    def as_json(self) -> dict[str, object]:
        """Return plain values, one level: fields of the job stand beside the others."""
        own = {name: getattr(self, name) for name in (*_NUMBERS, *_TEXTS)}
        return {**self.job.as_json(), **own}

    def encoded(self) -> bytes:
        """Return the canonical text: JSON with sorted keys, no blanks, and ASCII only."""
        return _canonical(self.as_json())

    @property
    def digest(self) -> bytes:
        """SHA-256 of the canonical text, 32 bytes."""
        return hashlib.sha256(_CONTEXT + self.encoded()).digest()

    @staticmethod
    def decoded(text: bytes | bytearray) -> "Terms":
        """Rebuild and check terms that a party announced.

        Raises
        ------
        FrameError
            They are malformed, of another version, or no possible job.
        """
        return _decoded(bytes(text))

    def differences(self, other: "Terms") -> tuple[Difference, ...]:
        """Return the fields in which two descriptions differ, in alphabetical order."""
        mine, theirs = self.as_json(), other.as_json()
        return tuple(
            Difference(field=name, one=mine[name], other=theirs[name])
            for name in sorted(mine)
            if mine[name] != theirs[name]
        )


@lru_cache(maxsize=8)
def _decoded(text: bytes) -> Terms:
    """Return the terms in a text; owners of one process hear the same one again and again."""
    try:
        terms = _terms_of(json.loads(text))
        terms.job.check_shapes(terms.points, terms.dim, terms.payload)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FrameError(f"a party announced a malformed job: {error}") from None
    if terms.encoded() != text:
        raise FrameError("a party announced a job that is not in canonical form")
    return terms


def read_terms(path: Path) -> Terms:
    """Read the terms of a job from a JSON file; fields that are left out have examples' values.

    Raises
    ------
    InputError
        Names the file, and the field that is unknown or out of range.
    """
    return read_json(path, _example_of)


def _example_of(values: object) -> Terms:
    """Return terms that fill up the given fields."""
    if not isinstance(values, dict):
        raise InputError("needed is an object with the fields of a job")
    given = {**_EXAMPLE, **values}
    given.setdefault("points", given["owners"])
    try:
        return _terms_of(given)
    except TypeError as error:  # an unknown field
        raise InputError(str(error)) from None


def _terms_of(values: dict[str, object]) -> Terms:
    """Return the terms in plain values, which are used up."""
    own: dict[str, object] = {name: str(values.pop(name)) for name in _TEXTS}
    own |= {name: integer_of(name, values.pop(name)) for name in _NUMBERS}
    if own["protocol"] != PROTOCOL:
        raise InputError(f"protocol={own['protocol']}, but this role's is {PROTOCOL}")
    return Terms(job=ClusterJob.from_json(values), **own)  # type: ignore[arg-type]


def cohort_of(rows: Mapping[str, Sequence[int]]) -> str:
    """Return the SHA-256, in hexadecimal, of the owners and of which rows each has."""
    listed = {name: list(held) for name, held in rows.items()}
    return hashlib.sha256(_canonical(listed)).hexdigest()


def _canonical(value: object) -> bytes:
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except ValueError as error:
        raise InputError(f"a job cannot be written down: {error}") from None
    return text.encode("ascii")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
