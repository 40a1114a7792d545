"""SECURITY.md names tests for what it says: they exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMED = re.findall(r"`([^`\n]+)`", (ROOT / "SECURITY.md").read_text())


def test_every_file_of_tests_that_is_named_exists() -> None:
    files = [name for name in NAMED if name.startswith(("tests/", "mpc/"))]
    assert len(files) > 30
    assert [name for name in files if not (ROOT / name).exists()] == []


def test_every_test_that_is_named_exists() -> None:
    tests = [name for name in NAMED if name.startswith("test_")]
    assert len(tests) > 3
    sources = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name in tests if f"def {name}(" not in sources] == []
