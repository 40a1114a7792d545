"""The socket of a client's program: who may connect, what is refused, and what is not said."""

import math
import os
import socket
import stat
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from secfpp.errors import ConfigError
from secfpp.integrations.flower.frames import (
    MAX_BYTES,
    SocketError,
    SocketMessage,
    receive,
    send,
)
from secfpp.integrations.flower.local_socket import answering, ask
from secfpp.json_file import JsonValue
from tests.patience import SOON_S

SECRET = "the patient's name"


@dataclass
class Place:
    """A socket that answers, and what its program said."""

    path: Path
    said: list[str] = field(default_factory=list)

    def ask(self, **values: int | str) -> dict[str, object]:
        return dict(ask(self.path, SocketMessage(values=values), within_s=SOON_S).values)

    def raw(self, content: bytes, *, hang_up: bool = False) -> dict[str, object]:
        """Send bytes as they are, and return the answer."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.connect(str(self.path))
            sock.sendall(content)
            if hang_up:
                sock.shutdown(socket.SHUT_WR)
            return dict(receive(sock, deadline=time.monotonic() + SOON_S).values)


@contextmanager
def listening(
    folder: Path,
    answer: Callable[[SocketMessage], SocketMessage] = lambda request: request,
    *,
    request_s: float = SOON_S,
) -> Iterator[Place]:
    place = Place(folder / "private" / "socket")
    with answering(place.path, answer, request_s=request_s, say=place.said.append):
        yield place


def header(tag: bytes = b"SFP1", length: int = 0) -> bytes:
    return struct.pack("<4sI", tag, length)


def framed(text: bytes) -> bytes:
    return header(length=len(text)) + text


def test_values_come_back_as_they_were(tmp_path: Path) -> None:
    values: dict[str, JsonValue] = {"verb": "x", "nested": {"a": [1, None, -0.5]}}
    with listening(tmp_path) as place:
        answer = ask(place.path, SocketMessage(values=values), within_s=SOON_S)
    assert answer.values == values


def test_the_socket_is_this_user_s_alone_and_goes_with_the_program(tmp_path: Path) -> None:
    with listening(tmp_path) as place:
        assert stat.S_IMODE(place.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(place.path.parent.stat().st_mode) == 0o700
    assert not place.path.exists()
    with pytest.raises(SocketError, match="no client listens"):
        place.ask()


@pytest.mark.parametrize(
    "content",
    [
        header(tag=b"PICK"),
        header(length=MAX_BYTES + 1),
        framed(b"\x80\x04."),
        framed(b"[]"),
        framed(b'{"a": NaN}'),
        framed(b"[" * 100_000),
    ],
)
def test_what_is_malformed_is_refused_and_the_next_is_served(
    content: bytes, tmp_path: Path
) -> None:
    with listening(tmp_path) as place:
        assert place.raw(content) == {"code": "bad request"}
        assert len(place.said) == 1
        assert place.ask(verb="x") == {"verb": "x"}


def test_half_a_message_is_refused(tmp_path: Path) -> None:
    with listening(tmp_path) as place:
        assert place.raw(header()[:7], hang_up=True) == {"code": "bad request"}
        assert place.raw(framed(b"{}")[:-1], hang_up=True) == {"code": "bad request"}


def test_who_is_silent_is_not_waited_for(tmp_path: Path) -> None:
    with listening(tmp_path, request_s=0.2) as place:
        assert place.raw(header()[:7]) == {"code": "bad request"}
        assert "in time" in place.said[0]


def test_who_asks_does_not_wait_for_ever(tmp_path: Path) -> None:
    def sleep(request: SocketMessage) -> SocketMessage:
        time.sleep(2)
        return request

    with listening(tmp_path, sleep) as place, pytest.raises(SocketError, match="in time"):
        ask(place.path, SocketMessage(values={}), within_s=0.2)


def test_an_error_s_words_stay_in_the_log(tmp_path: Path) -> None:
    def fail(request: SocketMessage) -> SocketMessage:
        raise ValueError(SECRET)

    with listening(tmp_path, fail) as place:
        assert place.ask(verb="x") == {"code": "failed"}
    assert SECRET in place.said[0]


def test_an_answer_that_cannot_be_sent_is_a_failure(tmp_path: Path) -> None:
    def diverged(request: SocketMessage) -> SocketMessage:
        return SocketMessage(values={"train_loss": math.nan})

    with listening(tmp_path, diverged) as place:
        assert place.ask(verb="x") == {"code": "failed"}


def test_many_ask_at_once(tmp_path: Path) -> None:
    with listening(tmp_path, request_s=0.5) as place:
        silent = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(24)]
        try:
            for each in silent:
                each.settimeout(SOON_S)
                each.connect(str(place.path))
            assert place.ask(verb="x") == {"verb": "x"}
        finally:
            for each in silent:
                each.close()


def test_a_socket_in_use_is_left_alone(tmp_path: Path) -> None:
    with listening(tmp_path) as place:
        with pytest.raises(ConfigError, match="another program listens there"), listening(tmp_path):
            pass
        assert place.ask(verb="x") == {"verb": "x"}


def test_the_socket_of_a_killed_program_is_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left_behind:
        left_behind.bind(str(folder / "socket"))
    with listening(tmp_path) as place:
        assert place.ask(verb="x") == {"verb": "x"}


def test_another_file_is_not_removed(tmp_path: Path) -> None:
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    (folder / "socket").write_text("mine")
    with pytest.raises(ConfigError, match="another file"), listening(tmp_path):
        pass
    assert (folder / "socket").read_text() == "mine"


@pytest.mark.parametrize("mode", [0o755, 0o711, 0o770])
def test_a_folder_that_others_can_enter_is_refused(mode: int, tmp_path: Path) -> None:
    folder = tmp_path / "private"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(ConfigError, match="chmod 700"), listening(tmp_path):
        pass


def test_a_path_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="at most 107 bytes"), listening(tmp_path / ("x" * 100)):
        pass


def test_a_group_that_there_is_not_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "private" / "socket"
    with (
        pytest.raises(ConfigError, match="no such group"),
        answering(path, lambda request: request, group="no-such-group"),
    ):
        pass


def test_a_group_may_connect_if_the_owner_says_so(tmp_path: Path) -> None:
    grp = pytest.importorskip("grp")
    group = grp.getgrgid(os.getgid()).gr_name
    path = tmp_path / "private" / "socket"
    with answering(path, lambda request: request, group=group):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o750


def test_a_message_over_a_limit_is_not_sent() -> None:
    one, other = socket.socketpair()
    large = SocketMessage(values={"x": "y" * (MAX_BYTES + 1)})
    with one, other, pytest.raises(SocketError, match="are the most"):
        send(one, large, deadline=time.monotonic() + SOON_S)
