import pytest

from secfpp.cli.former_words import FORMER_VALUES, present_words
from secfpp.cli.parse import parse
from secfpp.cli.verbs.cluster import Cluster
from secfpp.cli.verbs.run import Run


@pytest.mark.parametrize(("former", "present"), FORMER_VALUES["--comparisons"].items())
@pytest.mark.parametrize("spelled", [["--comparisons", "{}"], ["--comparisons={}"]])
def test_former_values_are_understood_and_said(
    former: str, present: str, spelled: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["cluster", "--input", "x.npy", *(word.format(former) for word in spelled)]
    verb = parse(words)
    assert isinstance(verb, Cluster)
    assert verb.comparisons == present
    assert f"--comparisons {former} is now --comparisons {present}" in capsys.readouterr().err


def test_other_words_are_left_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["cluster", "--input", "keys", "--comparisons", "fss", "--label=keys", "digits"]
    assert list(present_words(words)) == words
    assert capsys.readouterr().err == ""


def test_a_run_understands_them_too() -> None:
    verb = parse(["run", "--comparisons", "digits"])
    assert isinstance(verb, Run)
    assert "lut" in repr(verb)
