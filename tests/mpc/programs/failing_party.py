"""A party that says what is wrong with it, and ends: in place of `mpc.roles.party`."""

import sys

from mpc.roles.bootstrap import bootstrap

if __name__ == "__main__":
    bootstrap()
    for number in range(20):
        sys.stderr.write(f"line {number}\n")
    sys.stderr.write("no space left in the ring\n")
    sys.exit(7)
