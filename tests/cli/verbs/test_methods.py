"""`secfpp methods` lists every method with its paper and what hides its update."""

import json

import pytest

from secfpp.cli import main
from secfpp.methods.registry import METHODS


def test_people_see_every_card(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["methods"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    for method in METHODS.values():
        assert f"{method.card.name}: {method.card.title}" in printed
    secure = METHODS["secfpp"].card
    for words in (secure.sends, secure.gets, secure.keeps, secure.privacy, secure.source):
        assert words.split(":")[0] in printed


def test_programs_get_the_same(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["methods", "--json"]) == 0
    record = json.loads(capfd.readouterr().out)
    assert list(record) == list(METHODS)
    assert record["dp-promptfl"]["differentially_private"] is True
    assert record["secfpp"]["differentially_private"] is False
    assert record["promptfl"]["source"] == METHODS["promptfl"].card.source
