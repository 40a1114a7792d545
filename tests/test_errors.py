"""An error of a library becomes a reason in words."""

import pytest

from secfpp.errors import reason


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FileNotFoundError(2, "No such file or directory", "x"), "No such file or directory"),
        (KeyError(101), "something that it should hold is missing (KeyError 101)"),
        (IndexError("list index out of range"), "something that it should hold is missing"),
        (ValueError("bad header\nmore"), "bad header"),
        (OSError(), "its content makes no sense (OSError)"),
        (EOFError(), "its content makes no sense (EOFError)"),
        (ValueError(-2), "its content makes no sense (ValueError -2)"),
        (MemoryError("Unable to allocate 728 TiB"), "Unable to allocate 728 TiB"),
    ],
)
def test_reasons(error: Exception, said: str) -> None:
    assert reason(error).startswith(said)
