"""A party of SPU: a process with a brpc link to the others, which runs compiled programs on shares.

Runs in the environment of `separate_environment`. Party 0 makes the shares and puts the result
together. Shape letters: N points, K clusters, D dimensions.
"""

import re
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import spu
import spu.utils.frontend as frontend
from commands import Commands, Values, reply
from spu import libspu

from peers.answers import keep_for_answers

Link = libspu.link.Context
LINK_TIMEOUT_MS = 120_000
ACTIONS = re.compile(r"Link details:.*recv actions (\d+)")


def nearest(dist_KN):  # noqa: ANN001, ANN201
    """Mark the least of every column, (K, N) of 0 or 1, by a tree of comparisons."""
    groups = [[row] for row in range(len(dist_KN))]
    chosen_KN = None
    while len(groups) > 1:
        pairs = len(groups) // 2
        left, right = dist_KN[0 : 2 * pairs : 2], dist_KN[1 : 2 * pairs : 2]
        less = left < right
        wins = [side for bit in less for side in (bit, jnp.logical_not(bit))]
        wins += [jnp.ones_like(less[0])] * (len(groups) % 2)
        wins_KN = jnp.stack(
            [wins[place] for place, group in enumerate(groups) for _ in group],
        )
        chosen_KN = wins_KN if chosen_KN is None else jnp.logical_and(chosen_KN, wins_KN)
        dist_KN = jnp.concatenate([jnp.where(less, left, right), dist_KN[2 * pairs :]])
        merged = [groups[2 * pair] + groups[2 * pair + 1] for pair in range(pairs)]
        groups = merged + groups[2 * pairs :]
    return chosen_KN


def kmeans(command: Values):  # noqa: ANN201
    """Return Lloyd's iteration as a function of points, to be compiled."""
    clusters, scale = int(command["k"]), 2.0 ** -int(command["shift"])

    def iteration(_, centres_KD):  # noqa: ANN001, ANN202
        norms_K1 = (centres_KD * centres_KD).sum(axis=1, keepdims=True)
        chosen_KN = nearest(norms_K1 - 2 * centres_KD @ points.T).astype(jnp.float32)
        counts_K1 = chosen_KN.sum(axis=1, keepdims=True) * scale
        return chosen_KN @ points * scale * (1.0 / counts_K1)

    def run(points_ND):  # noqa: ANN001, ANN202
        nonlocal points
        points = points_ND
        return jax.lax.fori_loop(0, command["iterations"], iteration, points_ND[:clusters])

    points = None
    return run


def compiled(command: Values) -> libspu.Executable:
    """Compile a job."""
    zeros = np.zeros((command["n"], command["d"]), dtype=np.float32)
    executable, _ = frontend.compile(
        frontend.Kind.JAX,
        kmeans(command),
        [zeros],
        {},
        ["points"],
        [libspu.Visibility.VIS_SECRET],
        lambda _: ["centres"],
    )
    return executable


def configuration(protocol: str, *, count: bool) -> libspu.RuntimeConfig:
    """Return SPU's defaults for a protocol; with its profile printed to the log, or not."""
    config = libspu.RuntimeConfig()
    config.protocol = getattr(libspu.ProtocolKind, protocol)
    config.field = libspu.FieldType.FM64
    config.enable_pphlo_profile = count
    return config


def send_share(link: Link, rank: int, share: libspu.Share) -> None:
    """Send a share to a party."""
    link.send(rank, share.meta)
    link.send(rank, str(len(share.share_chunks)))
    for chunk in share.share_chunks:
        link.send(rank, chunk)


def receive_share(link: Link, rank: int) -> libspu.Share:
    """Receive a share from a party."""
    share = libspu.Share()
    share.meta = link.recv(rank)
    share.share_chunks = [link.recv(rank) for _ in range(int(link.recv(rank)))]
    return share


class Party:
    """One party and what it has compiled."""

    def __init__(self, link: Link, protocol: str, log: Path) -> None:
        self._link, self._log = link, log
        self._executables: dict[tuple[object, ...], libspu.Executable] = {}
        self._machines = {
            count: (
                spu.Io(link.world_size, configuration(protocol, count=count)),
                spu.Runtime(link, configuration(protocol, count=count)),
            )
            for count in (False, True)
        }

    def work(self, command: Values) -> None:
        """Do one job, and say what it took and what came out."""
        key = tuple(command[name] for name in ("n", "d", "k", "iterations"))
        if key not in self._executables:
            self._executables[key] = compiled(command)
        points_ND = np.load(str(command["points"])).astype(np.float32)
        logged = self._log.stat().st_size
        self._link.barrier()
        started = time.perf_counter()
        centres_KD = self._run(self._executables[key], points_ND, bool(command["count"]))
        reply(
            seconds=time.perf_counter() - started,
            rounds=self._actions(logged) if command["count"] else None,
            centres=None if centres_KD is None else centres_KD.tolist(),
        )

    def _run(
        self, executable: libspu.Executable, points_ND: np.ndarray, count: bool
    ) -> np.ndarray | None:
        link = self._link
        io, machine = self._machines[count]
        others = range(1, link.world_size)
        if link.rank == 0:
            mine, *theirs = io.make_shares(points_ND, libspu.Visibility.VIS_SECRET)
            for rank, share in zip(others, theirs, strict=True):
                send_share(link, rank, share)
        else:
            mine = receive_share(link, 0)
        machine.set_var("points", mine)
        machine.run(executable)
        result = machine.get_var("centres")
        for name in ("points", "centres"):
            machine.del_var(name)
        if link.rank > 0:
            send_share(link, 0, result)
            return None
        return io.reconstruct([result, *(receive_share(link, rank) for rank in others)])

    def _actions(self, start: int) -> int | None:
        """Return how often this party waited for a message, as its log says."""
        with self._log.open() as log:
            log.seek(start)
            found = ACTIONS.findall(log.read())
        return int(found[-1]) if found else None


def main() -> None:
    keep_for_answers()
    commands = Commands()
    rank, protocol, log = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    options = libspu.logging.LogOptions()
    options.enable_console_logger = False
    options.system_log_path = str(log)
    libspu.logging.setup_logging(options)
    log.touch()
    description = libspu.link.Desc()
    description.recv_timeout_ms = description.http_timeout_ms = LINK_TIMEOUT_MS
    for other, address in enumerate(sys.argv[4:]):
        description.add_party(str(other), address)
    party = Party(libspu.link.create_brpc(description, rank), protocol, log)
    reply(ready=True)
    for command in commands:
        party.work(command)


if __name__ == "__main__":
    main()
