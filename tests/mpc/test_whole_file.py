"""A file is read to its end; what may have none is refused."""

import os
import threading
from pathlib import Path

import pytest

from mpc.errors import InputError
from mpc.net.addresses import read_addresses
from mpc.whole_file import read_whole
from tests.patience import SOON_S


def test_files_and_links_to_them(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"content")
    (tmp_path / "link").symlink_to("x")
    assert read_whole(tmp_path / "link", pipes=False) == read_whole(tmp_path / "x") == b"content"


@pytest.mark.timeout(SOON_S)
def test_pipes_are_read_where_they_may_be(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="is a pipe or a device"):
        read_whole(tmp_path / "pipe", pipes=False)
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(b"content",))
    writer.start()
    assert read_whole(tmp_path / "pipe") == b"content"
    writer.join()


@pytest.mark.timeout(SOON_S)
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/full", "/dev/null"])
def test_devices_are_not_read(tmp_path: Path, device: str) -> None:
    (tmp_path / "network.json").symlink_to(device)
    with pytest.raises(OSError, match="is a pipe or a device; a file is needed"):
        read_whole(tmp_path / "network.json")
    with pytest.raises(InputError, match=r"cannot read .*network\.json: is a pipe or a device"):
        read_addresses(tmp_path / "network.json")


def test_a_folder_is_none(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        read_whole(tmp_path)
