"""A client that ends in the middle of sharing: in place of `mpc.secpc.client_process`.

`client:2` sends its share to the clients before it, and to none after it.
"""

import os
from typing import NoReturn

from mpc.net.exchange import Outgoing, drive
from mpc.net.frames import CODED_SHARE
from mpc.net.link import raw_view
from mpc.roles.bootstrap import Start, serve_process
from mpc.secpc.client import ClientJob
from mpc.secpc.client_process import ClientProcess
from mpc.secpc.messages import CodedOrder, OwnRows
from tests.patience import SOON_S

EXIT_CODE = 7


class DyingClient(ClientProcess):
    def _share(self, message: dict[str, object], number: int) -> None:  # type: ignore[override]
        if self._me != 2:
            super()._share(message, number)
            return
        order = CodedOrder.from_json(message)
        self._let_in()
        shape = (1, order.order.dim + order.order.payload)
        own = self._owner.recv_ring(b"OWNR", shape, number=number).view(float)
        dim = order.order.dim
        shares = ClientJob(2, order, OwnRows(own[:, :dim], own[:, dim:])).shares()
        some = [
            Outgoing(self._links[at], CODED_SHARE, raw_view(shares[at].view("i8")), number=number)
            for at in (0, 1)
        ]
        drive(some, silence_s=SOON_S)
        os._exit(EXIT_CODE)


def main() -> NoReturn:
    def body(start: Start) -> None:
        DyingClient(start).serve()

    serve_process("client", body)


if __name__ == "__main__":
    main()
