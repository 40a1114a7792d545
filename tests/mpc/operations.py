"""A computing party that runs single operations, for tests: `python -m tests.mpc.operations`."""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from mpc import compare, kmeans, norms
from mpc._crypten import from_share, share_of
from mpc.child import Start, serve_process
from mpc.distance import gram_matrix
from mpc.errors import PeerClosedError
from mpc.frames import CONTROL, OPENED, SHARE
from mpc.meter import Network
from mpc.party import meet
from mpc.provider import TupleProvider
from mpc.rehearsal import record
from mpc.schedule import Schedule

Operation = Callable[[Any, Any], Any]


def _columns(x: Any, start: int, stop: int) -> Any:
    return compare.local(x, lambda whole: whole[:, start:stop].clone())


def _gram_and_kept(x: Any) -> tuple[Any, Any]:
    """Take apart a Gram matrix and, as its last column, who is kept."""
    last = x.size(1) - 1
    return _columns(x, 0, last), compare.local(x, lambda whole: whole[:, last].clone())


def _members_and_agreement(x: Any) -> Any:
    """Take new assignments, members before and who is kept; put the bit under the members."""
    rest, kept = _gram_and_kept(x)
    half = rest.size(1) // 2
    members, same = kmeans.members_and_agreement(
        _columns(rest, 0, half), _columns(rest, half, 2 * half), kept
    )
    return from_share(torch.cat([members.share, same.share.expand(1, half)]))


OPERATIONS: dict[str, Operation] = {
    "identity": lambda x, net: x,
    "square": lambda x, net: x.square(),
    "product": lambda x, net: x * x,
    "gram": lambda x, net: gram_matrix(x),
    "less_than_zero": lambda x, net: compare.less_than_zero(x),
    "is_zero": lambda x, net: compare.is_zero(x),
    "truncate": lambda x, net: compare.truncate(x, 20, net.provider),
    "crypten_division": lambda x, net: x.div(1 << 20),
    "one_hot_min": lambda x, net: compare.one_hot_min(x),
    "tournament": lambda x, net: compare._one_hot_min_tournament(x),
    "reciprocals": lambda x, net: kmeans.reciprocals(x, 9)[0],
    "empty": lambda x, net: kmeans.reciprocals(x, 9)[1],
    "farthest_first": lambda x, net: kmeans.farthest_first(x, 4),
    "kept_points": lambda gram, net: norms.kept_points(gram, 5),
    "first_kept": lambda kept, net: norms.first_kept(kept),
    "replace_left_out": lambda x, net: norms.replace_left_out(*_gram_and_kept(x)),
    "distances_of_kept": lambda x, net: norms.distances_of_kept(*_gram_and_kept(x)),
    "centre_distances": lambda x, net: kmeans.centre_distances(
        _columns(x, 0, x.size(0)), _columns(x, x.size(0), x.size(1)), net.provider
    ),
    "members_and_agreement": lambda x, net: _members_and_agreement(x),
    "averaging_groups": lambda members, net: kmeans.averaging_groups(members, 3),
    "clusters": lambda members, net: kmeans.averaging_groups(members, 1),
}


class Asker:
    """What an operation sees of the network: where its tuples come from."""

    def __init__(self, provider: TupleProvider) -> None:
        self.provider = provider


def ask_for_tuples(network: Network, number: int, operation: Operation, shape: list[int]) -> None:
    """Learn from a rehearsal what the operation needs, and ask for it."""
    zeros = torch.zeros(shape, dtype=torch.int64)
    needed = record(
        network.communicator.get_world_size(),
        lambda provider: operation(from_share(zeros), Asker(provider)),
    )
    network.provider.expect(number, Schedule(once={"distances": needed}))
    network.provider.begin(number, "distances")


def serve(start: Start) -> None:
    torch.set_num_threads(1)
    network = meet(start).network
    server = network.server
    number = 0
    while True:
        server.readable_within(None)
        number += 1
        try:
            request = server.recv_json(CONTROL)
        except PeerClosedError:
            return
        share = server.recv_ring(SHARE, request["shape"])
        operation = OPERATIONS[request["operation"]]
        ask_for_tuples(network, number, operation, request["shape"])
        network.communicator.begin()
        result = share_of(operation(from_share(share), network))
        server.send_json(
            CONTROL, {"shape": list(result.shape), "rounds": network.communicator.rounds}
        )
        server.send_ring(OPENED, np.asarray(result))
        network.provider.finish()


if __name__ == "__main__":
    sys.exit(serve_process("party", serve))
