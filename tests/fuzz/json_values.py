"""JSON that is valid and not meant, and JSON that is none."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from random import Random

from secfpp.json_file import JsonValue

NESTED = "[" * 900 + "]" * 900
_HOLDERS: tuple[JsonValue, ...] = (
    [],
    {},
    [[]],
    [None],
    [{}],
    {"": None},
    [1, 2],
    ["a", "b"],
    {"a": {"a": []}},
)
HOSTILE: tuple[JsonValue, ...] = (
    *(None, True, False, 0, 1, -1, 2, 3.5, -0.0, 1e308, 5e-324, 10**30, 10**400, 2**63, -(2**63)),
    *(
        float("nan"),
        float("inf"),
        float("-inf"),
        "",
        " ",
        "x",
        "5",
        "nan",
        "\ud800",
        "a\0b",
        "\x1b",
    ),
    *("größe", "\U0001f600", "x" * 5000, "/dev/null", "../..", "~nobody", "secfpp", "<b>&'\""),
    *_HOLDERS,
)
NO_JSON = ("NaN", "-Infinity", "01", "+1", "9" * 5000, "1e999", "'x'", "undefined", '"\\ud83d"')


def mutated(random: Random, value: JsonValue) -> bytes:
    """Return a text of `value` with one to three places changed, and now and then its syntax."""
    copied: JsonValue = json.loads(json.dumps(value))
    holder: dict[str, JsonValue] = {"all": copied}
    for _ in range(random.choice([1, 1, 2, 3])):
        _change(random, holder)
    text = json.dumps(holder["all"])
    if random.random() < 0.3:
        text = random.choice(SYNTAX)(random, text)
    return text.encode("utf-8", "surrogatepass")


def _change(random: Random, holder: dict[str, JsonValue]) -> None:
    """Replace, remove, rename or double one place of a value."""
    places = list(_places(holder))
    parent, key = random.choice(places)
    way = random.random()
    if isinstance(parent, dict):
        name = str(key)
        if way < 0.1 and parent is not holder:
            del parent[name]
        elif way < 0.2 and parent is not holder:
            parent[random.choice(["", "unknown", "\ud800", name.upper(), "x" * 300])] = (
                copy.deepcopy(parent[name])
            )
        else:
            parent[name] = copy.deepcopy(random.choice(HOSTILE))
    elif isinstance(parent, list) and isinstance(key, int):
        if way < 0.1:
            del parent[key]
        elif way < 0.2:
            parent.insert(key, copy.deepcopy(parent[key]))
        else:
            parent[key] = copy.deepcopy(random.choice(HOSTILE))


def _places(value: JsonValue) -> Iterator[tuple[JsonValue, str | int]]:
    """Yield each object or list with each of its keys."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield value, key
            yield from _places(item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield value, index
            yield from _places(item)


def _other_token(random: Random, text: str) -> str:
    """Put what is hardly JSON in the place of some value."""
    start = text.find(": ", random.randrange(len(text) + 1))
    token = random.choice([*NO_JSON, NESTED, NESTED * 200, '{"a":' * 300 + "1" + "}" * 300])
    if start < 0:
        return token
    end = min((p for p in (text.find(",", start), text.find("}", start)) if p > 0), default=-1)
    return f"{text[:start]}: {token}{text[end:]}" if end > 0 else token


def _twice(random: Random, text: str) -> str:
    """Have a key twice."""
    return text.replace("{", '{"seeds": 2, "seeds": "x", ', 1)


def _latin(random: Random, text: str) -> str:
    """Have half a character, as in text of another encoding."""
    return text.replace('"', '"\udce9', random.choice([1, 2]))


SYNTAX = (
    _other_token,
    _other_token,
    _other_token,
    _twice,
    _latin,
    lambda random, text: "\ufeff" + text,
    lambda random, text: text[: random.randrange(len(text) + 1)],
    lambda random, text: text + random.choice(["{}", ",", "\0", "// end"]),
    lambda random, text: text.replace(",", ",,", 1),
    lambda random, text: text.replace('"', "'"),
    lambda random, text: text.replace("}", ",}"),
)
