"""Frames on a link: a header and raw bytes, never pickle.

A header has a 4-byte tag (kind of payload), a 4-byte number (round, job or preprocessing request),
a 4-byte depth (length of the chain of messages it depends on) and an 8-byte length, all
little-endian. Payloads are int64 ring elements, keys, or UTF-8 JSON for control.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

TupleKind = Literal[
    "mul",
    "matmul",
    "square",
    "binary",
    "wraps",
    "bit",
    "truncation",
    "division",
    "sign8",
    "sign64",
    "digits4",
    "digits8",
    "digits64",
    "lookup",
    "point",
    "mask",
    "product",
]
"""Kinds of correlated randomness; see `mpc.roles.dealer`."""

HELLO: Final = b"HELO"  # JSON: role and session of the connecting peer
WELCOME: Final = b"WELC"  # empty: admitted
REFUSED: Final = b"NOPE"  # text: the reason
CONTROL: Final = b"CTRL"  # JSON: jobs and replies, between server and party
PRESENT: Final = b"HERE"  # JSON: which data owners are connected to a party, on request
FAILED: Final = b"FAIL"  # JSON: error and cause that end a process, to its peers
DECISION: Final = b"DCSN"  # JSON: k and labels, from the server under policy `distances`
TERMS: Final = b"TERM"  # JSON: the terms of a job, from a party to its data owners
SHARE: Final = b"SHAR"  # digest of the terms and a data owner's share, to one party
DECLINED: Final = b"DENY"  # JSON: why a data owner takes no part in a job, to a party
GIVEN_UP: Final = b"GVUP"  # JSON: why a job ends without a result, from a party to its data owners
OPENED: Final = b"OPEN"  # a party's share of a revealed value, to its audience
CODED_SHARE: Final = b"LCSH"  # shares of a client's rows under Lagrange coding, to another client
CODED_MASK: Final = b"LCMK"  # shares of a client's mask polynomials, to another client
RECEIVED: Final = b"LCRC"  # whose shares a client has, to the server
ANSWER: Final = b"LCAN"  # a client's share of distances or sums, to the server
OWN_ROWS: Final = b"OWNR"  # a client's own rows or result, between its owner and its process
COUNTED: Final = b"CNTD"  # what a client counted on its links to other clients, to the server
MASKED_SUM: Final = b"MSUM"  # a party's additive share of a masked value, to the others
MASKED_XOR: Final = b"MXOR"  # a party's XOR share of a masked value, to the others
GATHERED: Final = b"GATH"  # shares collected at one party
SCATTERED: Final = b"SCAT"  # shares distributed by one party
AGREEMENT: Final = b"X255"  # X25519 public key, for the key of zero sharings
DEALER_KEY: Final = b"DKEY"  # a party's key and the name of the run, from the dealer
REQUEST: Final = b"DREQ"  # JSON: preprocessing requests of a segment of a job, to the dealer
DEALER_REPORT: Final = b"DRPT"  # JSON: what the dealer counted in a job
CORRECTIONS: Final[Mapping[TupleKind, bytes]] = {
    "mul": b"CMUL",
    "matmul": b"CMAT",
    "square": b"CSQR",
    "binary": b"CBIN",
    "wraps": b"CWRP",
    "bit": b"CBIT",
    "truncation": b"CTRN",
    "division": b"CDIV",
    "sign8": b"CSG8",
    "sign64": b"CS64",
    "digits4": b"CDG4",
    "digits8": b"CDG8",
    "digits64": b"CD64",
    "lookup": b"CLKP",
    "point": b"CPNT",
    "product": b"CPRD",
}
"""Tags of the dealer's messages: the correction to party 0, or keys to both parties."""
UNSENT_KINDS: Final[frozenset[TupleKind]] = frozenset({"mask"})
"""Kinds that the dealer only records: parties draw their own masks."""
SIGN_KINDS: Final[Mapping[TupleKind, Literal[8, 64]]] = {
    "sign8": 8,
    "sign64": 64,
}
"""Keys for two parties; values are the ring bits of the shared signs."""
DIGIT_KINDS: Final[Mapping[TupleKind, Literal[4, 8, 64]]] = {
    "digits4": 4,
    "digits8": 8,
    "digits64": 64,
}
"""Truth tables of digits; values are the ring bits of the shared signs."""
KEY_KINDS: Final[frozenset[TupleKind]] = frozenset({*SIGN_KINDS, "point"})
"""Kinds that the dealer sends to both parties."""

OPERATIONS: Final[Mapping[bytes, str]] = {
    HELLO: "greeting",
    WELCOME: "greeting",
    REFUSED: "greeting",
    CONTROL: "control",
    PRESENT: "presence",
    FAILED: "failure",
    DECISION: "decision",
    TERMS: "terms",
    SHARE: "share",
    DECLINED: "job declined",
    GIVEN_UP: "job given up",
    OPENED: "opening",
    CODED_SHARE: "coded share",
    CODED_MASK: "coded mask",
    RECEIVED: "received",
    ANSWER: "coded answer",
    OWN_ROWS: "own rows",
    COUNTED: "counted",
    MASKED_SUM: "masked sum",
    MASKED_XOR: "masked xor",
    GATHERED: "gather",
    SCATTERED: "scatter",
    AGREEMENT: "key agreement",
    DEALER_KEY: "dealer key",
    REQUEST: "request",
    DEALER_REPORT: "dealer report",
    **{tag: f"{kind} correction" for kind, tag in CORRECTIONS.items()},
}
"""Name of each tag, for traffic tables."""

RUN_BYTES: Final = 8
"""Bytes of the random name of a run."""

_HEADER: Final = struct.Struct("<4sIIQ")
HEADER_BYTES: Final = _HEADER.size
MAX_NUMBER: Final = 1 << 32


class Header(NamedTuple):
    """Header of a frame."""

    tag: bytes
    number: int
    depth: int
    length: int

    def pack(self) -> bytes:
        """Return the header as 20 bytes."""
        return _HEADER.pack(self.tag, self.number % MAX_NUMBER, self.depth, self.length)

    @classmethod
    def unpack(cls, raw: bytes | bytearray | memoryview) -> "Header":
        """Read a header from its 20 bytes."""
        return cls(*_HEADER.unpack(raw))


@dataclass(slots=True)
class RoundClock:
    """Length of the longest chain of dependent messages that a process knows: a Lamport clock.

    Every message carries its sender's depth; the receiver's depth is at least one more. The largest
    depth of all processes is the number of rounds: messages sent in parallel count as one.

    References
    ----------
    Lamport: Time, clocks, and the ordering of events in a distributed system, CACM 1978.
    """

    depth: int = 0

    def received(self, depth: int) -> None:
        """Update the depth for a message that was sent at `depth`."""
        if depth >= self.depth:
            self.depth = depth + 1
