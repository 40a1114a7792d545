"""A dealer that deals whatever it is asked for, as often as it is asked: `python -m` this.

And the streams that go with it, which are the same whatever is asked for. A test of thieves must
see that they would succeed here.
"""

from typing import Any, Final, NoReturn

import mpc.roles.dealer
from mpc.preprocessing.segments import DealtOnce
from mpc.ring.randomness import AesCtrStream
from mpc.roles.bootstrap import serve_process

UNBOUND: Final = "THIEF_STREAMS_UNBOUND"
"""Name of what tells parties, too, to take such streams."""


def unbound(key: bytes, segment: int, digest: bytes) -> AesCtrStream:
    """Return a stream that depends on the key and the number of the segment alone."""
    return AesCtrStream(key, nonce=segment)


class DealtAnyHow(DealtOnce):
    def enter(self, segment: int) -> None:
        pass


def main() -> NoReturn:
    dealer: Any = mpc.roles.dealer  # names that it imports for itself are exchanged
    dealer.stream_of = unbound
    dealer.check_requests = lambda requests, kept, num_parties: None
    dealer.DealtOnce = DealtAnyHow
    serve_process("dealer", mpc.roles.dealer.serve)


if __name__ == "__main__":
    main()
