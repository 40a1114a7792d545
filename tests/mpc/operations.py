"""A computing party that runs single operations, for tests: `python -m tests.mpc.operations`."""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from mpc import compare, kmeans
from mpc._crypten import from_share, share_of
from mpc.child import Bootstrap, serve_process
from mpc.distance import gram_matrix
from mpc.errors import PeerClosedError
from mpc.meter import Network
from mpc.party import meet

Operation = Callable[[Any, Network], Any]

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
}


def serve(start: Bootstrap) -> None:
    torch.set_num_threads(1)
    network = meet(start)
    server = network.server
    while True:
        server.wait_readable()
        try:
            request = server.recv_json(b"CTRL")
        except PeerClosedError:
            return
        share = server.recv_ring(b"SHAR", request["shape"])
        result = share_of(OPERATIONS[request["operation"]](from_share(share), network))
        server.send_json(
            b"CTRL", {"shape": list(result.shape), "rounds": network.communicator.rounds}
        )
        server.send_ring(b"OPEN", np.asarray(result))


if __name__ == "__main__":
    sys.exit(serve_process("party", serve))
