"""A dealer that follows the protocol and lets a test see its keys: `python -m` this.

What it deals grows from them alone, so that a test that has them knows all that the dealer does.
"""

import os
from pathlib import Path
from typing import Final, NoReturn

import mpc.roles.dealer
from mpc.ring.randomness import new_key
from mpc.roles.bootstrap import serve_process

FOLDER: Final = "CURIOUS_FOLDER"
"""Where the keys are written to, in the order of parties."""


def noted_key() -> bytes:
    key = new_key()
    with (Path(os.environ[FOLDER]) / "keys").open("ab") as file:
        file.write(key)
    return key


def main() -> NoReturn:
    mpc.roles.dealer.new_key = noted_key  # type: ignore[attr-defined]
    serve_process("dealer", mpc.roles.dealer.serve)


if __name__ == "__main__":
    main()
