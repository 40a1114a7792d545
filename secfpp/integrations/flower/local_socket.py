"""The Unix socket of a client's program: one request a connection, and one answer.

Who may connect is settled by the file system: the socket has mode 0600 in a folder that nobody else
can enter, or 0660 for one group.
"""

import grp
import os
import socket
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import BoundedSemaphore, Thread
from typing import Final

from secfpp.errors import ConfigError, reason
from secfpp.integrations.flower.answers import refusal
from secfpp.integrations.flower.frames import SocketError, SocketMessage, receive, send

__all__ = ["REQUEST_S", "answering", "ask"]

REQUEST_S: Final = 30.0
"""Longest time that a request, or the sending of an answer, may take."""
_MOST_AT_ONCE: Final = 16
"""Connections that are served at once; more wait."""
_BACKLOG: Final = 128
_LONGEST_PATH: Final = 107
"""Bytes of a path that the kernel takes."""

Answer = Callable[[SocketMessage], SocketMessage]


def ask(path: Path, request: SocketMessage, *, within_s: float) -> SocketMessage:
    """Send a request to a client's program, and return its answer.

    Parameters
    ----------
    path : Path
        Of its socket.
    request : SocketMessage
    within_s : float
        Longest wait for the answer.

    Raises
    ------
    SocketError
        Nobody listens there, or no whole answer comes in time.
    """
    deadline = time.monotonic() + within_s
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        try:
            sock.settimeout(REQUEST_S)
            sock.connect(os.fspath(path))
        except (OSError, ValueError) as error:
            raise SocketError(f"no client listens at {path}: {reason(error)}") from None
        send(sock, request, deadline=time.monotonic() + REQUEST_S)
        return receive(sock, deadline=deadline)


@contextmanager
def answering(
    path: Path,
    answer: Answer,
    *,
    group: str | None = None,
    request_s: float = REQUEST_S,
    say: Callable[[str], None] = lambda line: None,
) -> Iterator[None]:
    """Answer requests in the background, each in a thread of its own.

    Parameters
    ----------
    path : Path
        Of the socket. Its folder is made if there is none, for this user alone.
    answer : callable
        May take its time. If it raises, the other end is told that it failed, and no more.
    group : str, optional
        A group whose members may connect, too.
    request_s : float
        Longest time that a request, or the sending of an answer, may take.
    say : callable
        Is told, in a line, what was wrong with a request.

    Raises
    ------
    ConfigError
        The socket cannot be made: another program listens there, others could replace it, or the
        path is too long.
    """
    listener = _listener(path, group)
    places = BoundedSemaphore(_MOST_AT_ONCE)

    def serve_all() -> None:
        while True:
            places.acquire()
            try:
                sock, _ = listener.accept()
            except OSError:  # the listener was closed
                return
            Thread(target=serve, args=(sock,), daemon=True).start()

    def serve(sock: socket.socket) -> None:
        try:
            with sock:
                _serve(sock, answer, request_s, say)
        finally:
            places.release()

    Thread(target=serve_all, daemon=True).start()
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _serve(
    sock: socket.socket, answer: Answer, request_s: float, say: Callable[[str], None]
) -> None:
    """Answer one request."""
    try:
        try:
            request = receive(sock, deadline=time.monotonic() + request_s)
        except SocketError as error:
            say(f"a request on the socket is refused: {error}")
            send(sock, refusal("bad request"), deadline=time.monotonic() + request_s)
            return
        send(sock, answer(request), deadline=time.monotonic() + request_s)
    except Exception as error:  # an error's words stay here
        say(f"a request on the socket failed: {type(error).__name__}: {error}")
        with suppress(Exception):
            send(sock, refusal("failed"), deadline=time.monotonic() + request_s)


def _listener(path: Path, group: str | None) -> socket.socket:
    """Return a socket that listens at a path, and that only those can reach who may."""
    _check_folder(path, group)
    if len(os.fsencode(path)) > _LONGEST_PATH:
        raise ConfigError(f"--listen {path}: at most {_LONGEST_PATH} bytes are possible")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        _remove_stale(path)
        listener.bind(os.fspath(path))
        if group is not None:
            os.chown(path, -1, _group_number(group))
            path.chmod(0o660)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise ConfigError(f"--listen {path}: {reason(error)}") from None
    except BaseException:
        listener.close()
        raise
    finally:
        os.umask(before)
    return listener


def _check_folder(path: Path, group: str | None) -> None:
    """Make the socket's folder, or see that no other user can put another socket there."""
    folder = path.parent
    try:
        if not folder.exists():
            folder.mkdir(mode=0o700, parents=True)
            if group is not None:
                os.chown(folder, -1, _group_number(group))
                folder.chmod(0o750)
        found = folder.stat()
    except OSError as error:
        raise ConfigError(f"--listen {path}: {reason(error)}") from None
    others = stat.S_IRWXO if group is not None else stat.S_IRWXO | stat.S_IRWXG
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise ConfigError(f"--listen {path}: {folder} is no folder of this user's")
    if found.st_mode & (others | stat.S_IWGRP):
        raise ConfigError(
            f"--listen {path}: other users can enter {folder}; choose a folder of its own, or "
            f"chmod {'750' if group is not None else '700'} {folder}"
        )


def _remove_stale(path: Path) -> None:
    """Remove the socket of a program that was killed; raise if somebody listens there."""
    try:
        is_socket = stat.S_ISSOCK(path.lstat().st_mode)
    except FileNotFoundError:
        return
    if not is_socket:
        raise ConfigError(f"--listen {path}: there is another file; remove it, or choose a path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.settimeout(REQUEST_S)
        try:
            other.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise ConfigError(f"--listen {path}: another program listens there; end it, or choose a path")


def _group_number(group: str) -> int:
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise ConfigError(f"--socket-group {group}: there is no such group") from None
