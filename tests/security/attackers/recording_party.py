"""A computing party that writes down every frame it gets and sends: `python -m` this.

The folder to write to is in the environment, as are the word that makes all its masks zero: tests
must see that they would notice.
"""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np

import mpc.preprocessing.fss_keys
from mpc.net.exchange import Incoming
from mpc.net.frames import REQUEST
from mpc.net.link import Link
from mpc.ring.fixedpoint import Int64Array
from mpc.ring.randomness import AesCtrStream
from mpc.roles.bootstrap import Start, serve_process
from mpc.roles.party import run_party

FOLDER: Final = "TRANSCRIPTS_FOLDER"
ZERO_MASKS: Final = "TRANSCRIPTS_ZERO_MASKS"

Note = Callable[[str, Link, bytes, int, int, bytes], None]


def zeros(stream: AesCtrStream, shape: Sequence[int]) -> Int64Array:
    return np.zeros(tuple(shape), dtype=np.int64)


def record(note: Note) -> None:
    """Let `note` see (direction, link, tag, number, length, payload) of every frame."""
    recv, recv_any, step, pieces = Link.recv, Link.recv_any, Incoming.step, Link.pieces

    def noting_recv(self: Link, tag: bytes, *, num_bytes: int, number: int = 0) -> bytearray:
        payload = recv(self, tag, num_bytes=num_bytes, number=number)
        note("got", self, tag, number, num_bytes, bytes(payload))
        return payload

    def noting_recv_any(self: Link, *, max_bytes: int) -> Any:
        header, payload = recv_any(self, max_bytes=max_bytes)
        note("got", self, header.tag, header.number, header.length, bytes(payload))
        return header, payload

    def noting_step(self: Incoming) -> bool:
        done = step(self)
        if done:
            data = self.array.tobytes()
            note("got", self.link, self._tag, self._number, len(data), data)
        return done

    def noting_pieces(self: Link, tag: bytes, payload: Any, *, number: int) -> Iterator[Any]:
        note("sent", self, tag, number, len(payload), bytes(payload) if tag == REQUEST else b"")
        return pieces(self, tag, payload, number=number)

    Link.recv, Link.recv_any = noting_recv, noting_recv_any  # type: ignore[method-assign]
    Incoming.step, Link.pieces = noting_step, noting_pieces  # type: ignore[method-assign]


def run(start: Start) -> None:
    path = Path(os.environ[FOLDER]) / f"party-{start.rank}.jsonl"
    with path.open("a", buffering=1) as file:  # tests empty it between jobs

        def note(
            way: str, link: Link, tag: bytes, number: int, length: int, payload: bytes
        ) -> None:
            line = [way, link.peer, tag.decode(), number, length, payload.hex()]
            file.write(json.dumps(line) + "\n")

        record(note)
        if os.environ.get(ZERO_MASKS):
            AesCtrStream.ring = zeros  # type: ignore[assignment]
        mpc.preprocessing.fss_keys.FEW_ENTRIES = 0  # type: ignore[misc]  # keys of every kind in small jobs, too
        run_party(start)


def main() -> NoReturn:
    serve_process("party", run)


if __name__ == "__main__":
    main()
