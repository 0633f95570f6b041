"""The sources keep the house rules. Every rule is also shown a breach that it must find."""

from __future__ import annotations

import ast
import statistics
from pathlib import Path

import pytest

from tidy import tree
from tidy.tree import Module, planted

SOURCES = Path(__file__).resolve().parents[2] / "src"


@pytest.fixture(scope="module")
def modules() -> dict[str, Module]:
    return tree.load(SOURCES)


def _all(breaches: list[list[str]]) -> list[str]:
    return [line for lines in breaches for line in lines]


def test_imports_go_to_lower_ranks(modules: dict[str, Module]) -> None:
    known = set(modules)
    assert _all([tree.rank_breaches(module, known) for module in modules.values()]) == []


@pytest.mark.parametrize(
    "name, text",
    [
        ("fillwright.model.codes", "from fillwright.config import schema"),
        ("fillwright.journal", "import fillwright.portfolio"),
        ("fillwright.kernel.advance", "from ..coordinator import run"),
        ("fillwright.result", "from fillwright import run"),
        ("fillwright.result", "def f():\n    from fillwright.verify import verify_folder"),
        ("fillwright.verify.books", "from fillwright.model import codes"),
        ("fillwright.verify.books", "import pandas"),
        ("fillwright.helpers", "import os"),
        ("fillwright.journal", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from fillwright.cli import main"),
    ],
)
def test_rank_rule_finds(name: str, text: str) -> None:
    known = {"fillwright.config.schema", "fillwright.model.codes", "fillwright.kernel.advance"}
    assert len(tree.rank_breaches(planted(name, text), known)) == 1


def test_imports_for_annotations_may_go_sideways() -> None:
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from fillwright.data.market import Market"
    assert tree.rank_breaches(planted("fillwright.journal", text), set()) == []


def test_no_import_cycles(modules: dict[str, Module]) -> None:
    assert tree.cycles(modules) == []


def test_cycle_rule_finds() -> None:
    pair = {
        "fillwright.data.a": planted("fillwright.data.a", "from fillwright.data import b"),
        "fillwright.data.b": planted("fillwright.data.b", "def f():\n    from fillwright.data.a import g"),
    }
    assert tree.cycles(pair) == ["fillwright.data.a -> fillwright.data.b -> fillwright.data.a"]


def test_imports_stand_at_the_top(modules: dict[str, Module]) -> None:
    known = set(modules)
    assert _all([tree.late_import_breaches(module, known) for module in modules.values()]) == []
    assert tree.late_import_breaches(planted("fillwright.trades", "def f():\n    import csv"), set())
    assert not tree.late_import_breaches(planted("fillwright.trades", "def f():\n    import pandas as pd"), set())


def test_every_file_says_what_it_is() -> None:
    root = SOURCES.parent
    files = [root / "dev.py", *(p for folder in ("src", "tests", "benchmarks") for p in (root / folder).rglob("*.py"))]
    missing = [str(p.relative_to(root)) for p in files if not ast.get_docstring(ast.parse(p.read_text(encoding="utf-8")))]
    assert missing == []


def test_files_hold_one_idea(modules: dict[str, Module]) -> None:
    sizes = {name: module.text.count("\n") for name, module in modules.items()}
    assert {name: size for name, size in sizes.items() if size > tree.MAX_FILE_LINES} == {}
    assert statistics.median(size for size in sizes.values() if size > 5) <= tree.MAX_MEDIAN_LINES


def test_functions_are_small(modules: dict[str, Module]) -> None:
    assert _all([tree.function_breaches(module) for module in modules.values()]) == []


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n" + "    x = 1\n" * 70,
        "def f(a, b, c, d, e, f, g, *, h): ...",
        "class A:\n    def f(self, **options): ...",
        "def f(**options: int): ...",
    ],
)
def test_function_rule_finds(text: str) -> None:
    assert len(tree.function_breaches(planted("fillwright.trades", text))) == 1


@pytest.mark.parametrize(
    "text",
    [
        'def f():\n    """' + "text\n" * 90 + '    """\n',
        "def advance():\n" + "    x = 1\n" * 90,
        "class A:\n    def f(self, a, b, c, d, e, f, g): ...",
        "def f(**options: Unpack[Options]): ...",
        "def _f(**options): ...",
    ],
)
def test_function_rule_lets_pass(text: str) -> None:
    assert tree.function_breaches(planted("fillwright.trades", text)) == []


def test_inheritance_is_flat(modules: dict[str, Module]) -> None:
    assert tree.inheritance_breaches(modules) == []
    deep = planted("fillwright.data", "class A(Base): ...\nclass B(A): ...\nclass C(B): ...")
    assert len(tree.inheritance_breaches({"fillwright.data": deep})) == 1


def test_no_clock_and_no_chance(modules: dict[str, Module]) -> None:
    known = set(modules)
    assert _all([tree.clock_breaches(module, known) for module in modules.values()]) == []


@pytest.mark.parametrize(
    "text",
    [
        "import random",
        "from time import time",
        "import time\nx = time.time()",
        "import datetime\nx = datetime.datetime.now(tz)",
        "from datetime import date\nx = date.today()",
        "np.random.seed(3)",
        "np.random.default_rng()",
    ],
)
def test_clock_rule_finds(text: str) -> None:
    assert len(tree.clock_breaches(planted("fillwright.trades", text), set())) == 1


def test_clock_rule_lets_measuring_pass() -> None:
    text = "import time\nx = time.perf_counter()\ny = np.random.default_rng(seed)"
    assert tree.clock_breaches(planted("fillwright.trades", text), set()) == []


def test_nothing_is_named_like_a_copy(modules: dict[str, Module]) -> None:
    assert _all([tree.name_breaches(module) for module in modules.values()]) == []
    for name in ("new_engine", "old_ledger", "fixed_broker", "run_v2", "match_improved"):
        assert len(tree.name_breaches(planted("fillwright.trades", f"def {name}(): ..."))) == 1, name
    assert tree.name_breaches(planted("fillwright.kernel.fixed", "def muldiv(): ...")) == []


def test_types_are_shipped() -> None:
    assert (SOURCES / "fillwright" / "py.typed").is_file()
