"""A party that says what is wrong with it, and ends: in place of `mpc.roles.party`."""

import sys
from typing import NoReturn

from mpc.roles.bootstrap import bootstrap


def main() -> NoReturn:
    bootstrap()
    for number in range(20):
        sys.stderr.write(f"line {number}\n")
    sys.stderr.write("no space left in the ring\n")
    sys.exit(7)


if __name__ == "__main__":
    main()
