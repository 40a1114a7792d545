"""A party of MPyC: Shamir shares over a prime field, vectors of fixed-point numbers.

Runs in the environment of `separate_environment`. All commands come on standard input, what MPyC
needs to meet the others on the command line. Shape letters: N points, K clusters, D dimensions.
"""

import asyncio
import time

import numpy as np
from commands import Commands, Values, reply
from mpyc.runtime import mpc

from peers.answers import keep_for_answers

NUMBER = mpc.SecFxp(32)
"""16 bits of 32 are fractional."""


def lloyd(points, clusters, iterations):  # noqa: ANN001, ANN201
    """Lloyd's iteration in MPyC's own operations on arrays.

    Reciprocals are of single numbers, and assignments marked by argmin's unit vectors.
    """
    centres = points[:clusters]
    for _ in range(iterations):
        norms_1K = mpc.np_reshape(mpc.np_sum(centres * centres, axis=1), (1, clusters))
        dist_NK = norms_1K - 2 * (points @ centres.T)
        onehot_NK = mpc.np_argmin(dist_NK, axis=1, arg_unary=True)
        counts = mpc.np_tolist(mpc.np_sum(onehot_NK, axis=0))
        over_K = mpc.np_fromlist([1 / count for count in counts])
        centres = (onehot_NK.T @ points) * mpc.np_reshape(over_K, (clusters, 1))
    return centres


async def work(command: Values) -> None:
    """Do one job, and say what it took and what came out."""
    points_ND = np.load(str(command["points"]))
    await mpc.barrier()
    started = time.perf_counter()
    points = mpc.input(NUMBER.array(points_ND), senders=0)
    centres_KD = await mpc.output(lloyd(points, command["k"], command["iterations"]))
    reply(seconds=time.perf_counter() - started, centres=np.asarray(centres_KD).tolist())


async def serve(commands: Commands) -> None:
    """Do what comes."""
    async with mpc:
        reply(ready=True)
        while True:
            await work(await asyncio.to_thread(commands.next))


def main() -> None:
    keep_for_answers()
    mpc.run(serve(Commands()))


if __name__ == "__main__":
    main()
