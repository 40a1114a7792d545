"""A party of CrypTen as it comes, or its third-party provider: one job a command.

Shape letters: N points, K clusters, D dimensions.
"""

import os
import sys
import time
from contextlib import AbstractContextManager

import numpy as np
import torch
from commands import Commands, Values, reply

from mpc.engine._crypten import crypten
from peers.answers import keep_for_answers


def lloyd(points, k, iterations, shift):  # noqa: ANN001, ANN201
    """Lloyd's iteration in CrypTen's own operations; distances by one product of matrices.

    Counts come over 2^shift, as a further column of the points: CrypTen's reciprocal is right up to
    about 100, and assignments have no fractional bits.
    """
    scale = 2.0**-shift
    weight_N1 = crypten.cryptensor(torch.full((points.size(0), 1), scale), src=0)
    weighted = crypten.cat([points, weight_N1], dim=1)
    centres = points[:k]
    for _ in range(iterations):
        norms_1K = centres.square().sum(1).unsqueeze(0)
        dist_NK = norms_1K - points.matmul(centres.transpose(0, 1)) * 2
        onehot_NK = dist_NK.argmin(dim=1, one_hot=True)
        sums = onehot_NK.transpose(0, 1).matmul(weighted)
        totals_KD = sums[:, :-1] * scale if shift else sums[:, :-1]
        centres = totals_KD * sums[:, -1:].reciprocal()
    return centres


def work(command: Values) -> None:
    """Do one job, and say what it took and what came out."""
    points_ND = torch.from_numpy(np.load(str(command["points"]))).float()
    stats = crypten.communicator.get()
    stats.barrier()
    stats.reset_communication_stats()
    settings = {
        "communicator.verbose": command["count"],
        "functions.max_method": command["method"],
    }
    started = time.perf_counter()
    with no_gradients(), crypten.config.cfg.temp_override(settings):
        points = crypten.cryptensor(points_ND, src=0)
        centres = lloyd(points, command["k"], command["iterations"], command["shift"])
        centres_KD = centres.get_plain_text()
    reply(
        seconds=time.perf_counter() - started,
        rounds=stats.get_communication_stats()["rounds"] if command["count"] else None,
        centres=centres_KD.tolist(),
    )


def no_gradients() -> AbstractContextManager[None]:
    """Keep no graph."""
    return crypten.CrypTensor.no_grad()


def main() -> None:
    keep_for_answers()
    commands = Commands()
    torch.set_num_threads(1)
    crypten.config.cfg.mpc.provider = sys.argv[1]
    if int(os.environ["RANK"]) == int(os.environ["WORLD_SIZE"]):
        crypten.mpc.provider.TTPServer()
        return
    crypten.init()
    reply(ready=True)
    for command in commands:
        work(command)


if __name__ == "__main__":
    main()
