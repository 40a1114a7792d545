"""CrypTen as it comes, with its TTP provider: a party or the TTP server over gloo.

`python -m` this with UPPER_BITS, and WORLD_SIZE, RANK and RENDEZVOUS in the environment; the rank
after the last party is the server. Prints one JSON line. A line's `seen` is what the party
legitimately sees; `truth` is for the test alone, never for the attacker.
"""

import json
import os
import secrets
import sys
from typing import Any

import numpy as np
import torch

from mpc.engine._crypten import ArithmeticSharedTensor, crypten
from tests.security.mt19937_attack import SLICE_BITS

NUM_PRODUCTS = 2
SHAPE = (3,)


def serve(upper_bits: int) -> dict[str, object]:
    """Be the TTP server; all of its seed is random but the 16 bits that the attacker is told."""
    low = (upper_bits << SLICE_BITS) | secrets.randbits(SLICE_BITS)
    torch.manual_seed((secrets.randbits(32) << 32) | low)
    crypten.mpc.provider.TTPServer()
    return {"truth": {"seed": low}}


def compute(rank: int) -> dict[str, object]:
    """Be a party: multiply a secret of party 0 by a number of party 1, twice."""
    crypten.init()
    opened = _record_openings()
    own = [np.frombuffer(secrets.token_bytes(24), np.int64) >> 32 for _ in range(NUM_PRODUCTS)]
    with crypten.no_grad():
        for number in own:
            plain = torch.from_numpy(number.copy())
            x_enc = crypten.cryptensor(plain, src=0, precision=0)
            y_enc = crypten.cryptensor(plain, src=1, precision=0)
            x_enc * y_enc
    generator = crypten.mpc.provider.ttp_provider.TTPClient.get().get_generator()
    crypten.uninit()
    return {
        "seen": {"seed": generator.initial_seed(), "opened": [pair[0] for pair in opened]},
        "truth": {"secrets": [number.tolist() for number in own]},
    }


def _record_openings() -> list[list[list[int]]]:
    """Keep what CrypTen's products open to this party anyway: x - a and y - b."""
    opened = []
    original = ArithmeticSharedTensor.reveal_batch

    def recording(tensors: Any, dst: int | None = None) -> Any:
        result = original(tensors, dst=dst)
        opened.append([tensor.tolist() for tensor in result])
        return result

    ArithmeticSharedTensor.reveal_batch = staticmethod(recording)
    return opened


def main() -> None:
    torch.set_num_threads(1)
    crypten.config.cfg.mpc.provider = "TTP"
    rank = int(os.environ["RANK"])
    is_server = rank == int(os.environ["WORLD_SIZE"])
    line = serve(int(sys.argv[1])) if is_server else compute(rank)
    sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
