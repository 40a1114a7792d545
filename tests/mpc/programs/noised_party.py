"""A computing party whose noise has a known key, for twins to draw alike: `python -m` this.

No command starts it, and the party's own program takes no key.
"""

from functools import partial
from typing import NoReturn

import mpc.roles.party
from mpc.engine.context import Party
from mpc.ring.discrete_gaussian import PrivateNoise
from mpc.ring.randomness import KEY_BYTES
from mpc.roles.bootstrap import Start, serve_process


def key_of(rank: int) -> bytes:
    """Return the known key of a party's noise."""
    return bytes([rank + 1]) * KEY_BYTES


def run(start: Start) -> None:
    keyed = partial(Party, noise=PrivateNoise(key_of(start.rank)))
    mpc.roles.party.Party = keyed  # type: ignore[attr-defined, assignment]
    mpc.roles.party.run_party(start)


def main() -> NoReturn:
    serve_process("party", run)


if __name__ == "__main__":
    main()
