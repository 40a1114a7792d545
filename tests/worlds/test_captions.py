"""Captions, and which drawings they are right for."""

import re
from pathlib import Path

import numpy as np
import pytest
from open_clip.tokenizer import SimpleTokenizer

from secfpp.clip.vocabulary import write_vocabulary
from secfpp.worlds.captions import (
    CONTEXT_LENGTH,
    TEMPLATES,
    Captioned,
    CaptionSampler,
    describe,
    words_of,
)
from secfpp.worlds.identities import Identity

IDENTITIES = (
    Identity(code="1", name="dog", group="animal"),
    Identity(code="2", name="cat", group="animal"),
    Identity(code="3", name="red car", group="vehicle"),
)
STYLES = ("flat", "shaded")


@pytest.fixture
def captioned() -> Captioned:
    return describe(IDENTITIES, STYLES)


@pytest.fixture
def tokenizer(tmp_path: Path, captioned: Captioned) -> SimpleTokenizer:
    write_vocabulary(tmp_path / "words.txt.gz", words_of(captioned))
    return SimpleTokenizer(str(tmp_path / "words.txt.gz"), context_length=CONTEXT_LENGTH)


def test_drawings_are_described_style_by_style(captioned: Captioned) -> None:
    assert [captioned.names[name] for name in captioned.name_N[:3]] == ["dog", "cat", "red car"]
    assert captioned.style_N.tolist() == [0, 0, 0, 1, 1, 1]


def test_a_caption_is_right_for_all_drawings_that_it_does_not_contradict(
    captioned: Captioned, tokenizer: SimpleTokenizer
) -> None:
    batch = CaptionSampler(captioned, tokenizer, np.random.default_rng(0), 64).draw()
    said = [tokenizer.decode(row.tolist()) for row in batch.tokens_BL]
    frame = {"start", "of", "text", "end", *(word for text in TEMPLATES for word in text.split())}
    for column, caption in enumerate(said):
        content = {*re.findall(r"[a-z]+", caption)} - frame
        for row, drawing in enumerate(batch.row_B.tolist()):
            identity, style = IDENTITIES[drawing % 3], STYLES[drawing // 3]
            described = {*identity.name.split(), identity.group, style}
            fitting = content <= described
            assert batch.right_BB[row, column] == fitting, (caption, identity, style)


def test_groups_are_equally_frequent(captioned: Captioned, tokenizer: SimpleTokenizer) -> None:
    batch = CaptionSampler(captioned, tokenizer, np.random.default_rng(0), 2000).draw()
    share = np.mean(captioned.group_N[batch.row_B] == captioned.groups.index("vehicle"))
    assert 0.45 < share < 0.55
