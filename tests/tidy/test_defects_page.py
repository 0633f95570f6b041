"""docs/legacy_defects.md names tests that exist, and every test written for a defect stands on it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "legacy_defects.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def names_in(path: Path) -> set[str]:
    """Names of the test functions of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def missing(text: str) -> list[str]:
    """Tests that a text names and that are not there."""
    return [
        f"{file}::{name}"
        for file, name in NAMED.findall(text)
        if not (ROOT / file).is_file() or name not in names_in(ROOT / file)
    ]


def test_every_named_test_exists() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert missing(text) == []
    assert text.count("::test_") == len(NAMED.findall(text))


def test_every_row_names_a_test() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ") and "---" not in line]
    assert len(rows) > 35
    assert [row for row in rows if not NAMED.search(row.rsplit(" | ", 1)[1]) and not row.endswith("| test |")] == []


def test_every_test_of_a_defect_is_on_the_page() -> None:
    file = "tests/legacy/test_defects.py"
    named = {name for where, name in NAMED.findall(PAGE.read_text(encoding="utf-8")) if where == file}
    assert names_in(ROOT / file) == named


@pytest.mark.parametrize("name", ["tests/legacy/test_defects.py::test_that_is_not_there", "tests/legacy/no_file.py::test_x"])
def test_a_test_that_is_not_there_is_found(name: str) -> None:
    assert missing(f"| a | `{name}` |") == [name]
