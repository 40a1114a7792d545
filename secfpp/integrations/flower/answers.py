"""What a client's program answers: one code of a fixed list, and numbers.

No text of an error is among them. What went wrong stands in the log of the client's program.
"""

from typing import Final, Literal, get_args

from secfpp.integrations.flower.frames import SocketMessage

__all__ = ["ANSWER", "CODES", "METRICS", "PROTOCOL", "REQUEST", "Code", "code_of", "refusal"]

PROTOCOL: Final = 1
"""Version of what is said on the socket; both ends must have the same."""

REQUEST: Final = "request"
ANSWER: Final = "answer"
METRICS: Final = "metrics"
"""Names of the records in Flower's messages."""

Code = Literal[
    "done",
    "bad request",
    "other protocol",
    "other settings",
    "other model",
    "other run",
    "declined",
    "no round",
    "missed",
    "failed",
    "no client",
]
"""`done`: the client did what it was asked for, now or before.
`bad request`: the message is malformed, or asks for a verb or a round that there is not.
`other protocol`: the two ends are of different versions.
`other settings`, `other model`: not those of this client.
`other run`: the client's folder belongs to another run of the federation.
`declined`: the client's policy does not allow the job.
`no round`: no job was announced in time, or it came to nothing.
`missed`: the round is over, and this client was not in it.
`failed`: something else went wrong.
`no client`: the client's program does not answer; said by the ClientApp."""

CODES: Final[tuple[Code, ...]] = get_args(Code)


def refusal(code: Code) -> SocketMessage:
    """Return an answer that is a code and nothing else."""
    return SocketMessage(values={"code": code})


def code_of(value: object) -> Code:
    """Return a code that came from elsewhere; anything else is `failed`."""
    for code in CODES:
        if value == code:
            return code
    return "failed"
