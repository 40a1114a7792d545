"""A man in the middle: passes TCP connections on, keeps or changes what goes through."""

import contextlib
import socket
import threading
from collections.abc import Callable

from mpc.net.handshake import listen

Change = Callable[[str, bytes], bytes]


class Relay:
    """Listens on `port` and connects everybody to another one.

    Parameters
    ----------
    target : int
        Port on this machine.
    change : callable
        Given the direction ("there" or "back") and some bytes, returns what is passed on.
    """

    def __init__(self, target: int, change: Change = lambda direction, data: data) -> None:
        self._target = target
        self._change = change
        self._listener = listen()
        self._sockets: list[socket.socket] = []
        self.port: int = self._listener.getsockname()[1]
        self.seen = {"there": bytearray(), "back": bytearray()}
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for sock in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._target))
            self._sockets += [near, far]
            for direction, source, sink in (("there", near, far), ("back", far, near)):
                threading.Thread(
                    target=self._pass_on, args=(direction, source, sink), daemon=True
                ).start()

    def _pass_on(self, direction: str, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                self.seen[direction] += data
                sink.sendall(self._change(direction, data))
            sink.shutdown(socket.SHUT_WR)
