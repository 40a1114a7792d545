"""Vectors are what this project computes, what a second implementation does, and right in sum.

Every check is seen to fail where one value of a file is altered.
"""

import copy
import functools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mpc.ring.randomness import AesCtrStream
from tests.vectors import make, plain, project, properties
from tests.vectors.notation import as_text

Case = dict[str, Any]

FILES = sorted(Path(__file__).parent.glob("*.json"))
MOST_BYTES = 20_000


@functools.cache
def read(name: str) -> Case:
    """Return a file's document, which nobody may change."""
    document: Case = json.loads((Path(__file__).parent / f"{name}.json").read_text("ascii"))
    return document


ALL = [(path.stem, at) for path in FILES for at in range(len(read(path.stem)["cases"]))]
PARTS = [(name, at, part) for name, at in ALL for part in read(name)["cases"][at]["out"]]
STANDARDS = [
    (path.stem, at) for path in FILES for at in range(len(read(path.stem).get("published", [])))
]
UNTOLD = {"words"}
"""Outputs whose inner bytes no property tells: they look uniform."""


@functools.cache
def answer(module: str, name: str, at: int) -> Case:
    """Return what an implementation gives for a case's inputs."""
    of = {"project": project, "plain": plain}[module]
    said: Case = getattr(of, name)(copy.deepcopy(read(name)["cases"][at]["in"]))
    return said


def check_answer(module: str, name: str, at: int, said: Case) -> None:
    assert answer(module, name, at) == said


def check_properties(name: str, at: int, said: Case) -> None:
    getattr(properties, name)(read(name)["cases"][at]["in"], said)


def altered(value: Any) -> Iterator[Any]:
    """Yield copies of a value, each with one number, or one byte of a text, altered."""
    if isinstance(value, dict):
        for key, of in value.items():
            yield from ({**value, key: other} for other in altered(of))
    elif isinstance(value, list):
        for at, of in enumerate(value):
            yield from ([*value[:at], other, *value[at + 1 :]] for other in altered(of))
    elif isinstance(value, str):
        start = 2 if value.startswith("0x") else 0
        for at in {start, (start + len(value)) // 2, len(value) - 1}:
            other = chr(ord(value[at]) ^ 1)  # of hexadecimal digits, all but a and f stay such
            yield value[:at] + other + value[at + 1 :]
    else:
        yield value + 1


def seen_to_fail(check: Callable[[Any], None], value: Any) -> int:
    """Return in how many ways a value was altered, each of which a check finds."""
    count = 0
    for count, other in enumerate(altered(value), start=1):  # noqa: B007
        with pytest.raises((AssertionError, ValueError)):
            check(other)
    return count


def test_there_is_a_file_of_every_primitive() -> None:
    assert {path.stem for path in FILES} == set(make.CASES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_is_small_and_says_what_it_is(path: Path) -> None:
    document, text = read(path.stem), path.read_text("ascii")
    assert len(text) < MOST_BYTES
    assert document["name"] == path.stem
    assert document["origin"].startswith(f"SecFPP {make.VERSION}, ")
    assert document["description"]
    assert document["cases"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_is_what_would_be_written_again(path: Path) -> None:
    assert as_text(make.document(path.stem)) + "\n" == path.read_text("ascii")


@pytest.mark.parametrize("module", ["project", "plain"])
@pytest.mark.parametrize(("name", "at"), ALL)
def test_implementations_give_what_a_file_says(name: str, at: int, module: str) -> None:
    check_answer(module, name, at, read(name)["cases"][at]["out"])


@pytest.mark.parametrize(("name", "at"), ALL)
def test_what_a_file_says_has_the_properties_of_the_primitive(name: str, at: int) -> None:
    check_properties(name, at, read(name)["cases"][at]["out"])


@pytest.mark.parametrize(("name", "at"), STANDARDS)
def test_vectors_of_standards_are_right(name: str, at: int) -> None:
    properties.published(read(name)["published"][at])


@pytest.mark.parametrize(
    "at",
    [at for name, at in STANDARDS if "nonce" in read(name)["published"][at]],
)
def test_streams_have_the_blocks_of_standards(at: int) -> None:
    check_stream(read("aes_stream")["published"][at])


def check_stream(entry: Case) -> None:
    """A stream of the project has the blocks where the entry says."""
    stream = AesCtrStream(bytes.fromhex(entry["key"]), int(entry["nonce"], 16))
    blocks, first = "".join(entry["blocks"]), entry["first_block"]
    drawn = stream.ring((2 * first + len(blocks) // 16,)).tobytes()
    assert drawn[16 * first :].hex() == blocks


@pytest.mark.parametrize("module", ["project", "plain"])
@pytest.mark.parametrize(("name", "at", "part"), PARTS)
def test_an_altered_value_is_not_what_implementations_give(
    name: str, at: int, part: str, module: str
) -> None:
    said = read(name)["cases"][at]["out"]
    check = functools.partial(check_answer, module, name, at)
    assert seen_to_fail(lambda of: check({**said, part: of}), said[part]) > 0


@pytest.mark.parametrize(("name", "at", "part"), [each for each in PARTS if each[2] not in UNTOLD])
def test_an_altered_value_has_not_the_properties(name: str, at: int, part: str) -> None:
    said = read(name)["cases"][at]["out"]
    assert seen_to_fail(lambda of: check_properties(name, at, {**said, part: of}), said[part]) > 0


@pytest.mark.parametrize(("name", "at"), STANDARDS)
def test_an_altered_vector_of_a_standard_is_found(name: str, at: int) -> None:
    entry = read(name)["published"][at]
    outputs = {"blocks", "hmac", "sha256", "okm"} & set(entry) or {"secret", "sides"}
    for part in outputs:
        check = functools.partial(_with, entry, part, properties.published)
        assert seen_to_fail(check, entry[part]) > 0
        if "nonce" in entry:
            check = functools.partial(_with, entry, part, check_stream)
            assert seen_to_fail(check, entry[part]) > 0


def _with(entry: Case, part: str, check: Callable[[Case], None], value: Any) -> None:
    check({**entry, part: value})


def test_an_altered_public_key_in_the_words_is_found() -> None:
    for name in ("dcf", "sign", "dpf"):
        said = read(name)["cases"][0]["out"]
        last = said["words"][-1]
        other = [*said["words"][:-1], last[:-1] + format(int(last[-1], 16) ^ 1, "x")]
        with pytest.raises(AssertionError):
            check_properties(name, 0, {**said, "words": other})
