"""A child that draws from every generator of a process, at import and after the fork.

In place of `mpc.roles.party`. It needs no settings, and ends when its input closes.
"""

import json
import os
import random
import secrets
import ssl
import sys

import numpy as np

from mpc.ring.randomness import AesCtrStream, KeyAgreement, new_key


def draws() -> dict[str, str]:
    return {
        "os": os.urandom(16).hex(),
        "key": new_key().hex(),
        "secrets": secrets.token_hex(16),
        "python": random.randbytes(16).hex(),
        "ssl": ssl.RAND_bytes(16).hex(),
        "cryptography": KeyAgreement().public_bytes().hex(),
        "masks": AesCtrStream(new_key()).ring((2,)).tobytes().hex(),
    }


def shared_draw() -> str:
    """Draw from a generator that a fork copies, and no mask comes from."""
    return np.random.bytes(16).hex()  # noqa: NPY002


AT_IMPORT = {**draws(), "shared": shared_draw()}
"""In the loader, so that a generator with a state has one when it forks."""


def main() -> None:
    drawn = {**draws(), "shared": shared_draw()}
    said = {"parent": os.getppid(), "at_import": AT_IMPORT, "draws": drawn}
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
