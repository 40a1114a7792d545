"""A party that takes longer to load than its peers may be silent: in place of `mpc.roles.party`."""

import time
from typing import Final, NoReturn

import mpc.roles.party

LOADING_S: Final = 4.0


def main() -> NoReturn:
    time.sleep(LOADING_S)
    mpc.roles.party.main()


if __name__ == "__main__":
    main()
