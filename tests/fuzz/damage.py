"""Bytes as they come from full disks, broken transfers and careless editors."""

from __future__ import annotations

from random import Random


def damaged(random: Random, content: bytes) -> bytes:
    """Return `content` with one to three kinds of damage, in any order."""
    for _ in range(random.choice([1, 1, 1, 2, 3])):
        content = random.choice(WAYS)(random, content)
    return content


def cut(random: Random, content: bytes) -> bytes:
    """End early; often near the beginning, where headers are."""
    longest = random.choice([8, 64, 512, len(content), len(content)])
    return content[: random.randint(0, min(longest, len(content)))]


def flipped(random: Random, content: bytes) -> bytes:
    """Change single bits."""
    changed = bytearray(content)
    for _ in range(random.choice([1, 1, 2, 8])):
        if changed:
            changed[_place(random, content)] ^= 1 << random.randrange(8)
    return bytes(changed)


def overwritten(random: Random, content: bytes) -> bytes:
    """Put foreign bytes over some."""
    start, length = _place(random, content), random.choice([1, 2, 4, 8, 64])
    odd = random.choice([b"\0", b"\xff", b"9", b"-", b'"', b"[", b"\n", b"\r", b" "])
    filling = random.randbytes(length) if random.random() < 0.5 else odd * length
    return content[:start] + filling + content[start + length :]


def missing_some(random: Random, content: bytes) -> bytes:
    """Leave some out."""
    start = _place(random, content)
    return content[:start] + content[start + random.choice([1, 2, 7, 100]) :]


def repeated(random: Random, content: bytes) -> bytes:
    """Have some twice."""
    start = _place(random, content)
    end = start + random.choice([1, 16, 1000])
    return content[:end] + content[start:end] + content[end:]


def marked(random: Random, content: bytes) -> bytes:
    """Begin with a mark of byte order, or of nothing."""
    marks = [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\n", b" ", b"\0"]
    return random.choice(marks) + content


def lengthened(random: Random, content: bytes) -> bytes:
    """End late."""
    return content + random.choice([b"\0" * 100, b"x", b"\n\n", random.randbytes(50), content])


def recoded(random: Random, content: bytes) -> bytes:
    """Be text of another encoding, or of other line ends."""
    text = content.decode("utf-8", "replace")
    return random.choice(
        [
            text.encode("utf-16"),
            text.encode("utf-16-le"),
            text.encode("utf-32"),
            text.encode("latin-1", "replace"),
            text.replace("\n", "\r\n").encode(),
            text.replace("\n", "\r").encode(),
            text.replace("\n", "\u2028").encode(),
        ]
    )


def _place(random: Random, content: bytes) -> int:
    """Return a place in `content`, often near its beginning."""
    longest = random.choice([16, 128, len(content), len(content)])
    return random.randrange(max(1, min(longest, len(content))))


WAYS = (
    cut,
    cut,
    flipped,
    flipped,
    overwritten,
    missing_some,
    repeated,
    marked,
    lengthened,
    recoded,
)
