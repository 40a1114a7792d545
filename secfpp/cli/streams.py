"""Prepare the standard streams for any text, in any locale, also when they are closed.

A closed stream is opened on the null device. A character that the locale's encoding lacks is spelt
in ASCII. The bytes of a file name that is not text are written unchanged.
"""

from __future__ import annotations

import codecs
import os
import sys
import unicodedata
from typing import IO

ERRORS = "secfpp.spelt-in-ascii"
SPELT = {
    "\N{EN DASH}": "-",
    "\N{EM DASH}": "-",
    "\N{MINUS SIGN}": "-",
    "\N{BULLET}": "*",
    "\N{PLUS-MINUS SIGN}": "+/-",
    "\N{MULTIPLICATION SIGN}": "x",
    "\N{RIGHTWARDS ARROW}": "->",
}


def prepare_streams() -> None:
    """Open the closed ones of descriptors 0 to 2, and let both output streams take any text."""
    for descriptor in range(3):
        _occupy(descriptor)
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: SIM115
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    codecs.register_error(ERRORS, _spell)
    for stream in (sys.stdout, sys.stderr):
        _take_any_text(stream)


def leave_stdout() -> None:
    """Send the rest of standard output to the null device: its reader has closed it."""
    descriptor = os.open(os.devnull, os.O_WRONLY)
    os.dup2(descriptor, sys.stdout.fileno())
    os.close(descriptor)


def _occupy(descriptor: int) -> None:
    """Open a closed descriptor on the null device, so that no other file gets its number."""
    try:
        os.fstat(descriptor)
    except OSError:
        opened = os.open(os.devnull, os.O_RDWR)
        if opened != descriptor:
            os.dup2(opened, descriptor)
            os.close(opened)


def _take_any_text(stream: IO[str]) -> None:
    """Set how a stream writes characters that its encoding lacks."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors=ERRORS)


def _spell(error: UnicodeError) -> tuple[str | bytes, int]:
    """Return a replacement of the characters that cannot be encoded, and where they end."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    failed = error.object[error.start : error.end]
    return b"".join(_bytes_of(character, error.encoding) for character in failed), error.end


def _bytes_of(character: str, encoding: str) -> bytes:
    """Return a byte of a file name, or the nearest ASCII, in the stream's encoding."""
    in_single_bytes = len("a".encode(encoding, "ignore")) == 1  # not so in UTF-16
    if "\udc80" <= character <= "\udcff" and in_single_bytes:
        return bytes([ord(character) - 0xDC00])
    nearest = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return SPELT.get(character, nearest or "?").encode(encoding, "ignore")
