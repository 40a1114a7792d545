"""One of two parties that add 64 bytes each, again and again: over our links, or over gloo.

Run by `benchmarks/test_round.py`. The first command says how to meet; each further one asks for a
number of rounds, timed one by one, and is answered with their median.
"""

import os
import time
from collections.abc import Callable
from statistics import median

import torch
from commands import Commands, Values, reply

TIMEOUT_S = 60.0
ELEMENTS = 8

AllReduce = Callable[[torch.Tensor], object]


def over_gloo() -> AllReduce:
    """Meet as the environment says."""
    import torch.distributed as dist

    dist.init_process_group(backend="gloo")
    return dist.all_reduce


def over_mesh(settings: Values) -> AllReduce:
    """Meet on our links, TLS when there are credentials."""
    from mpc.engine.communicator import MeshCommunicator
    from mpc.net.addresses import Address
    from mpc.net.certificates import Credentials
    from mpc.net.frames import RoundClock
    from mpc.net.handshake import LOOPBACK, Identity, Reception, connect, listen

    rank, clock = settings["rank"], RoundClock()
    me = Identity(
        role=f"party:{rank}",
        session=settings["session"],
        credentials=settings["credentials"] and Credentials.from_json(settings["credentials"]),
    )
    if rank == 0:
        listener = listen()
        reception = Reception(
            listener, me=me, admits="party:1".__eq__, timeout_s=TIMEOUT_S, clock_of=lambda _: clock
        )
        reply(port=listener.getsockname()[1])
        link = reception.wait_for(["party:1"], timeout_s=TIMEOUT_S)["party:1"]
    else:
        address = Address(LOOPBACK, settings["port"])
        link = connect(address, me=me, peer="party:0", timeout_s=TIMEOUT_S, clock=clock)
    return MeshCommunicator(rank, {1 - rank: link}, clock).all_reduce


def stay_on(cores: list[int]) -> None:
    """Keep all threads of this process on these cores."""
    for thread in os.listdir("/proc/self/task"):
        os.sched_setaffinity(int(thread), cores)


def main() -> None:
    commands = Commands()
    torch.set_num_threads(1)
    settings = commands.next()
    all_reduce = over_gloo() if settings["links"] == "gloo" else over_mesh(settings)
    reply(ready=True)
    tensor = torch.ones(ELEMENTS, dtype=torch.int64)
    for command in commands:
        stay_on(command["cores"])
        seconds = []
        for _ in range(command["rounds"]):
            started = time.perf_counter()
            all_reduce(tensor)
            seconds.append(time.perf_counter() - started)
        reply(seconds=median(seconds))


if __name__ == "__main__":
    main()
