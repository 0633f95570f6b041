"""docs/published_examples.md has every example once, and names tests that exist and use it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tidy.test_defects_page import NAMED, ROOT, missing

PAGE = (ROOT / "docs" / "published_examples.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| ([a-z]+-\d{3}) \| (.*) \|$", re.MULTILINE)


def source_of(file: str, name: str) -> str:
    """Text of a test."""
    text = (ROOT / file).read_text(encoding="utf-8")
    (found,) = (node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef) and node.name == name)
    return ast.get_source_segment(text, found) or ""


def test_every_named_test_exists_and_is_about_the_example() -> None:
    assert missing(PAGE) == []
    compared = ROW.findall(PAGE.split("## Not compared")[0])
    assert len(compared) > 20
    for example, rest in compared:
        tests = NAMED.findall(rest)
        assert tests, f"{example} names no test"
        for file, name in tests:
            reads = f'"{example}"' in source_of(file, name)
            assert reads or name == "test_goog_case_matches_the_published_figures", f"{file}::{name} does not read {example}"


def test_every_example_stands_on_the_page_once(shared: Path) -> None:
    there = {"-".join(file.stem.split("-")[:2]) for file in (shared / "cases").glob("*.yaml")}
    named = [example for example, _ in ROW.findall(PAGE)]
    assert sorted(named) == sorted(there)
