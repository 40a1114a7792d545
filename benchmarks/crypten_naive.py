"""CrypTen as it comes: gloo, a provider of its own, distances by broadcasting, its own argmin.

Run by `benchmarks/conftest.py` as one process a party, and one more for the provider TTP: gets the
name of a job, does it, says what it cost. Its masks are not secure; it is the yardstick.
"""

import os
import sys
import time

import torch
from commands import Commands, reply

from mpc.engine._crypten import crypten

SCALE = 30.0


def vectors(n: int, d: int, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The same points and centres at both parties; only party 0's are used."""
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(n, d, generator=generator) / SCALE
    return points, points[:k].clone()


def distances(x, c):  # noqa: ANN001, ANN201
    """Squared distances to centres, (N, K), the way one writes it first."""
    return (x.unsqueeze(1) - c.unsqueeze(0)).square().sum(2)


def assign(x, c):  # noqa: ANN001, ANN201
    """One-hot assignment to the nearest centre, (N, K)."""
    return distances(x, c).argmin(dim=1, one_hot=True)


def lloyd(x, c):  # noqa: ANN001, ANN201
    """Two Lloyd iterations with centres under sharing, and the centres."""
    for _ in range(2):
        onehot = assign(x, c)
        onehot = onehot.encode(x.encoder) if hasattr(onehot, "encode") else onehot
        counts = onehot.sum(0)
        c = onehot.transpose(0, 1).matmul(x) * counts.reciprocal().unsqueeze(1)
    return c


def serve(commands: Commands, n: int, d: int, k: int) -> None:
    """Do jobs as a party."""
    points, centres = vectors(n, d, k)
    x, c = crypten.cryptensor(points, src=0), crypten.cryptensor(centres, src=0)
    jobs = {
        "distances": lambda: distances(x, x).get_plain_text(),
        "assignment": lambda: assign(x, c).get_plain_text(),
        "round": lambda: lloyd(x, c).get_plain_text(),
    }
    for command in commands:
        crypten.communicator.get().reset_communication_stats()
        started = time.perf_counter()
        with crypten.CrypTensor.no_grad(), count_if(command["count"]):
            jobs[command["job"]]()
        seconds = time.perf_counter() - started
        stats = crypten.communicator.get().get_communication_stats()
        reply(seconds=seconds, rounds=stats["rounds"], bytes=stats["bytes"])


def count_if(wanted: bool):  # noqa: ANN201
    """Let CrypTen count rounds and bytes, which takes it some time."""
    return crypten.config.cfg.temp_override({"communicator.verbose": wanted})


def main() -> None:
    commands = Commands()
    torch.set_num_threads(1)
    provider, (n, d, k) = sys.argv[1], (int(word) for word in sys.argv[2:5])
    crypten.config.cfg.mpc.provider = provider
    if int(os.environ["RANK"]) == int(os.environ["WORLD_SIZE"]):
        crypten.mpc.provider.TTPServer()
        return
    crypten.init()
    serve(commands, n, d, k)


if __name__ == "__main__":
    main()
