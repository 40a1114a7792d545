"""Groups of parties are kept while tests use them, and no longer."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.kept import MOST, PATIENCE, Kept


class Groups:
    """Counts what is open; a group is its name."""

    def __init__(self) -> None:
        self.kept = Kept()
        self.open: list[str] = []

    def started(self, name: str) -> AbstractContextManager[str]:
        @contextmanager
        def group() -> Iterator[str]:
            self.open.append(name)
            yield name
            self.open.remove(name)

        return group()

    def test_uses(self, *names: str) -> None:
        for name in names:
            assert self.kept.get(name, lambda name=name: self.started(name)) == name  # type: ignore[misc]
        self.kept.test_done()


def test_a_group_that_no_test_uses_ends() -> None:
    groups = Groups()
    groups.test_uses("a", "b")
    for _ in range(PATIENCE - 1):
        groups.test_uses("b")
    assert groups.open == ["a", "b"]
    groups.test_uses("b")
    assert groups.open == ["b"]
    assert groups.kept.starts == 2


def test_the_group_that_was_not_used_for_longest_makes_place() -> None:
    groups = Groups()
    for name in ("a", "b", "a", "c"):
        groups.test_uses(name)
    assert groups.open == ["a", "c"]
    assert len(groups.open) == MOST


def test_groups_that_are_needed_in_turn_are_all_kept_in_the_end() -> None:
    groups = Groups()
    for _ in range(100):
        for name in "abcde":
            groups.test_uses(name)
    assert sorted(groups.open) == list("abcde")
    assert groups.kept.starts < 5 * 5


def test_in_the_end_nothing_is_open() -> None:
    groups = Groups()
    groups.test_uses("a", "b")
    groups.kept.close()
    assert groups.open == []


def test_what_does_not_start_is_not_kept() -> None:
    kept = Kept()
    with pytest.raises(ZeroDivisionError):
        kept.get("a", lambda: 1 / 0)  # type: ignore[arg-type,return-value]
    assert kept.starts == 0
    kept.close()
