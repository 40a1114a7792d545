"""A byte-pair vocabulary cut to given words, in the format of open_clip's own.

The embedding table of CLIP's 49,408 tokens would be most of a small model. The cut vocabulary keeps
the merges that the words need, in order of rank. These words are tokenised exactly as before; other
texts are split into shorter pieces.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from pathlib import Path

from open_clip.tokenizer import SimpleTokenizer, default_bpe, get_pairs

VOCABULARY_FILE = "vocabulary.txt.gz"
"""Name of a cut vocabulary in the folder of a `local-dir:` model."""


def cut_merges(words: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return the merges that `words` use, in order of rank."""
    full = SimpleTokenizer()
    used: set[tuple[str, str]] = set()
    for word in words:
        used |= _merges_of(word, full.bpe_ranks)
    return tuple(sorted(used, key=full.bpe_ranks.__getitem__))


def write_vocabulary(path: Path, words: Iterable[str]) -> int:
    """Write the cut vocabulary; return how many tokens it has, the two special ones included."""
    merges = cut_merges(words)
    with gzip.open(default_bpe()) as file:
        header = file.readline().decode().rstrip("\n")
    text = "\n".join([header, *(" ".join(pair) for pair in merges)])
    path.write_bytes(gzip.compress(text.encode(), mtime=0))
    num_bytes_and_ends = 512
    num_special = 2
    return num_bytes_and_ends + len(merges) + num_special


def _merges_of(word: str, ranks: dict[tuple[str, str], int]) -> set[tuple[str, str]]:
    """Follow byte-pair encoding of one lower-case ASCII word and collect the merges."""
    pieces = (*word[:-1], word[-1] + "</w>")
    used: set[tuple[str, str]] = set()
    while len(pieces) > 1:
        best = min(get_pairs(pieces), key=lambda pair: ranks.get(pair, len(ranks)))
        if best not in ranks:
            break
        used.add(best)
        pieces = _merge(pieces, best)
    return used


def _merge(pieces: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    """Join every occurrence of `pair`, from left to right."""
    joined: list[str] = []
    for piece in pieces:
        if joined and (joined[-1], piece) == pair:
            joined[-1] += piece
        else:
            joined.append(piece)
    return tuple(joined)
