"""CrypTen as it comes: gloo, its first-party provider, distances by broadcasting, its own argmin.

Run by `benchmarks/conftest.py` as one process a party: reads the name of a job on standard input,
does it, prints one JSON line. Its masks are not secure; it is the yardstick.
"""

import json
import sys
import time

import torch

from mpc._crypten import crypten

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


def main() -> None:
    torch.set_num_threads(1)
    n, d, k = (int(word) for word in sys.argv[1:4])
    crypten.init()
    points, centres = vectors(n, d, k)
    x, c = crypten.cryptensor(points, src=0), crypten.cryptensor(centres, src=0)
    jobs = {
        "distances": lambda: distances(x, x).get_plain_text(),
        "assignment": lambda: assign(x, c).get_plain_text(),
        "round": lambda: lloyd(x, c).get_plain_text(),
    }
    for line in sys.stdin:
        started = time.perf_counter()
        crypten.communicator.get().reset_communication_stats()
        with (
            crypten.CrypTensor.no_grad(),
            crypten.config.cfg.temp_override({"communicator.verbose": True}),
        ):
            jobs[line.strip()]()
        stats = crypten.communicator.get().get_communication_stats()
        done = {
            "seconds": time.perf_counter() - started,
            "rounds": stats["rounds"],
            "bytes": stats["bytes"],
        }
        sys.stdout.write(json.dumps(done) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
