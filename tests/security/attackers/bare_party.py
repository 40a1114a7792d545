"""A party that does not re-randomise what leaves it: `python -m` this.

A test of attacks on outputs must see that they would succeed here.
"""

from collections.abc import Sequence
from typing import NoReturn

import numpy as np

from mpc.engine.context import Party
from mpc.ring.fixedpoint import Int64Array
from mpc.roles.bootstrap import serve_process
from mpc.roles.party import run_party


def no_sharing(party: Party, shape: Sequence[int]) -> Int64Array:
    return np.zeros(tuple(shape), dtype=np.int64)


def main() -> NoReturn:
    Party.zero_share = no_sharing  # type: ignore[assignment]
    serve_process("party", run_party)


if __name__ == "__main__":
    main()
