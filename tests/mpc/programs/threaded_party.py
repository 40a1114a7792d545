"""A party whose import starts a thread, as that of a library may: in place of `mpc.roles.party`."""

import threading
from typing import NoReturn

import mpc.roles.party

threading.Thread(target=threading.Event().wait, daemon=True).start()


def main() -> NoReturn:
    mpc.roles.party.main()


if __name__ == "__main__":
    main()
