"""A reception in a process that may open few files: `python -m` this, with their number.

It says where it listens, and then the role of whoever it has let in.
"""

import resource
import sys

from mpc.net.handshake import Identity, Reception, listen


def main(most_files: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    listener = listen()
    me = Identity(role="party:0", session="a session", credentials=None)
    reception = Reception(listener, me=me, admits=lambda role: True, timeout_s=60)
    say(str(listener.getsockname()[1]))
    say(*reception.wait_for(["client:3"], timeout_s=60))


def say(*words: str) -> None:
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
