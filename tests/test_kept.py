"""Groups of parties are kept while tests use them, and no longer."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.kept import Kept


class Groups:
    """Counts what is open; a group is its name."""

    def __init__(self, patience: int) -> None:
        self.kept = Kept(patience)
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
    groups = Groups(patience=3)
    groups.test_uses("a", "b")
    for _ in range(2):
        groups.test_uses("b")
        assert groups.open == ["a", "b"]
    groups.test_uses("b")
    assert groups.open == ["b"]
    assert groups.kept.starts == 2


def test_who_ended_a_group_too_early_is_twice_as_patient() -> None:
    groups = Groups(patience=3)
    for _ in range(2):
        groups.test_uses("a")
        for _ in range(4):
            groups.test_uses()
    assert groups.kept.starts == 2
    assert groups.kept.patience == 6
    assert groups.open == ["a"]


def test_in_the_end_nothing_is_open() -> None:
    groups = Groups(patience=3)
    groups.test_uses("a", "b")
    groups.kept.close()
    assert groups.open == []


def test_what_does_not_start_is_not_kept() -> None:
    kept = Kept()
    with pytest.raises(ZeroDivisionError):
        kept.get("a", lambda: 1 / 0)  # type: ignore[arg-type,return-value]
    assert kept.starts == 0
    kept.close()
