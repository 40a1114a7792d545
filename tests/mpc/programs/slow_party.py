"""A party that takes longer to load than its peers may be silent: in place of `mpc.roles.party`."""

import time
from typing import Final

LOADING_S: Final = 4.0

if __name__ == "__main__":
    time.sleep(LOADING_S)
    from mpc.roles.party import main

    main()
